"""`ClockFilter`: steady tempo and phase out of clock ticks that arrive late, lost or in lumps.

The filter fits one line through *all* ticks since the last tempo change; nothing else holds +-0.1 bpm when
ticks are quantised to an audio period. What is left to do is to notice the change, and to start over from
it. Jitter is bounded (by the audio period, by the driver), a tempo change is not: its error grows with
every tick until no jitter explains it.

    late by   |          . '     <- 3 ticks off by 2.5 jitters, or 6 ticks by 1 jitter: the tempo stepped
    +jitter --|--.--.--.-------     24 ticks off by 0.6 jitters on average: it was nudged
    -jitter --|.--.---.--------     then the break is searched among the ticks kept, and the line restarts
              +----------------- ticks

Ticks get lost, and come late. One or two that are late by themselves are no part of the line. Those that agree
on the line a whole number of ticks away have been miscounted: their numbers are put right, and the line stays.
"""

from __future__ import annotations

import itertools
import math
from collections import deque

from bridge.clock_state import ClockState
from bridge.line import Line, break_point

BRIDGE_S = 2.0
KEPT_TICKS = 1024
STEP_TESTS = ((3, 2.5), (6, 1.0))
NUDGE_TICKS, NUDGE_JITTERS = 24, 0.6
LOCKED_TICKS = 24
RECOUNT_TICKS = 16
GAP_TICKS = 12
UNIFORM_WIDTH = math.sqrt(12)  # width of a uniform distribution, in standard deviations


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
        self.jitter_floor_s = jitter_s
        self.changes = 0  # tempo changes and jumps of phase noticed
        self.lost = 0  # ticks that never came, or came after they had been given up
        self.backwards = 0  # ticks whose time lay before that of their predecessor
        self.last_tick = -1
        self.last_time_s = 0.0
        self._variance = 0.0
        self._lump_s = 0.0
        self._restart(Line())

    def _restart(self, line: Line) -> None:
        self._line = line
        self._kept: deque[tuple[int, float]] = deque(maxlen=KEPT_TICKS)
        # the line as it was before each of the latest ticks: a step must not be judged by a line it bent
        self._before: deque[Line] = deque(maxlen=NUDGE_TICKS)
        self._owed = 0
        self._late = 0  # of the latest ticks, at most two that may be late by themselves
        # line before the gaps, ticks assumed lost in them, number of the tick after the first, and after the last
        self._gap: tuple[Line, int, int, int] | None = None
        # what held before the last change, until the line after it is long enough: line, variance of its ticks
        self._past: tuple[Line, float] | None = None
        self._fresh = False

    @property
    def state(self) -> ClockState:
        """Tempo and phase as known now."""
        return ClockState(
            self.ticks_per_beat, self.last_tick, self.last_time_s, self._line.time_s(self.last_tick),
            self.period_s, self.jitter_s,
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
        return max(self.jitter_floor_s, self._lump_s, _width(self._variance))

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
            self._fresh = False
            self._accept(self.last_tick + 1, time_s)
            if self.period_s is not None and not self._variance:
                errors = [time_s - self._line.time_s(number) for number, time_s in self._kept]
                # two of the points' freedoms went into the line
                self._variance = sum(error * error for error in errors) / (len(errors) - 2)
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
        paused, missing = self._missing(time_s, interval_s, period_s)
        self._owed = missing
        self.lost += missing
        self._accept(self.last_tick + 1 + missing, time_s)
        if paused and not (missing and self._slowed_down(losses=2)):
            line, before, first, _ = self._gap or (self._before[-1], 0, self.last_tick, 0)
            self._gap = line, before + missing, first, self.last_tick
        if missing:
            self._late = 0
            return self.last_tick
        self._late = self._late + 1 if self._is_off(time_s) else 0
        if not self._late:
            self._learn_jitter(interval_s, period_s)
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
        limit_s = self.jitter_s * (1 + 3 / UNIFORM_WIDTH * line.doubt(following))
        if abs(time_s - line.time_s(following)) > limit_s:
            return False
        for _ in range(late):
            self._before.pop()
            self._kept.pop()
        self._line, self._late = line, 0
        if self._gap is not None and self._gap[2] > self.last_tick - late:
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

    def _missing(self, time_s: float, interval_s: float, period_s: float) -> tuple[bool, int]:
        """Whether there was a gap just before this tick, and how many were lost in it."""
        following = self.last_tick + 1
        late_s = time_s - self._line.time_s(following)
        jitter_s = self.jitter_s
        limit_s = jitter_s * (1 + 3 / UNIFORM_WIDTH * self._line.doubt(following))
        least_s = max(period_s / 2, limit_s)
        before_s = late_s - (interval_s - period_s)
        # where the last tick was off already, the tempo is changing, and its error is no lost tick
        if interval_s - period_s < least_s or late_s < least_s or abs(before_s) > jitter_s:
            return False, 0
        lost = max(0, round(min(late_s, interval_s - period_s + jitter_s) / period_s))
        # what is late by no whole number of ticks is late, or the sender has paused
        return True, lost if abs(late_s - lost * period_s) <= limit_s else 0

    def _slowed_down(self, losses: int) -> bool:
        """Whether what looked like at least `losses` losses is a slower clock; if so, the line restarts.

        The ticks since the first of the supposed losses are then neighbours: numbered so, they lie on a line.
        """
        missed = [missing for _, missing in self._kept_missing()]
        if sum(1 for missing in missed if missing) < losses:
            return False
        first = next(i for i, missing in enumerate(missed) if missing)
        times = [time_s for time_s, _ in self._kept_missing()][first:]
        times.insert(0, self._kept[-len(times) - 1][1])
        if len(times) < 4:
            return False
        total = sum(missed)
        points = [(self.last_tick - total - len(times) + 1 + i, time_s) for i, time_s in enumerate(times)]
        line = Line.through(points)
        errors = [time_s - line.time_s(number) for number, time_s in points]
        if max(errors) - min(errors) > self.jitter_s:
            return False
        self.lost -= total
        self.last_tick -= total
        self._begin_at(points)
        return True

    def _kept_missing(self) -> list[tuple[float, int]]:
        """Time of each of the last ticks, with the number of ticks lost before it."""
        kept = list(itertools.islice(reversed(self._kept), RECOUNT_TICKS + 1))[::-1]
        return [(time_s, number - before - 1) for (before, _), (number, time_s) in itertools.pairwise(kept)]

    def _stood_still(self, after: int) -> bool:
        """Whether the clock paused in the last gaps, and no tick was lost; if so, a new grid begins there.

        Lost ticks leave the grid where it was, a sender that stalls goes on off it. Judged once, at least
        `after` ticks after the last gap.
        """
        if self._gap is None or self.last_tick < self._gap[3] + after:
            return False
        (line, missing, first, _), self._gap = self._gap, None
        points = [(number, time_s) for number, time_s in self._kept if number >= first]
        if self._miscounted(line, self.jitter_s, points, 1 / 3):
            return True
        middle_s = sorted(time_s - line.time_s(number) for number, time_s in points)[len(points) // 2]
        doubt_s = self.jitter_s / UNIFORM_WIDTH * line.doubt(points[len(points) // 2][0])
        if abs(middle_s) <= self.jitter_s / 2 + 2 * doubt_s:
            return False
        self.lost -= missing
        self.last_tick -= missing
        self._begin_at([(number - missing, time_s) for number, time_s in points], line.period_s)
        return True

    def _miscounted(self, line: Line, jitter_s: float, points: list[tuple[int, float]], periods: float) -> bool:
        """Whether some latest ticks lie on an older line under other numbers; if so, they are renumbered.

        Only where jitter is below so many `periods`: with more of it a change of tempo looks the same for a while.
        """
        period_s = line.period_s
        limit_s = jitter_s * (1 + 3 / UNIFORM_WIDTH * line.doubt(points[len(points) // 2][0]))
        if period_s <= 0 or limit_s > period_s * periods:
            return False
        errors = sorted(time_s - line.time_s(number) for number, time_s in points)
        off = round(errors[len(errors) // 2] / period_s)
        if max(abs(error - off * period_s) for error in errors) > limit_s or (not off and self._past is None):
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
        ticks = STEP_TESTS[0][0]
        points = list(self._kept)[-ticks:]
        jitter_s = max(self.jitter_floor_s, _width(variance))
        if len(points) < ticks or not self._miscounted(line, jitter_s, points, 1 / 8):
            return False
        self._variance = variance
        return True

    def _learn_jitter(self, interval_s: float, period_s: float) -> None:
        # white jitter shows twice in an interval; a slow change of tempo hardly at all
        error_s = min(abs(interval_s - period_s), 3 * self.jitter_s)
        weight = 1 / min(192, self._line.points)
        self._variance += weight * (error_s**2 / 2 - self._variance)
        # two ticks at once: they are handed over in lumps, by audio periods at least as long as a tick
        self._lump_s = period_s if interval_s < period_s / 3 else self._lump_s * 0.999

    def _look_for_change(self) -> None:
        jitter_s = self.jitter_s
        sigma_s = jitter_s / UNIFORM_WIDTH
        for ticks, jitters in STEP_TESTS:
            if len(self._before) < ticks or self._before[-ticks].points < 6:
                continue
            line = self._before[-ticks]
            recent = list(itertools.islice(reversed(self._kept), ticks))
            errors = [time_s - line.time_s(number) for number, time_s in recent]
            limit_s = jitters * jitter_s + 3 * sigma_s * line.doubt(recent[0][0])
            if min(errors) > limit_s or max(errors) < -limit_s:
                return None if self._miscounted(line, jitter_s, recent[::-1], 1 / 8) else self._change()
        if self._late:  # a few that are far off say nothing of a small change
            return None
        recent = list(itertools.islice(reversed(self._kept), NUDGE_TICKS))
        for line in (self._line, self._before[0]):
            if line.points < 2 * NUDGE_TICKS:
                continue
            mean_s = sum(time_s - line.time_s(number) for number, time_s in recent) / len(recent)
            limit_s = NUDGE_JITTERS * jitter_s
            if line is not self._line:  # it foretold these ticks, was not fitted to them, and may be off
                limit_s *= 1.5
                limit_s += 2 * sigma_s * line.doubt(recent[len(recent) // 2][0])
            if abs(mean_s) > limit_s:
                return self._change()
        return None

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
            past = self._before[0], self._variance
        number, time_s = points[0]
        self._restart(Line() if period_s is None else Line.from_here(number, time_s, period_s, LOCKED_TICKS))
        for number, time_s in points if period_s is None else points[1:]:
            self._before.append(self._line.copy())
            self._line.add(number, time_s)
            self._kept.append((number, time_s))
        self._past = past


def _width(variance: float) -> float:
    """Peak-to-peak jitter of ticks of some variance about their line."""
    return 1.1 * UNIFORM_WIDTH * math.sqrt(variance)
