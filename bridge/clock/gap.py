"""Gaps between the ticks of a clock: were ticks lost in them, does the clock go slower, or did the sender pause?

Nothing of this can be told when the gap ends, only some ticks later: lost ticks leave the grid where it was, a slower
clock makes neighbours of ticks that seemed apart, and a sender that stalls goes on off the grid.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.clock.jitter import UNIFORM_WIDTH, may_be_off_s
from bridge.clock.line import Line

RECOUNT_TICKS = 16
Ticks = Sequence[tuple[int, float]]  # number, time in seconds


@dataclass(frozen=True)
class Gap:
    """Gaps not judged yet: the line before them, ticks assumed lost in them, the numbers of the tick after the first
    one and of the tick after the last one."""

    line: Line
    lost: int
    first: int
    last: int

    def has_moved(self, after: Ticks, jitter_s: float) -> bool:
        """Whether the ticks that came after it lie beside the line before it."""
        number, middle_s = after[len(after) // 2][0], _middle_s(self.line, after)
        doubt_s = jitter_s / UNIFORM_WIDTH * self.line.doubt(number)
        return abs(middle_s) > jitter_s / 2 + 2 * doubt_s


def lost_in(
    line: Line, following: int, time_s: float, interval_s: float, *, period_s: float, jitter_s: float
) -> int | None:
    """How many ticks were lost just before the one at `time_s`, which would be number `following`; None where there
    was no gap. 0 is a gap of no whole number of ticks.
    """
    late_s = time_s - line.time_s(following)
    limit_s = may_be_off_s(line, following, jitter_s)
    least_s = max(period_s / 2, limit_s)
    before_s = late_s - (interval_s - period_s)
    # where the last tick was off already, the tempo is changing, and its error is no lost tick
    if interval_s - period_s < least_s or late_s < least_s or abs(before_s) > jitter_s:
        return None
    lost = max(0, round(min(late_s, interval_s - period_s + jitter_s) / period_s))
    # what is late by no whole number of ticks is late, or the sender has paused
    return lost if abs(late_s - lost * period_s) <= limit_s else 0


def as_neighbours(kept: deque[tuple[int, float]], losses: int, jitter_s: float) -> list[tuple[int, float]] | None:
    """The ticks since the first of at least `losses` supposed losses, numbered as if none had been lost, where they lie
    on a line so: then the clock is slower, and nothing was lost. Else None.
    """
    latest = list(itertools.islice(reversed(kept), RECOUNT_TICKS + 1))[::-1]
    lost = [number - before - 1 for (before, _), (number, _) in itertools.pairwise(latest)]
    if sum(1 for ticks in lost if ticks) < losses:
        return None
    first = next(i for i, ticks in enumerate(lost) if ticks)
    times = [time_s for _, time_s in latest[first:]]
    if len(times) < 4:
        return None
    last = latest[-1][0] - sum(lost)
    points = [(last - len(times) + 1 + i, time_s) for i, time_s in enumerate(times)]
    line = Line.through(points)
    errors = [time_s - line.time_s(number) for number, time_s in points]
    return points if max(errors) - min(errors) <= jitter_s else None


def miscount(line: Line, points: Ticks, jitter_s: float, periods: float) -> int | None:
    """By how many ticks the numbers of some points are too small for them to lie on a line; None if no number helps.

    Only where jitter is below so many `periods`: with more of it a change of tempo looks the same for a while.
    """
    period_s = line.period_s
    limit_s = may_be_off_s(line, points[len(points) // 2][0], jitter_s)
    if period_s <= 0 or limit_s > period_s * periods:
        return None
    off = round(_middle_s(line, points) / period_s)
    errors = (time_s - line.time_s(number) for number, time_s in points)
    return None if max(abs(error - off * period_s) for error in errors) > limit_s else off


def _middle_s(line: Line, points: Ticks) -> float:
    """Median of how late points are."""
    return sorted(time_s - line.time_s(number) for number, time_s in points)[len(points) // 2]
