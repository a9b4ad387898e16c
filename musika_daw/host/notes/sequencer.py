"""`Sequencer`: MIDI messages of what the player reads, block by block, each on its frame.

```
read         |--- piece A ---|--- piece A ---|   |--- piece B, the same place ---|--- piece B, elsewhere ---|
messages      notes in order, each once           keys that B holds too go on,    all let go, then B's notes
                                                  others are let go               from there on
```
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from musika_daw.host.notes.bars import BEATS_PER_BAR, CHANNELS, LEAST_BEATS, Note
from musika_daw.host.play.cache import Generation
from musika_daw.host.play.meter import Read

Event = tuple[int, bytes]
"""Frame of its block, and message."""
NOTE_OFF, NOTE_ON, CONTROL, ALL_NOTES_OFF = 0x80, 0x90, 0xB0, 123
JUMP_S = 0.02  # a player that is put right goes less far than this
START_S = 0.01  # a note that began this little before play did is played at once
LATE_START_S = 0.25  # so are those that began since, where play is heard only this much later
PICKUP_S = 0.05  # a start this little before the song is one on its first beat, and not on the end of a fill
LATE_S = 0.06  # one that could not be known in time is
SAME_BEATS = 2e-5
CHANNEL_NUMBERS = sorted({channel - 1 for channel in CHANNELS.values()})


@dataclass(slots=True)
class _Held:
    beat: float
    off: float  # frame of the generation


class Sequencer:
    """Plays each note of `bars` once, and lets every one go; for the audio callback.

    `bars` gives the notes that begin in a bar of a generation, or None while they are not known.
    """

    def __init__(self, bars: Callable[[Generation, int], tuple[Note, ...] | None]) -> None:
        self._bars = bars
        self._generation: Generation | None = None
        self._until = 0.0  # frame of the generation that was read up to
        self._next = 0.0  # frame up to which notes have begun
        self._held: dict[tuple[int, int], _Held] = {}
        self._struck: dict[tuple[int, int], float] = {}
        self._events: list[Event] = []

    def block(self, reads: Sequence[Read]) -> list[Event]:
        """Messages of a block in the order of their frames; what is not read is silence."""
        self._events = []
        if not reads and self._generation is not None:
            self._let_go(0)
            self._generation = None
        for read in reads:
            self._enter(read)
            self._play(read)
        return self._events

    def end(self) -> list[bytes]:
        """Messages that let go of all keys, whether or not anything was played."""
        self._events = []
        self._let_go(0)
        self._generation = None
        return [message for _, message in self._events]

    def _let_go(self, at: int) -> None:
        for key in list(self._held):
            self._off(at, key)
        for channel in CHANNEL_NUMBERS:
            self._events.append((at, bytes((CONTROL | channel, ALL_NOTES_OFF, 0))))
        self._struck.clear()

    def _enter(self, read: Read) -> None:
        """Go over to where a read begins."""
        before, generation = self._generation, read.generation
        rate_hz = generation.piece.sample_rate_hz
        if before is not None:
            place = self._until / before.frames_per_beat * generation.frames_per_beat
            if abs(read.position - place) > JUMP_S * rate_hz:
                self._let_go(read.at)
                before = None
        if before is None:
            self._next = _begins(read, rate_hz)
        elif before is not generation:
            self._change(before, generation, read.at)
        self._generation = generation

    def _change(self, before: Generation, generation: Generation, at: int) -> None:
        """Another generation at the same place: what it holds too goes on."""
        scale = generation.frames_per_beat / before.frames_per_beat
        next_beat = (self._next - 0.5) / before.frames_per_beat
        self._next = math.floor(next_beat * generation.frames_per_beat + 0.5) - 1
        for key, held in list(self._held.items()):
            notes = self._bars(generation, math.floor((held.beat + SAME_BEATS) / BEATS_PER_BAR))
            same = [note for note in notes or () if _is(note, key, held.beat)]
            if same:
                held.off = _frame(same[0].off_beat, generation)
            elif notes is None:
                held.off *= scale
            else:
                self._off(at, key)

    def _play(self, read: Read) -> None:
        generation, stop = read.generation, read.position + read.frames * read.rate
        per_bar, rate_hz = generation.frames_per_beat * BEATS_PER_BAR, generation.piece.sample_rate_hz
        done = stop
        missed: dict[tuple[int, int], tuple[Note, int]] = {}  # of each key the last one
        for bar in range(math.floor((self._next - 1) / per_bar), math.floor((stop + 1) / per_bar) + 1):
            notes = self._bars(generation, bar)
            if notes is None:
                done = max(min(bar * per_bar - 1, stop), stop - LATE_S * rate_hz)
                break
            for note in notes:
                frame = _frame(note.beat, generation)
                if frame >= stop:
                    break
                if frame < self._next:
                    continue
                if frame < read.position:
                    missed[note.channel, note.key] = note, frame
                    continue
                self._catch_up(missed, read)
                self._strike(note, frame, read)
        self._catch_up(missed, read)
        self._next = max(self._next, done)
        self._until = stop
        self._end_held(stop, read)

    def _catch_up(self, missed: dict[tuple[int, int], tuple[Note, int]], read: Read) -> None:
        """Strike what began before the read, in order."""
        for note, frame in sorted(missed.values(), key=lambda one: one[1]):
            self._strike(note, frame, read)
        missed.clear()

    def _strike(self, note: Note, frame: int, read: Read) -> None:
        key = note.channel, note.key
        if abs(self._struck.get(key, -math.inf) - note.beat) < SAME_BEATS:
            return
        self._end_held(frame, read)
        at = _offset(frame, read)
        if key in self._held:
            self._off(at, key)
        self._events.append((at, bytes((NOTE_ON | note.channel, note.key, note.velocity))))
        least = read.position + LEAST_BEATS * read.generation.frames_per_beat  # of one that is struck late
        self._held[key] = _Held(note.beat, max(_frame(note.off_beat, read.generation), least))
        self._struck[key] = note.beat

    def _end_held(self, until: float, read: Read) -> None:
        """Let go of what ends by a frame, in order."""
        over = sorted((held.off, key) for key, held in self._held.items() if held.off <= until)
        for off, key in over:
            if off < read.position + read.frames * read.rate:
                self._off(_offset(off, read), key)

    def _off(self, at: int, key: tuple[int, int]) -> None:
        del self._held[key]
        # one that was struck late may end before it: never before what was sent
        at = max(at, self._events[-1][0]) if self._events else at
        self._events.append((at, bytes((NOTE_OFF | key[0], key[1], 0))))


def _begins(read: Read, rate_hz: int) -> float:
    """Frame from which on notes are struck that begin with a read."""
    if read.turned:  # what is before a loop's start is no part of it
        return read.position
    late = read.since is not None and 0 <= read.position - read.since <= LATE_START_S * rate_hz
    start = read.since if late and read.since is not None else read.position
    if -PICKUP_S * rate_hz < start:
        return max(start - START_S * rate_hz, 0.0)
    return start - START_S * rate_hz


def _is(note: Note, key: tuple[int, int], beat: float) -> bool:
    return (note.channel, note.key) == key and abs(note.beat - beat) < SAME_BEATS


def _frame(beat: float, generation: Generation) -> int:
    return math.floor(beat * generation.frames_per_beat + 0.5)


def _offset(frame: float, read: Read) -> int:
    """Frame of the block at which a frame of the generation is heard."""
    return read.at + min(max(round((frame - read.position) / read.rate), 0), read.frames - 1)
