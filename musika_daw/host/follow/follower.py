"""`Follower`: from what a source reports, late and in lumps, to a `Grid` that the callback can read on its own."""

from __future__ import annotations

import math

from bridge import Transport, Valid
from bridge.clock.motion import JUMP_TOLERANCE_S
from bridge.clock.transport import LOOP
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.timeline import Timeline

STALE_S = 2.0
COUNT_IN_BEATS = 0.1
TEMPO_STEP = 0.005
FAST_S, SLOW_S = 0.1, 1.5
LATE_START_S = 0.25  # a host that was held up sees a start that late


class Follower:
    """Keeps one straight line through the reports of a source, in beats over host time.

    A report off the line by more than 50 ms is a jump, one off by less draws the line towards it, the more
    slowly the more the reports scatter. A source that is silent for two seconds while playing has stopped.
    Where a source tells no tempo `bpm` holds; where it knows no position, bars are counted from the start.
    """

    def __init__(self, bpm: float = 120.0, timeline: Timeline | None = None) -> None:
        self.timeline = timeline or Timeline(bpm)
        self.bpm = bpm
        self.grid = Grid(beats_per_s=bpm / 60)
        self.scatter_s = 0.0
        self._reported_s = -math.inf

    def update(self, record: Transport, now_s: float) -> Grid:
        """Take the newest record; returns the grid, the same object where nothing changed."""
        if record.knows(Valid.TEMPO_BPM):
            self.bpm = record.tempo_bpm
        at_s = record.host_time_s if record.knows(Valid.HOST_TIME_S) else now_s
        playing = self._is_playing(record) and now_s - at_s < STALE_S
        loop = _loop_of(record)
        grid = self.grid
        if not playing:
            beat = self._position(record, grid)
            if beat is None:
                beat = grid.beat_at(now_s)
            if grid.playing or beat != grid.beat or loop != (grid.loop_start, grid.loop_end) or self._tempo_moved():
                self._set(False, at_s, beat, loop, grid.jumps + (beat != grid.beat))
            self._reported_s = at_s
        elif not grid.playing:
            self._start(record, at_s, loop)
        elif at_s != self._reported_s:
            self._go_on(record, at_s, loop)
        self.timeline.observe(self.grid.beat_at(now_s), self.bpm, playing)
        return self.grid

    def here(self, now_s: float) -> float:
        """Beat at a host time."""
        return self.grid.beat_at(now_s)

    def _is_playing(self, record: Transport) -> bool:
        if record.knows(Valid.PLAYING):
            return record.playing
        # Link without start and stop: whoever shares its beat plays
        return record.knows(Valid.PHASE_BEATS | Valid.QUANTUM_BEATS)

    def _tempo_moved(self) -> bool:
        return abs(self.grid.beats_per_s * 60 / self.bpm - 1) > 1e-7

    def _position(self, record: Transport, grid: Grid) -> float | None:
        """Beat of a record, or None if it knows none."""
        if record.knows(Valid.POSITION_BEATS):
            return record.position_beats
        if record.knows(Valid.POSITION_S):
            return self.timeline.beat_at_seconds(record.position_s)
        if record.knows(Valid.POSITION_FRAMES | Valid.SAMPLE_RATE_HZ):
            return self.timeline.beat_at_seconds(record.position_frames / record.sample_rate_hz)
        if record.knows(Valid.PHASE_BEATS | Valid.QUANTUM_BEATS) and grid.playing and record.knows(Valid.HOST_TIME_S):
            beat = grid.beat + (record.host_time_s - grid.at_s) * grid.beats_per_s
            return beat + math.remainder(record.phase_beats - beat, record.quantum_beats)
        return None

    def _start(self, record: Transport, at_s: float, loop: tuple[float, float]) -> None:
        beat = start = self._position(record, self.grid)
        floor = -math.inf
        stood = self.grid.beat
        if beat is not None and 0 <= beat - stood <= LATE_START_S * self.bpm / 60:
            start = stood
        if beat is None and record.knows(Valid.PHASE_BEATS | Valid.QUANTUM_BEATS):
            # a session that is not at the start of a bar counts in to the next one
            beat = record.phase_beats
            if record.knows(Valid.PLAYING) and beat > COUNT_IN_BEATS:
                beat, floor = beat - record.quantum_beats, 0.0
        if beat is None:
            beat = 0.0
        self._set(True, at_s, beat, loop, self.grid.jumps + 1, floor, max(beat, floor) if start is None else start)
        self._reported_s, self.scatter_s = at_s, 0.0

    def _go_on(self, record: Transport, at_s: float, loop: tuple[float, float]) -> None:
        grid = self.grid
        elapsed_s = max(at_s - self._reported_s, 0.0)
        foretold = grid.beat_at(at_s)
        told = self._position(record, grid)
        jumps, start, moved = grid.jumps, grid.start_beat, self._tempo_moved()
        beat = foretold if told is None else told
        error = beat - foretold
        length = loop[1] - loop[0]
        if length > 0 and abs(error) > length / 2:
            error -= math.copysign(length, error)
        error_s = error * 60 / self.bpm
        stepped = abs(grid.beats_per_s * 60 / self.bpm - 1) > TEMPO_STEP
        if abs(error_s) > JUMP_TOLERANCE_S:
            jumps, start = jumps + 1, beat
            self.scatter_s = 0.0
        elif not stepped:
            weight = min(1.0, elapsed_s / 1.0)
            self.scatter_s += weight * (abs(error_s) - self.scatter_s)
            pull = 1 - math.exp(-elapsed_s / min(SLOW_S, FAST_S + 100 * self.scatter_s))
            beat = grid.fold(foretold + pull * error)
        if length > 0 and beat >= loop[1] and told is not None and told < loop[1]:
            beat -= length  # the loop's end has trembled past the line, and would not be met again
        self._reported_s = at_s
        if moved or beat != foretold or loop != (grid.loop_start, grid.loop_end):
            self._set(True, at_s, beat, loop, jumps, grid.floor_beat, start)

    def _set(
        self,
        playing: bool,
        at_s: float,
        beat: float,
        loop: tuple[float, float],
        jumps: int,
        floor: float = -math.inf,
        start: float = -math.inf,
    ) -> None:
        self.grid = Grid(playing, at_s, beat, self.bpm / 60, loop[0], loop[1], floor, jumps, start)


def _loop_of(record: Transport) -> tuple[float, float]:
    """Start and end of the loop; an end below its start where there is none."""
    if record.knows(LOOP) and record.loop_on and record.loop_end_beats > record.loop_start_beats:
        return record.loop_start_beats, record.loop_end_beats
    return 0.0, -math.inf
