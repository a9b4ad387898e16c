"""`Jitter`: how far off a clock's ticks may be and mean nothing by it, learnt from the ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bridge.clock.line import Line

UNIFORM_WIDTH = math.sqrt(12)  # width of a uniform distribution, in standard deviations
LEARN_TICKS = 192


class Jitter:
    """Peak-to-peak jitter of ticks, at least `floor_s`, which is the audio period of quantised clocks."""

    def __init__(self, floor_s: float) -> None:
        self.floor_s = floor_s
        self.variance = 0.0
        self._lump_s = 0.0

    @property
    def width_s(self) -> float:
        """The jitter believed in at present."""
        return max(self._lump_s, self.width_of(self.variance))

    def width_of(self, variance: float) -> float:
        """Jitter of ticks of some variance about their line, in square seconds."""
        return max(self.floor_s, 1.1 * UNIFORM_WIDTH * math.sqrt(variance))

    def begin(self, line: Line, points: Sequence[tuple[int, float]]) -> None:
        """Start with the first points that a line was fitted to, unless something is known already."""
        if not self.variance:
            errors = [time_s - line.time_s(number) for number, time_s in points]
            # two of the points' freedoms went into the line
            self.variance = sum(error * error for error in errors) / (len(errors) - 2)

    def learn(self, interval_s: float, period_s: float, ticks: int) -> None:
        """Take the interval before the latest of some ticks."""
        # white jitter shows twice in an interval; a slow change of tempo hardly at all
        error_s = min(abs(interval_s - period_s), 3 * self.width_s)
        weight = 1 / min(LEARN_TICKS, ticks)
        self.variance += weight * (error_s**2 / 2 - self.variance)
        # two ticks at once: they are handed over in lumps, by audio periods at least as long as a tick
        self._lump_s = period_s if interval_s < period_s / 3 else self._lump_s * 0.999


def may_be_off_s(line: Line, number: int, jitter_s: float) -> float:
    """How far off a line a tick may be: by its jitter, and by what is not known of the line there."""
    return jitter_s * (1 + 3 / UNIFORM_WIDTH * line.doubt(number))
