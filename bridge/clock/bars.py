"""`BarCount`: the song's beat out of a bar and a beat in it, for DAWs that do not tell how long earlier bars were.

```
told         1.3.50      2.1.10                  bar 2 began 3 beats after bar 1: what passed in between says so
beats        2.5 |       3.1                     a bar never heard is as long as the last one before it that was
```
How long a bar was is heard when play goes over its end. Where the tempo has been one from the start of the song, the
second of the song says how many beats came before a bar that was never heard.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bridge.clock.line import Line
from bridge.clock.transport import Sight

UNITS = (1.0, 0.5, 2.0, 0.25, 0.125)  # quarter notes a beat of the meter, the likeliest first
BEATS_A_BAR = 4  # until one was heard
BARS_MAX = 4096
SLACK_S = 0.25  # news is late by less; the song's seconds and ours part by more where it jumps
SLACK_BEATS = 0.3
SAME_TEMPO = 0.002
HELD_TEMPO = 0.02  # beats and seconds tell how long a beat is, as long as it holds
START_S = 1.0
OFF_LINE_S = 0.004
TICK_S = 0.0015  # positions are told in whole milliseconds and ticks


@dataclass
class _Learned:
    """Where bars begin and how long a beat of the meter is, in quarter notes."""

    starts: dict[int, float] = field(default_factory=lambda: {1: 0.0})
    unit: float = 1.0
    before: Sight | None = None  # before the end of a bar whose length is not known yet
    first: Sight | None = None  # where play came into this bar, or the tempo last changed in it
    first_bpm: float | None = None
    here: tuple[int, float] | None = None  # the bar that was arrived in, and where it was taken to begin

    def copy(self) -> _Learned:
        return replace(self, starts=dict(self.starts))


class BarCount:
    """Learns where the bars of a song begin.

    `in_quarters` is for senders that count the part of a beat as that of a quarter note, whatever the meter (Ardour 7).
    """

    def __init__(self, in_quarters: bool = False) -> None:
        self._in_quarters = in_quarters
        self._learned = self._undo = _Learned()
        self._last: Sight | None = None
        self._previous: Sight | None = None
        self._first_bpm: float | None = None
        self._varies = False
        self._points: deque[Sight] = deque(maxlen=40)
        self._told_units: set[float] = set()

    @property
    def last(self) -> Sight | None:
        """What was told last."""
        return self._last

    def see(self, now: Sight, bpm: float | None) -> None:
        """Take what a DAW told, and the tempo in quarter notes a minute if that is known."""
        self._previous, self._last = self._last, now
        if now.unit is not None:
            self._told_units.add(now.unit)
        self._undo = self._learned.copy()
        self._learn(bpm)

    def time(self, song_s: float, bpm: float | None) -> None:
        """The song's second of what was told last came after it: judge it again."""
        if self._last is not None:
            self._last = replace(self._last, song_s=song_s)
            self._learned = self._undo.copy()
            self._learn(bpm)

    def place(self) -> tuple[float, float]:
        """Start of the bar and position told last, in quarter notes from the start of the song."""
        assert self._last is not None
        start = self._start(self._last.bar)
        return start, start + self._within(self._last)

    def heard(self, bar: int) -> bool:
        """Whether play has led to the start of this bar, and bars before it had beats of several lengths."""
        return len(self._told_units) > 1 and bar in self._learned.starts

    def tempo_bpm(self) -> float | None:
        """Tempo from how beats and seconds of the song go together, once 0.2 s of play are known."""
        now = self._last
        if now is None or now.song_s is None or not now.playing:
            return None
        points = self._points
        # the part of a beat is told in quarter notes: how many of them a beat has, makes a line of the points
        if self._in_quarters:
            self._learn_unit_by_line([*points, now])
        if points and not self._beat(points[-1]) < self._beat(now) < self._beat(points[-1]) + 16:
            if self._in_quarters and points[-1].bar == now.bar and points[-1].whole < now.whole:
                points.append(now)  # play has gone on: the next of them tell how long a beat is
                return None
            points.clear()
        if len(points) >= 4 and abs(self._fit().time_s(self._beat(now)) - now.song_s) > OFF_LINE_S:
            last = points[-1]
            points.clear()
            points.append(last)
        points.append(now)
        first_s = points[0].song_s or 0.0
        if len(points) < 3 or now.song_s - first_s <= 0.2:
            return None
        period_s = self._fit().period_s
        return 60 / period_s if period_s > 0 else None

    def _fit(self) -> Line:
        line = Line()
        for point in self._points:
            line.add(self._beat(point), point.song_s or 0.0)
        return line

    def _start(self, bar: int) -> float:
        starts, here = self._learned.starts, self._learned.here
        if bar in starts:
            return starts[bar]
        known = max((b for b in starts if b < bar), default=None)
        if here is not None and here[0] <= bar and (known is None or here[0] > known):
            return here[1] + (bar - here[0]) * self._length(here[0])
        if known is None:
            first = min(starts)
            return starts[first] - (first - bar) * self._length(first + 1)
        return starts[known] + (bar - known) * self._length(known)

    def _length(self, bar: int) -> float:
        """Of the present bar where that is told, else of the one before `bar` as far as it was heard."""
        starts = self._learned.starts
        if self._last is not None and self._last.length is not None:
            return self._last.length
        if bar in starts and bar - 1 in starts:
            return starts[bar] - starts[bar - 1]
        return BEATS_A_BAR * self._learned.unit

    def _within(self, sight: Sight, unit: float | None = None) -> float:
        unit = unit or sight.unit or self._learned.unit
        return sight.whole * unit + sight.part * (1 if self._in_quarters else unit)

    def _beat(self, sight: Sight) -> float:
        return self._start(sight.bar) + self._within(sight)

    def _learn(self, bpm: float | None) -> None:
        learned, last, now = self._learned, self._previous, self._last
        assert now is not None
        self._watch_tempo(now, bpm)
        if last is None or not self._went_on(last, now, bpm):
            learned.before = None
            learned.first, learned.first_bpm = now if now.playing else None, bpm
            learned.here = None
            self._points.clear()
            self._arrive(now, bpm)
            learned.here = now.bar, self._start(now.bar)
            return
        if now.bar != last.bar:
            learned.before, learned.first, learned.first_bpm = learned.before or last, now, bpm
            if last.length is not None and now.bar == last.bar + 1:
                self._put(now.bar, self._start(last.bar) + last.length)
                learned.before = None
        if bpm is None:
            return
        if learned.before is not None:
            self._measure(learned.before, now, bpm)
            learned.before = None
        if learned.first_bpm is None or abs(bpm / learned.first_bpm - 1) > HELD_TEMPO:
            learned.first, learned.first_bpm = now, bpm
        if not self._in_quarters and now.unit is None and learned.first is not None:
            self._learn_unit_by_tempo(learned.first, now, bpm)

    def _watch_tempo(self, now: Sight, bpm: float | None) -> None:
        if bpm is None:
            return
        if self._first_bpm is None or (now.song_s is not None and now.song_s <= START_S):
            self._first_bpm, self._varies = bpm, False
        elif abs(bpm / self._first_bpm - 1) > SAME_TEMPO:
            self._varies = True

    def _went_on(self, last: Sight, now: Sight, bpm: float | None) -> bool:
        """Whether play led from one to the other."""
        if not (last.playing and now.playing) or now.bar < last.bar:
            return False
        elapsed_s = now.at_s - last.at_s
        if last.song_s is not None and now.song_s is not None:
            song_s = now.song_s - last.song_s
            if song_s < -TICK_S or abs(song_s - elapsed_s) > SLACK_S:
                return False
            elapsed_s = song_s
        if now.bar == last.bar:
            return any(self._moved_on(last, now, unit, bpm, elapsed_s) for unit in self._units(now))
        if bpm is None:
            return now.bar == last.bar + 1
        return self._bars_between(last, now, bpm) is not None

    def _units(self, sight: Sight) -> tuple[float, ...]:
        """How long a beat of the meter may be: to who counts in quarters a wrong length looks like a way back."""
        return UNITS if self._in_quarters and sight.unit is None else (sight.unit or self._learned.unit,)

    def _moved_on(self, last: Sight, now: Sight, unit: float, bpm: float | None, elapsed_s: float) -> bool:
        moved = self._within(now, unit) - self._within(last, unit)
        # four times as far as it should be is a wrong unit yet, more is a jump
        return moved >= 0 and (bpm is None or moved * 60 / bpm <= 4 * elapsed_s + SLACK_S)

    def _bars_between(self, last: Sight, now: Sight, bpm: float) -> float | None:
        """Quarter notes from the start of one bar to that of another that play has reached; None if it jumped."""
        if last.song_s is not None and now.song_s is not None:
            elapsed_s = now.song_s - last.song_s
        else:
            elapsed_s = now.at_s - last.at_s
        unit = last.unit or self._learned.unit
        length = elapsed_s * bpm / 60 + self._within(last) - self._within(now)
        slack = SLACK_BEATS * unit
        expected = self._start(now.bar) - self._start(last.bar)
        if last.length is not None and now.bar == last.bar + 1:
            expected = last.length
        if abs(length - expected) <= slack:
            return expected
        beats = round(length / unit)
        least = last.whole + now.bar - last.bar
        return beats * unit if beats >= least and abs(length - beats * unit) <= slack else None

    def _measure(self, before: Sight, now: Sight, bpm: float) -> None:
        length = self._bars_between(before, now, bpm)
        if length is not None:
            self._learned.starts.setdefault(before.bar, self._start(before.bar))
            self._put(now.bar, self._start(before.bar) + length)

    def _put(self, bar: int, start: float) -> None:
        """A bar begins here: what was known of later ones holds if it was known to begin here."""
        starts = self._learned.starts
        if abs(starts.get(bar, start) - start) > 1e-6 or len(starts) >= BARS_MAX:
            for other in [other for other in starts if other >= bar or starts[other] >= start]:
                del starts[other]
        starts.setdefault(1, 0.0)
        starts[bar] = start

    def _arrive(self, now: Sight, bpm: float | None) -> None:
        """Somewhere else: if one tempo has held from the start, the song's second tells the beat."""
        if now.song_s is None or bpm is None or self._varies:
            return
        unit = now.unit or self._learned.unit
        beats = now.song_s * bpm / 60
        start = beats - self._within(now)
        near = round(start / unit) * unit
        unsure = 0.03 * unit + 3e-6 * abs(beats)
        if self._in_quarters:  # the tempo is worked out, and known the less exactly
            unsure += 2e-4 * abs(beats)
        if unsure > 0.1 * unit or abs(start - near) > unsure or now.bar < 1 or near < (now.bar - 1) * UNITS[-1]:
            return
        if abs(near - self._start(now.bar)) > 1e-6:
            self._put(now.bar, near)

    def _learn_unit_by_tempo(self, first: Sight, now: Sight, bpm: float) -> None:
        """By how fast beats go by, for senders whose tempo is known."""
        moved = now.whole + now.part - first.whole - first.part
        both = first.song_s is not None and now.song_s is not None
        elapsed_s = (now.song_s or 0.0) - (first.song_s or 0.0) if both else now.at_s - first.at_s
        if now.bar != first.bar or moved <= 0 or elapsed_s < (0.2 if both else 0.6):
            return
        ratio = elapsed_s * bpm / 60 / moved
        unit = min(UNITS, key=lambda u: abs(math.log(ratio / u)))
        if abs(ratio / unit - 1) < 0.15:
            self._set_unit(unit)

    def _learn_unit_by_line(self, points: Sequence[Sight]) -> None:
        """By which of them the points of one bar make a line, for senders who tell parts of a quarter note."""
        here = [point for point in points if point.bar == points[-1].bar]
        if len(here) < 4 or len({point.whole for point in here}) < 2:
            return

        def residual_s(unit: float) -> float:
            line = Line()
            for point in here:
                line.add(self._within(point, unit), point.song_s or 0.0)
            return max(abs(line.time_s(self._within(point, unit)) - (point.song_s or 0.0)) for point in here)

        if residual_s(self._learned.unit) > OFF_LINE_S:
            best = min(UNITS, key=residual_s)
            if residual_s(best) <= TICK_S:
                self._set_unit(best)

    def _set_unit(self, unit: float) -> None:
        if unit != self._learned.unit:
            self._learned.unit = unit
            self._undo.unit = unit
