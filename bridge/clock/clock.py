"""`ClockFilter`: steady tempo and phase out of clock ticks that arrive late, lost or in lumps.

The filter fits one line through *all* ticks since the last tempo change; nothing else holds +-0.1 bpm when
ticks are quantised to an audio period. What is left to do is to notice the change, and to start over from
it. Jitter is bounded (by the audio period, by the driver), a tempo change is not (`tempo_change`). Then the
break is searched among the ticks kept, and the line restarts.

Ticks get lost, and come late. One or two that are late by themselves are no part of the line. Those that agree
on the line a whole number of ticks away have been miscounted: their numbers are put right, and the line stays.
What happened in a gap is judged some ticks after it (`gap`).
"""

from __future__ import annotations

from collections import deque

from bridge.clock.clock_state import ClockState
from bridge.clock.gap import Gap, Ticks, as_neighbours, lost_in, miscount
from bridge.clock.jitter import Jitter, may_be_off_s
from bridge.clock.line import Line, break_point
from bridge.clock.tempo_change import NUDGE_TICKS, STEP_TESTS, is_nudged, stepped

BRIDGE_S = 2.0
KEPT_TICKS = 1024
LOCKED_TICKS = 24
GAP_TICKS = 12
RETURN_TICKS = STEP_TESTS[0][0]


class ClockFilter:
    """Filters the arrival times of a regular clock.

    `ticks_per_beat` is 24 for MIDI clock. `jitter_s` is the smallest peak-to-peak jitter to believe in:
    the audio period for quantised clocks (0.006 covers 256 frames), less where stamps are exact; more is
    learnt from the ticks. Raises ValueError for values out of range.
    """

    def __init__(self, ticks_per_beat: int = 24, jitter_s: float = 0.006) -> None:
        if not 1 <= ticks_per_beat <= 960:
            raise ValueError(f"ticks_per_beat: {ticks_per_beat}, must be in 1..960")
        if not 1e-5 <= jitter_s <= 0.1:
            raise ValueError(f"jitter_s: {jitter_s}, must be in 0.00001..0.1")
        self.ticks_per_beat = ticks_per_beat
        self.changes = 0  # tempo changes and jumps of phase noticed
        self.lost = 0  # ticks that never came, or came after they had been given up
        self.backwards = 0  # ticks whose time lay before that of their predecessor
        self.last_tick = -1
        self.last_time_s = 0.0
        self._jitter = Jitter(jitter_s)
        self._restart(Line())

    def _restart(self, line: Line) -> None:
        self._line = line
        self._kept: deque[tuple[int, float]] = deque(maxlen=KEPT_TICKS)
        # the line as it was before each of the latest ticks: a step must not be judged by a line it bent
        self._before: deque[Line] = deque(maxlen=NUDGE_TICKS)
        self._owed = 0
        self._late = 0  # of the latest ticks, at most two that may be late by themselves
        self._gap: Gap | None = None
        # what held before the last change, until the line after it is long enough: line, variance of its ticks
        self._past: tuple[Line, float] | None = None
        self._fresh = False

    @property
    def state(self) -> ClockState:
        """Tempo and phase as known now."""
        return ClockState(
            self.ticks_per_beat,
            self.last_tick,
            self.last_time_s,
            self._line.time_s(self.last_tick),
            self.period_s,
            self.jitter_s,
        )

    @property
    def period_s(self) -> float | None:
        """Seconds a tick, or None before six ticks."""
        known = self._line.points >= 6 or self._line.seeded
        return self._line.period_s if known and self._line.period_s > 0 else None

    @property
    def is_locked(self) -> bool:
        """Whether a beat's worth of ticks agrees on one tempo."""
        return self._line.points >= LOCKED_TICKS

    @property
    def jitter_s(self) -> float:
        """Peak-to-peak jitter believed in at present."""
        return self._jitter.width_s

    def expect_start(self) -> None:
        """The next tick may be the start of a new grid: take its phase at once, keep the tempo."""
        self._fresh = True

    def tick(self, time_s: float) -> int:
        """Take one tick that came at `time_s`; returns its number, lost ticks counted."""
        if self.last_tick < 0:
            return self._accept(0, time_s)
        if time_s < self.last_time_s:
            self.backwards += 1
            if time_s < self.last_time_s - 1:  # another clock, not a disorder in the queue
                self._restart(Line())
                return self._accept(self.last_tick + 1, time_s)
            time_s = self.last_time_s
        period_s = self.period_s
        if period_s is None:
            if self._fresh:  # of the grid before nothing is known that could be held against this one
                self._restart(Line())
            self._accept(self.last_tick + 1, time_s)
            if self.period_s is not None:
                self._jitter.begin(self._line, self._kept)
            return self.last_tick
        interval_s = time_s - self.last_time_s
        if interval_s > BRIDGE_S + 4 * period_s:
            return self._begin_grid(self.last_tick + 1, time_s, period_s)
        if self._fresh:
            return self._start_grid(time_s, period_s)
        if self._late and self._forgive(time_s):
            interval_s = time_s - self.last_time_s
        if self._owed and interval_s < period_s / 3:
            self._owed -= 1  # given up as lost, they came in a lump after all
            return self.last_tick
        lost = lost_in(self._line, self.last_tick + 1, time_s, interval_s, period_s=period_s, jitter_s=self.jitter_s)
        missing = lost or 0
        self._owed = missing
        self.lost += missing
        self._accept(self.last_tick + 1 + missing, time_s)
        if lost is not None and not (missing and self._slowed_down(losses=2)):
            gap = self._gap or Gap(self._before[-1], 0, self.last_tick, 0)
            self._gap = Gap(gap.line, gap.lost + missing, gap.first, self.last_tick)
        if missing:
            self._late = 0
            return self.last_tick
        self._late = self._late + 1 if self._is_off(time_s) else 0
        if not self._late:
            self._jitter.learn(interval_s, period_s, self._line.points)
        if not (self._returned() or self._stood_still(GAP_TICKS)):
            self._look_for_change()
        return self.last_tick

    def _accept(self, number: int, time_s: float) -> int:
        self.last_tick, self.last_time_s = number, time_s
        self._before.append(self._line.copy())
        self._line.add(number, time_s)
        self._kept.append((number, time_s))
        return number

    def _is_off(self, time_s: float) -> bool:
        """Whether the latest tick is off the line as it was before, and before those that were off like it."""
        line = self._before[-self._late - 1] if self._late < len(self._before) else self._line
        limit_s = STEP_TESTS[0][1] * self.jitter_s
        return line.points >= LOCKED_TICKS and abs(time_s - line.time_s(self.last_tick)) > limit_s

    def _forgive(self, time_s: float) -> bool:
        """Leave ticks that were late by themselves out of the line, now that one is on it again."""
        line, late = self._before[-self._late], self._late
        following = self.last_tick + 1
        if abs(time_s - line.time_s(following)) > may_be_off_s(line, following, self.jitter_s):
            return False
        for _ in range(late):
            self._before.pop()
            self._kept.pop()
        self._line, self._late = line, 0
        if self._gap is not None and self._gap.first > self.last_tick - late:
            self._gap = None
        self.last_time_s = min(line.time_s(self.last_tick), time_s)
        return True

    def _start_grid(self, time_s: float, period_s: float) -> int:
        """First tick after a start: on the old grid it changes nothing, off it a new line begins there."""
        number = self.last_tick + 1
        nearest = round(self._line.tick(time_s))
        off_s = abs(time_s - self._line.time_s(nearest))
        if off_s > self.jitter_s or nearest < number:
            return self._begin_grid(number, time_s, period_s)
        # the ticks not sent in between are no ticks of the song: renumber so that this one is the next
        shifted = Line.from_here(number, self._line.time_s(nearest), period_s, 4 * LOCKED_TICKS)
        self._restart(shifted if nearest != number else self._line)
        return self._accept(number, time_s)

    def _begin_grid(self, number: int, time_s: float, period_s: float) -> int:
        self._restart(Line.from_here(number, time_s, period_s, LOCKED_TICKS))
        self._kept.append((number, time_s))
        self.last_tick, self.last_time_s = number, time_s
        return number

    def _slowed_down(self, losses: int) -> bool:
        """Whether what looked like at least `losses` losses is a slower clock; if so, the line restarts."""
        points = as_neighbours(self._kept, losses, self.jitter_s)
        if points is None:
            return False
        self._uncount(self.last_tick - points[-1][0])
        self._begin_at(points)
        return True

    def _stood_still(self, after: int) -> bool:
        """Whether the clock paused in the last gaps, and no tick was lost; if so, a new grid begins there.

        Judged once, at least `after` ticks after the last gap.
        """
        if self._gap is None or self.last_tick < self._gap.last + after:
            return False
        gap, self._gap = self._gap, None
        points = [(number, time_s) for number, time_s in self._kept if number >= gap.first]
        if self._recounted(gap.line, points, self.jitter_s, 1 / 3):
            return True
        if not gap.has_moved(points, self.jitter_s):
            return False
        self._uncount(gap.lost)
        self._begin_at([(number - gap.lost, time_s) for number, time_s in points], gap.line.period_s)
        return True

    def _uncount(self, ticks: int) -> None:
        """Some ticks that were assumed lost never were."""
        self.lost -= ticks
        self.last_tick -= ticks

    def _recounted(self, line: Line, points: Ticks, jitter_s: float, periods: float) -> bool:
        """Whether some latest ticks lie on an older line under other numbers; if so, they get them."""
        off = miscount(line, points, jitter_s, periods)
        if off is None or (not off and self._past is None):
            return False
        self.lost = max(0, self.lost + off)
        self._restart(line.copy())
        for number, time_s in points:
            self._accept(number + off, time_s)
        return True

    def _returned(self) -> bool:
        """Whether the line before the last change holds after all: lost ticks can look like a slower clock."""
        if self._past is None:
            return False
        if self.is_locked:
            self._past = None
            return False
        line, variance = self._past
        points = list(self._kept)[-RETURN_TICKS:]
        jitter_s = self._jitter.width_of(variance)
        if len(points) < RETURN_TICKS or self._foretold(points):
            return False
        if not self._recounted(line, points, jitter_s, 1 / 8):
            return False
        self._jitter.variance = variance
        return True

    def _foretold(self, points: Ticks) -> bool:
        """Whether the line as it was before the latest ticks had them where they came.

        While a new tempo leads away from the old line it passes a whole number of ticks beside it now and then.
        """
        line = self._before[-len(points)] if len(points) <= len(self._before) else Line()
        if line.points < 4:
            return False
        return all(
            abs(at_s - line.time_s(number)) <= may_be_off_s(line, number, self.jitter_s) for number, at_s in points
        )

    def _look_for_change(self) -> None:
        jitter_s = self.jitter_s
        found = stepped(self._before, self._kept, jitter_s)
        if found is not None:
            if not self._recounted(*found, jitter_s, 1 / 8):
                self._change()
        # a few that are far off say nothing of a small change
        elif not self._late and is_nudged(self._line, self._before[0], self._kept, jitter_s):
            self._change()

    def _change(self) -> None:
        if self._slowed_down(losses=1) or self._stood_still(after=2):
            return
        kept = list(self._kept)
        self._begin_at(kept[break_point(kept) :])

    def _begin_at(self, points: list[tuple[int, float]], period_s: float | None = None) -> None:
        """Start the line over from some points, with a slope to start with if it is known."""
        self.changes += 1
        past = self._past
        if self._before and self._before[0].points >= LOCKED_TICKS:
            past = self._before[0], self._jitter.variance
        number, time_s = points[0]
        self._restart(Line() if period_s is None else Line.from_here(number, time_s, period_s, LOCKED_TICKS))
        for number, time_s in points if period_s is None else points[1:]:
            self._before.append(self._line.copy())
            self._line.add(number, time_s)
            self._kept.append((number, time_s))
        self._past = past
