"""`Grid`: where the song is at any time, as the audio callback needs it; `DeviceClock`: when a frame is heard."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """A straight line through time and beats, valid until the next one is published.

    At `at_s` the song is at `beat` and moves by `beats_per_s` while `playing`. In a loop (`loop_end` above
    `loop_start`) it goes back at the end. Before `floor_beat` nothing sounds (a count-in). `jumps` counts
    discontinuities: a position that moved by itself is corrected smoothly, one that was sent elsewhere at once.
    """

    playing: bool = False
    at_s: float = 0.0
    beat: float = 0.0
    beats_per_s: float = 2.0
    loop_start: float = 0.0
    loop_end: float = -math.inf
    floor_beat: float = -math.inf
    jumps: int = 0

    @property
    def bpm(self) -> float:
        """Tempo."""
        return self.beats_per_s * 60

    @property
    def loops(self) -> bool:
        """Whether there is a loop that play will come to the end of."""
        return self.loop_end > self.loop_start and self.beat < self.loop_end

    def beat_at(self, at_s: float) -> float:
        """Beat at a time; stands still while not playing."""
        if not self.playing:
            return self.beat
        return self.fold(self.beat + (at_s - self.at_s) * self.beats_per_s)

    def fold(self, beat: float) -> float:
        """The beat with passes of the loop taken off."""
        if self.loops and beat >= self.loop_end:
            return self.loop_start + math.fmod(beat - self.loop_start, self.loop_end - self.loop_start)
        return beat


class DeviceClock:
    """Host times of device frames, from pairs that come late by a little that varies.

    A loop of second order: `rate` follows the device's crystal slowly, so that one late pair moves nothing by
    more than a few hundredths of what it is late. Pairs off by more than `reset_s` start afresh.
    """

    def __init__(self, sample_rate_hz: float, bandwidth_hz: float = 0.1, reset_s: float = 0.05) -> None:
        self.nominal_s = 1.0 / sample_rate_hz
        self._omega = 2 * math.pi * bandwidth_hz
        self._reset_s = reset_s
        self._line: tuple[int, float, float] | None = None
        self._pairs = 0

    @property
    def is_set(self) -> bool:
        """Whether a pair has been seen."""
        return self._line is not None

    def observe(self, frame: int, host_s: float) -> None:
        """Take one pair."""
        if self._line is None:
            self._line, self._pairs = (frame, host_s, self.nominal_s), 1
            return
        last, at_s, period_s = self._line
        elapsed = frame - last
        if elapsed <= 0:
            return
        foretold_s = at_s + elapsed * period_s
        error_s = host_s - foretold_s
        if abs(error_s) > self._reset_s:
            self._line, self._pairs = (frame, host_s, self.nominal_s), 1
            return
        self._pairs += 1
        span_s = elapsed * self.nominal_s
        # the mean of the first pairs, then the loop: otherwise the first pair's lateness stays for seconds
        gain = max(min(1.0, 1.4142 * self._omega * span_s), 1.0 / self._pairs)
        period_s += self.nominal_s * min(1.0, (self._omega**2) * span_s) * error_s if self._pairs > 100 else 0.0
        limit = self.nominal_s * 0.002
        period_s = min(max(period_s, self.nominal_s - limit), self.nominal_s + limit)
        self._line = (frame, foretold_s + gain * error_s, period_s)

    def time_s(self, frame: int) -> float:
        """Host time of a frame. Raises ValueError before the first pair."""
        line = self._line
        if line is None:
            raise ValueError("frame: no pair of frame and time was observed yet")
        return line[1] + (frame - line[0]) * line[2]
