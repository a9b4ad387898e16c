"""A straight line through (tick, time) points that grows by one point at a time, and where it broke."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


class Line:
    """Least-squares fit of time in seconds over tick number, O(1) a point, exact over millions of ticks."""

    def __init__(self) -> None:
        self.points = 0
        self.seeded = False  # the slope was given, so one point is enough
        self._tick = 0.0
        self._time_s = 0.0
        self._sxx = 0.0
        self._sxy = 0.0

    @classmethod
    def through(cls, points: Sequence[tuple[int, float]]) -> Line:
        """The line fitted to some points."""
        line = cls()
        for tick, time_s in points:
            line.add(tick, time_s)
        return line

    @classmethod
    def from_here(cls, tick: int, time_s: float, period_s: float, like_ticks: int) -> Line:
        """A line through one point whose slope counts as if it had been fitted to `like_ticks` points."""
        line = cls.through([(tick, time_s)])
        line.seeded = True
        line._sxx = like_ticks**3 / 12
        line._sxy = period_s * line._sxx
        return line

    def copy(self) -> Line:
        """Another line through the same points."""
        copy = object.__new__(Line)  # a filter asks for one every tick
        copy.__dict__.update(self.__dict__)
        return copy

    def add(self, tick: float, time_s: float) -> None:
        """Fit one more point."""
        self.points += 1
        away = tick - self._tick
        self._tick += away / self.points
        self._time_s += (time_s - self._time_s) / self.points
        # Welford's update: the sums of products stay centred, so large clock values cost no digits
        self._sxx += away * (tick - self._tick)
        self._sxy += away * (time_s - self._time_s)

    @property
    def period_s(self) -> float:
        """Seconds a tick; 0 while fewer than two different ticks are known."""
        return self._sxy / self._sxx if self._sxx else 0.0

    def time_s(self, tick: float) -> float:
        """Time at which the line passes a tick."""
        return self._time_s + (tick - self._tick) * self.period_s

    def tick(self, time_s: float) -> float:
        """Tick, with fraction, that the line passes at a time."""
        period_s = self.period_s
        return self._tick + (time_s - self._time_s) / period_s if period_s > 0 else self._tick

    def doubt(self, tick: float) -> float:
        """Standard error of `time_s(tick)`, in units of the standard deviation of one point."""
        if not self.points or not self._sxx:
            return math.inf
        return math.sqrt(1 / self.points + (tick - self._tick) ** 2 / self._sxx)


def break_point(points: Sequence[tuple[int, float]], head_min: int = 8, tail_min: int = 4) -> int:
    """Index at which two lines explain the points best: the first point of the second line.

    With too few points for two lines it is the last `tail_min` points.
    """
    count = len(points)
    if count < head_min + tail_min:
        return max(0, count - tail_min)
    data = np.array(points, dtype=np.float64)
    data -= data[count // 2]
    head, tail = _errors(data), _errors(data[::-1])[::-1]
    # head[k] is the misfit of points 0..k, tail[k] that of k..end
    total = head[head_min - 1 : count - tail_min] + tail[head_min : count - tail_min + 1]
    return head_min + int(np.argmin(total))


def _errors(data: np.ndarray) -> np.ndarray:
    """Squared misfit of the best line through the first 1, 2, ... rows of (x, y)."""
    x, y = data[:, 0], data[:, 1]
    n = np.arange(1, len(x) + 1)
    sx, sy = np.cumsum(x), np.cumsum(y)
    sxx = np.cumsum(x * x) - sx * sx / n
    sxy = np.cumsum(x * y) - sx * sy / n
    syy = np.cumsum(y * y) - sy * sy / n
    return syy - np.divide(sxy * sxy, sxx, out=np.zeros_like(sxy), where=sxx > 0)
