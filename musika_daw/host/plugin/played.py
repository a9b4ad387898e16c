"""`PlayedNotes`: what a song plays, as MIDI on the frames of the DAW's timeline.

```
place        |--- piece A ------------------|--- piece B -------------------
notes         on          on         off    |off       on        what A held and B has not is let go where B begins;
                                            |          off       what both have goes on
```
As with sound, what is played at a frame depends on the places before it alone.
"""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from dataclasses import replace

from bridge.plugin_link.keys import NOTE_OFF, NOTE_ON, NOTE_SOUNDS, NoteEvent
from musika_daw.host.notes.bars import BEATS_PER_BAR, Note, bar_of_notes
from musika_daw.host.play.piece import Piece
from musika_daw.host.plugin.song_map import Place, SongMap, segments
from musika_daw.instrument.scores import SCORES

BARS_KEPT = 512
SAME_BEATS = 2e-5
# how many bars before it a bar may still hear notes of; one that is held for longer is let go
BARS_BACK = {"piano": 2}


class PlayedBars:
    """Notes of a kind of score by piece and bar, worked out when they are asked for and kept for a while."""

    def __init__(self, score: str) -> None:
        self._score, self._back = SCORES[score], BARS_BACK.get(score, 1)
        self._bars: OrderedDict[tuple[Piece, int], tuple[Note, ...]] = OrderedDict()

    def sounding(self, piece: Piece, first: float, last: float) -> list[Note]:
        """Notes that sound at any of the beats first..last, in order; no two of a key at once."""
        bars = self._range(first, last)
        found: list[Note] = []
        by_key: dict[tuple[int, int], int] = {}
        for note in itertools.chain.from_iterable(self._bar(piece, bar) for bar in bars):
            key = note.channel, note.key
            if key in by_key and found[by_key[key]].off_beat > note.beat:
                found[by_key[key]] = replace(found[by_key[key]], off_beat=note.beat)
            by_key[key] = len(found)
            longest = note.beat + self._back * BEATS_PER_BAR
            found.append(note if note.off_beat <= longest else replace(note, off_beat=longest))
        return [note for note in found if note.off_beat >= first and note.beat <= last]

    def work_out(self, piece: Piece, first: float, last: float) -> bool:
        """Work out one bar that `sounding` would have to; whether there was one."""
        missing = next((bar for bar in self._range(first, last) if (piece, bar) not in self._bars), None)
        if missing is not None:
            self._bar(piece, missing)
        return missing is not None

    def _range(self, first: float, last: float) -> range:
        return range(math.floor(first / BEATS_PER_BAR) - self._back, math.floor(last / BEATS_PER_BAR) + 1)

    def _bar(self, piece: Piece, bar: int) -> tuple[Note, ...]:
        known = self._bars.get((piece, bar))
        if known is None:
            known = self._bars[piece, bar] = bar_of_notes(self._score, piece, bar)
            if len(self._bars) > BARS_KEPT:
                self._bars.popitem(last=False)
        return known


class PlayedNotes:
    """What the places of a song play."""

    def __init__(self, song: SongMap, bars: PlayedBars) -> None:
        self._song, self._bars = song, bars

    def of(self, first: int, frames: int) -> tuple[NoteEvent, ...]:
        """Events of some frames of the timeline in order, those that are let go before those that are struck; first
        of all what sounds where they begin."""
        sounds: list[NoteEvent] = []
        events: list[tuple[int, int, bytes]] = []
        for start, stop, place in segments(self._song, first, first + frames):
            notes = self._notes(place, start, stop)
            if start == self._song.boundary_before(start):
                before = self._song.place(start - 1)
                for note in self._notes(before, start - 1, start):
                    on, off = _frames(note, before)
                    if on < start < off and not _is_in(note, notes) and self._holds(note, on, start, before):
                        events.append((start - first, 0, bytes((NOTE_OFF | note.channel, note.key, 0))))
            for note in notes:
                on, off = _frames(note, place)
                if start <= on < stop:
                    events.append((on - first, 1, bytes((NOTE_ON | note.channel, note.key, note.velocity))))
                elif on < first < off and start == first and self._holds(note, on, start, place):
                    sounds.append((0, bytes((NOTE_SOUNDS | note.channel, note.key, note.velocity))))
                if start <= off < stop and (on >= start or self._holds(note, on, start, place)):
                    events.append((off - first, 0, bytes((NOTE_OFF | note.channel, note.key, 0))))
        events.sort(key=lambda event: event[:2])
        return (*sounds, *((at, message) for at, _, message in events))

    def prepare(self, first: int, frames: int) -> None:
        """Work out one bar that `of` would have to, if there is one: a few milliseconds of the next frames' time."""
        for start, stop, place in segments(self._song, first, first + frames):
            if self._bars.work_out(place.piece, *_beats(place, start, stop)):
                return

    def _notes(self, place: Place, start: int, stop: int) -> list[Note]:
        return self._bars.sounding(place.piece, *_beats(place, start, stop))

    def _holds(self, note: Note, on: int, until: int, place: Place) -> bool:
        """Whether a note of a place has been played since it began: what played from there on has it, too."""
        return all(
            there == place or _is_in(note, self._notes(there, begin, begin))
            for begin, _, there in segments(self._song, on, until)
        )


def _beats(place: Place, start: int, stop: int) -> tuple[float, float]:
    """Beats of the piece from just before some frames of the timeline to just behind them."""
    first, last = start + place.shift_frames - 1, stop + place.shift_frames + 1
    return first / place.piece.frames_per_beat, last / place.piece.frames_per_beat


def _frames(note: Note, place: Place) -> tuple[int, int]:
    """Frames of the timeline on which a note is struck and let go."""
    per_beat = place.piece.frames_per_beat
    on, off = (math.floor(beat * per_beat + 0.5) for beat in (note.beat, note.off_beat))
    return on - place.shift_frames, max(off, on + 1) - place.shift_frames


def _is_in(note: Note, notes: list[Note]) -> bool:
    return any(
        (other.channel, other.key) == (note.channel, note.key) and abs(other.beat - note.beat) < SAME_BEATS
        for other in notes
    )
