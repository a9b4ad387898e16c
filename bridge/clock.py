"""`ClockFilter`: steady tempo and phase out of clock ticks that arrive late, lost or in lumps.

The filter fits one line through *all* ticks since the last tempo change; nothing else holds +-0.1 bpm when
ticks are quantised to an audio period. What is left to do is to notice the change, and to start over from
it. Jitter is bounded (by the audio period, by the driver), a tempo change is not: its error grows with
every tick until no jitter explains it.

    late by   |          . '     <- 3 ticks off by 2.5 jitters, or 6 ticks by 1 jitter: the tempo stepped
    +jitter --|--.--.--.-------     24 ticks off by 0.6 jitters on average: it was nudged
    -jitter --|.--.---.--------     then the break is searched among the ticks kept, and the line restarts
              +----------------- ticks
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
        # line before a gap, ticks assumed lost in it, number of the tick after it
        self._gap: tuple[Line, int, int] | None = None
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
        return max(self.jitter_floor_s, self._lump_s, 1.1 * UNIFORM_WIDTH * math.sqrt(self._variance))

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
        if self._owed and interval_s < period_s / 3:
            self._owed -= 1  # given up as lost, they came in a lump after all
            return self.last_tick
        missing = self._missing(time_s, interval_s, period_s)
        self._owed = missing
        self.lost += missing
        self._accept(self.last_tick + 1 + missing, time_s)
        if missing:
            if not self._slowed_down(losses=2):
                self._gap = None if self._gap else (self._before[-1], missing, self.last_tick)
        else:
            self._learn_jitter(interval_s, period_s)
            if not self._stood_still(GAP_TICKS):
                self._look_for_change()
        return self.last_tick

    def _accept(self, number: int, time_s: float) -> int:
        self.last_tick, self.last_time_s = number, time_s
        self._before.append(self._copy_line())
        self._line.add(number, time_s)
        self._kept.append((number, time_s))
        return number

    def _copy_line(self) -> Line:
        copy = Line()
        copy.__dict__.update(self._line.__dict__)
        return copy

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

    def _missing(self, time_s: float, interval_s: float, period_s: float) -> int:
        """How many ticks were lost just before this one."""
        following = self.last_tick + 1
        late_s = time_s - self._line.time_s(following)
        jitter_s = self.jitter_s
        least_s = max(period_s / 2, jitter_s + 3 * jitter_s / UNIFORM_WIDTH * self._line.doubt(following))
        before_s = late_s - (interval_s - period_s)
        # where the last tick was off already, the tempo is changing, and its error is no lost tick
        if interval_s - period_s < least_s or late_s < least_s or abs(before_s) > jitter_s:
            return 0
        return max(0, round(min(late_s, interval_s - period_s + jitter_s) / period_s))

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
        """Whether the clock paused in the last gap, and no tick was lost; if so, a new grid begins there.

        Lost ticks leave the grid where it was, a sender that stalls goes on off it. Judged once, at least
        `after` ticks after the gap.
        """
        if self._gap is None or self.last_tick < self._gap[2] + after:
            return False
        (line, missing, first), self._gap = self._gap, None
        points = [(number, time_s) for number, time_s in self._kept if number >= first]
        mean_s = sum(time_s - line.time_s(number) for number, time_s in points) / len(points)
        doubt_s = self.jitter_s / UNIFORM_WIDTH * line.doubt(points[len(points) // 2][0])
        if abs(mean_s) <= self.jitter_s / 2 + 2 * doubt_s:
            return False
        self.lost -= missing
        self.last_tick -= missing
        self._begin_at([(number - missing, time_s) for number, time_s in points], line.period_s)
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
                return self._change()
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
        if self._slowed_down(losses=1) or self._stood_still(after=4):
            return
        kept = list(self._kept)
        self._begin_at(kept[break_point(kept) :])

    def _begin_at(self, points: list[tuple[int, float]], period_s: float | None = None) -> None:
        """Start the line over from some points, with a slope to start with if it is known."""
        self.changes += 1
        number, time_s = points[0]
        self._restart(Line() if period_s is None else Line.from_here(number, time_s, period_s, LOCKED_TICKS))
        for number, time_s in points if period_s is None else points[1:]:
            self._before.append(self._copy_line())
            self._line.add(number, time_s)
            self._kept.append((number, time_s))
