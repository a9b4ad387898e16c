"""`ChordTrack`: the keys of a song's chord track, learned as they are met, and the chords that they make.

```
keys         0: C E G    95000: C E G off    96000: A C E    191000: A C E off   192000: F A C
                 |                               |                                  |
steps            |  C                            |  C, Am at beat 4                 |  C, Am, F at beat 8
```
What sounds at a frame depends on the keys before it, and on nothing else: whether they were met in one go, in parts, or
again makes no difference. A stretch that is played again is what was met last; what lies around it is kept.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.plugin_link.keys import KEYS_LOST, KeyEvent
from bridge.plugin_link.wire import FRAME_MAX
from musika_daw.host.control.held_keys import ALL_NOTES_OFF, ALL_SOUND_OFF, CONTROL_CHANGE, LET_GO_S, NOTE_ON, HeldKeys
from musika_daw.host.plugin.steps import Steps
from musika_daw.score.following.changes import Changes, changed
from musika_daw.score.following.lines import Unit, line_for

EVENTS_MAX = 16_384  # of a song that has more the first quarter is forgotten
FINGERS = 10  # more keys at once are no chord that anyone means
MARK_EVERY = 64


@dataclass(frozen=True)
class ChordManner:
    """Chords hold from the next line on; with no key down the last is kept, or the piece has its own again."""

    at: Unit = "beat"
    held: Literal["keep", "free"] = "keep"


@dataclass
class _Reading:
    """How far keys are read: `waits` are keys that were let go and may still be part of a gesture (from which frame on
    they are meant, those that are left, the event whose line they are for)."""

    keys: HeldKeys
    answered: int = 0
    changes: Changes = ()
    waits: tuple[int, tuple[int, ...], KeyEvent] | None = None

    def copy(self) -> _Reading:
        return _Reading(self.keys.copy(), self.answered, self.changes, self.waits)


class ChordTrack:
    """Chords of a song by the frame from which they are known; `steps` has all changes up to it.

    `name` gives the chord of keys at a frame after other changes.
    """

    def __init__(self, sample_rate_hz: int, name: Callable[[tuple[int, ...], int, Changes], str | None]) -> None:
        self._rate_hz, self._name = sample_rate_hz, name
        self.steps: Steps[Changes] = Steps(())
        self._manner = ChordManner()
        self._events: list[KeyEvent] = []
        self._told: list[KeyEvent] = []
        self._marks: list[tuple[int, _Reading]] = []
        self._dirty: int | None = None
        self._stretch: int | None = None
        self._entered = self._until = 0
        self._under: set[int] = set()  # keys that are down where play jumped to, and were not struck since

    @property
    def manner(self) -> ChordManner:
        """How keys are read, all along the song."""
        return self._manner

    @manner.setter
    def manner(self, manner: ChordManner) -> None:
        if manner != self._manner:
            self._manner = manner
            self.work_out_anew()

    def work_out_anew(self) -> None:
        """The same keys make other chords."""
        self._touch(0)

    def rejoin(self) -> None:
        """The plugin was away."""
        self._stretch = None
        self._told = []

    def play(self, events: Sequence[KeyEvent]) -> None:
        """Keys were met in play."""
        self._told = [*self._told, *events][-EVENTS_MAX:]

    def come_to(self, frame: int, last: int, jumps: int, *, playing: bool) -> bool:
        """Frames frame..last are played, or stood still at, in the stretch that `jumps` numbers, and all keys up to
        `last` were told; whether chords are others than known."""
        told, self._told = self._told, []
        for number, stretch in itertools.groupby(told, key=lambda event: event.jumps):
            events = list(stretch)
            if 0 < (number - jumps) % (1 << 32) < 1 << 31:  # told ahead of where it leads
                self._told += events
                continue
            upto = last if number == jumps and playing else max(event.frame for event in events)
            self._told += [event for event in events if event.frame > upto]
            self._enter(number, events[0].frame)
            self._replace(upto, [event for event in events if event.frame <= upto])
        if playing:
            self._enter(jumps, frame)
            self._replace(last, [])
        return self._work_out()

    def _enter(self, stretch: int, frame: int) -> None:
        if stretch == self._stretch:
            return
        self._stretch, self._entered, self._until = stretch, frame, frame
        self._under = set()
        for event in self._events[: self._index(frame)]:
            if _strikes(event):
                self._under.add(_key(event))
            else:
                self._under -= _ended(event)

    def _replace(self, upto: int, told: list[KeyEvent]) -> None:
        """From where play was up to a frame there are these keys, and no others."""
        first, last = self._index(self._until), self._index(upto + 1)
        old = self._events[first:last]
        told = [event for event in told if event.frame >= self._until and not self._is_chased(event, old)]
        # DAWs may neither strike what lies under a place that is jumped to, nor let go of it
        kept = [
            event
            for event in old
            if _lets_go(event)
            and _key(event) in self._under
            and not any(_key(event) in _named(other) and other.frame <= event.frame for other in told)
        ]
        for event in (*kept, *told):
            self._under -= _named(event) | _ended(event)
        self._until = max(self._until, upto + 1)
        now = sorted((*kept, *told), key=lambda event: event.frame)
        if list(map(_same, now)) == list(map(_same, old)):
            return
        self._events[first:last] = now
        self._touch(first)
        if len(self._events) > EVENTS_MAX:
            del self._events[: EVENTS_MAX // 4]
            self._touch(0)

    def _is_chased(self, event: KeyEvent, old: list[KeyEvent]) -> bool:
        """Whether a key is only struck because play jumped into the midst of its note."""
        return (
            event.frame == self._entered
            and _strikes(event)
            and _key(event) in self._under
            and not any(_same(event) == _same(other) for other in old)
        )

    def _index(self, frame: int) -> int:
        return bisect.bisect_left(self._events, frame, key=lambda event: event.frame)

    def _touch(self, index: int) -> None:
        self._dirty = index if self._dirty is None else min(self._dirty, index)

    def _work_out(self) -> bool:
        """Read the keys from the first on that is otherwise; whether the chords are."""
        if self._dirty is None:
            return False
        self._marks = [mark for mark in self._marks if mark[0] < self._dirty]
        self._dirty = None
        index, reading = self._marks[-1] if self._marks else (0, _Reading(HeldKeys()))
        reading = reading.copy()
        since = self._events[index].frame if self._marks else -FRAME_MAX
        before = self.steps.since(since)
        self.steps.forget(since, FRAME_MAX)
        self.steps.step(since, reading.changes)  # of keys let go just so long before
        for frame, group in itertools.groupby(self._events[index:], key=lambda event: event.frame):
            if reading.waits is not None and reading.waits[0] <= frame:
                self._answer(reading, *reading.waits)
            if index >= (self._marks[-1][0] if self._marks else 0) + MARK_EVERY:
                self._marks.append((index, reading.copy()))
            index += self._read(reading, frame, list(group))
        if reading.waits is not None:
            self._answer(reading, *reading.waits)
        return before != self.steps.since(since)

    def _read(self, reading: _Reading, frame: int, group: list[KeyEvent]) -> int:
        for event in group:
            if event.midi == KEYS_LOST:
                reading.keys.clear()
            else:
                reading.keys.feed(event.midi, frame / self._rate_hz)
        gesture = reading.keys.gesture(math.inf)
        if gesture is not None and gesture.number != reading.answered:
            reading.answered = gesture.number
            reading.waits = None
            struck = next((event for event in reversed(group) if _strikes(event)), None)
            if struck is not None:
                self._answer(reading, frame, gesture.keys, struck)
            else:
                reading.waits = frame + round(LET_GO_S * self._rate_hz), gesture.keys, group[-1]
        return len(group)

    def _answer(self, reading: _Reading, frame: int, keys: tuple[int, ...], event: KeyEvent) -> None:
        """From a frame on it is known which keys are down, or left, for the line of an event."""
        reading.waits = None
        if len(keys) > FINGERS or (not keys and self._manner.held == "keep"):
            return
        begins = line_for(event.beat, self._manner.at, event.bar_start_beat, event.bar_beats)
        before = tuple(change for change in reading.changes if change[0] < begins)
        reading.changes = changed(reading.changes, begins, self._name(keys, frame, before) if keys else None)
        self.steps.step(frame, reading.changes)


_ALL_OFF = (ALL_SOUND_OFF, *range(ALL_NOTES_OFF, 128))


def _key(event: KeyEvent) -> int:
    return (event.midi[0] & 0x0F) << 7 | event.midi[1]


def _named(event: KeyEvent) -> set[int]:
    """The key that a note on or off is of; none for a pedal."""
    return {_key(event)} if _strikes(event) or _lets_go(event) else set()


def _ended(event: KeyEvent) -> set[int]:
    """Keys that are up after a message: that of a note off, all of a channel, all where keys were lost."""
    if event.midi == KEYS_LOST:
        return set(range(16 * 128))
    if event.midi[0] & 0xF0 == CONTROL_CHANGE and event.midi[1] in _ALL_OFF:
        return set(range((event.midi[0] & 0x0F) << 7, ((event.midi[0] & 0x0F) + 1) << 7))
    return {_key(event)} if _lets_go(event) else set()


def _strikes(event: KeyEvent) -> bool:
    return event.midi[0] & 0xF0 == NOTE_ON and event.midi[2] > 0


def _lets_go(event: KeyEvent) -> bool:
    return event.midi[0] & 0xF0 in (NOTE_ON, NOTE_ON - 0x10) and not _strikes(event)


def _same(event: KeyEvent) -> tuple[object, ...]:
    """What two events have in common that are one; DAWs round their beats."""
    return event.frame, event.midi, round(event.beat, 2), round(event.bar_start_beat, 2), event.bar_beats
