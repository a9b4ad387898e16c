"""`JackFollower`: the grid of a JACK transport, on the server's own frames, exact to the sample.

The beats that a timebase master reports are not always worth as much as its frames: `jack_transport` cuts
the fraction of a tick off in every period, which makes its song 2.3 % slow at 120 bpm. So beats are read where
play begins or jumps, and counted in frames from there; a master that keeps time is believed in between too.
"""

from __future__ import annotations

import math

from bridge import Transport, Valid
from musika_daw.host.follow.follower import _loop_of
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.timeline import Timeline

JUMP_S = 0.03
WHOLE_BEATS = 0.004  # a few ticks: as near as masters come to where a constant tempo would be
TRUST_AFTER_S, TRUST = 1.0, 0.002
LEAST_S = 0.001
SLOW_STEP_S = 0.25  # a host that was held up sees a start that late


class JackFollower:
    """Turns the records of `bridge.JackSource` into a grid whose times are seconds of the transport.

    Without a timebase master the tempo is `bpm` throughout.
    """

    def __init__(self, bpm: float = 120.0, timeline: Timeline | None = None) -> None:
        self.timeline = timeline or Timeline(bpm)
        self.bpm = bpm
        self.grid = Grid(beats_per_s=bpm / 60)
        self.trusts_master: bool | None = None
        self._last: tuple[float, float] | None = None  # host time and transport time of the last record
        self._run: tuple[float, float] | None = None  # transport time and reported beat where this run began

    def update(self, record: Transport, now_s: float) -> Grid:
        """Take the newest record; returns the grid, the same object where nothing changed."""
        if not record.knows(Valid.POSITION_S | Valid.HOST_TIME_S | Valid.PLAYING):
            self._last = self._run = None
            if self.grid.playing:
                self.grid = Grid(False, self.grid.at_s, self.grid.beat, self.bpm / 60, jumps=self.grid.jumps + 1)
            return self.grid
        at_s, host_s = record.position_s, record.host_time_s
        bpm = record.tempo_bpm if record.knows(Valid.TEMPO_BPM) else self.bpm
        told = record.position_beats if record.knows(Valid.POSITION_BEATS) else None
        grid, loop = self.grid, _loop_of(record)
        went_on = False
        if self._last is not None and grid.playing and record.playing:
            went_on = abs((at_s - self._last[1]) - (host_s - self._last[0])) < JUMP_S
        stepped = abs(bpm - self.bpm) > 1e-6
        self.bpm = bpm
        if not went_on:
            beat = self._anchor(at_s, told)
            if not stepped and self._stayed(at_s, host_s):
                beat = grid.beat + (at_s - grid.at_s) * grid.beats_per_s
            same = abs(beat - (grid.beat + (at_s - grid.at_s) * grid.beats_per_s)) < 1e-6 and not stepped
            stays = same and record.playing == grid.playing and loop == (grid.loop_start, grid.loop_end)
            if not stays or (not record.playing and at_s != grid.at_s):
                self.grid = Grid(record.playing, at_s, beat, bpm / 60, *loop, jumps=grid.jumps + (not same))
            self._run = (at_s, told) if told is not None else None
        else:
            self._go_on(at_s, told, stepped, loop)
        self._last = (host_s, at_s)
        self.timeline.observe(self.grid.beat, bpm, record.playing)
        return self.grid

    def here(self, now_s: float) -> float:
        """Beat at a host time."""
        if self._last is None or not self.grid.playing:
            return self.grid.beat
        return self.grid.beat_at(self._last[1] + now_s - self._last[0])

    def _anchor(self, at_s: float, told: float | None) -> float:
        """Beat at a place where play begins or goes on elsewhere."""
        constant = at_s * self.bpm / 60
        if told is None or abs(told - constant) < WHOLE_BEATS:
            return constant
        return told

    def _stayed(self, at_s: float, host_s: float) -> bool:
        """Whether a stop or start found the transport where it was, under a master whose beats are worth nothing."""
        if self._last is None or self.trusts_master is not False:
            return False
        elapsed_s = host_s - self._last[0]
        may_s = JUMP_S + (elapsed_s if self.grid.playing else min(elapsed_s, SLOW_STEP_S))
        return 0 <= at_s - self._last[1] <= may_s

    def _go_on(self, at_s: float, told: float | None, stepped: bool, loop: tuple[float, float]) -> None:
        grid = self.grid
        beat = foretold = grid.beat + (at_s - grid.at_s) * grid.beats_per_s
        if told is not None and self._run is not None and not stepped:
            run_s = at_s - self._run[0]
            if run_s >= TRUST_AFTER_S:
                self.trusts_master = abs((told - self._run[1]) / (run_s * self.bpm / 60) - 1) < TRUST
        if told is not None and self.trusts_master:
            error_s = (told - foretold) * 60 / self.bpm
            if stepped:
                beat = told
            elif abs(error_s) > LEAST_S:
                beat = foretold + math.copysign(min(abs(error_s), 0.002), error_s) * self.bpm / 60 * 0.1
        if stepped:
            self._run = (at_s, told) if told is not None else None
        if stepped or beat != foretold or loop != (grid.loop_start, grid.loop_end):
            self.grid = Grid(True, at_s, beat, self.bpm / 60, *loop, jumps=grid.jumps)
