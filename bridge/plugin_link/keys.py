"""Keys of a chord track, as the plugin met them in play, and notes that play: messages of types KEYS and NOTES."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

KEYS_MAX = 16
KEYS_LOST = (0xFF, 0, 0)
"""In place of a MIDI message: some were lost, and no key is known to be down."""
_HEAD, _EVENT = struct.Struct("<II"), struct.Struct("<qddIHH3s5x")
KEY_EVENT_BYTES = _EVENT.size
KEYS_BYTES = _HEAD.size + KEYS_MAX * _EVENT.size
NOTES_MAX = 64
NOTE_OFF, NOTE_ON, NOTE_SOUNDS = 0x80, 0x90, 0xA0
_CHUNK, _NOTE = struct.Struct("<qII"), struct.Struct("<H3s3x")
NOTES_BYTES = _CHUNK.size + NOTES_MAX * _NOTE.size
NUMERATORS, DENOMINATORS = range(1, 100), (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class KeyEvent:
    """A MIDI message of keys or pedals at a frame and beat of the song, in the stretch of play that `jumps` numbers."""

    frame: int
    beat: float
    bar_start_beat: float
    jumps: int
    numerator: int
    denominator: int
    midi: tuple[int, int, int]

    @property
    def bar_beats(self) -> float:
        """Quarter notes of its bar."""
        return self.numerator * 4 / self.denominator


@dataclass(frozen=True)
class Keys:
    """1..16 messages in the order of play, told before the TRANSPORT of the place that they make."""

    events: tuple[KeyEvent, ...]


NoteEvent = tuple[int, bytes]
"""Frame of its chunk, and a note on, a note off, or one that was struck before and sounds where the chunk begins."""


@dataclass(frozen=True)
class Notes:
    """What is played in a chunk, in the order of its frames; told before its audio."""

    chunk: int
    generation: int
    events: tuple[NoteEvent, ...]


def pack_notes(notes: Notes) -> bytes:
    """The body of a message; of more than 64 events the first 64."""
    events = notes.events[:NOTES_MAX]
    packed = b"".join(_NOTE.pack(offset, midi) for offset, midi in events)
    return (_CHUNK.pack(notes.chunk, notes.generation, len(events)) + packed).ljust(NOTES_BYTES, b"\0")


def pack_keys(keys: Keys) -> bytes:
    """The body of a message. Raises ValueError for too many."""
    if not 1 <= len(keys.events) <= KEYS_MAX:
        raise ValueError(f"events: {len(keys.events)}, must be 1..{KEYS_MAX}")
    events = b"".join(
        _EVENT.pack(e.frame, e.beat, e.bar_start_beat, e.jumps, e.numerator, e.denominator, bytes(e.midi))
        for e in keys.events
    )
    return (_HEAD.pack(len(keys.events), 0) + events).ljust(KEYS_BYTES, b"\0")


def unpack_keys(body: bytes, frame_max: int, beat_max: float) -> Keys:
    """The message of a body of `KEYS_BYTES`. Raises ValueError naming what is wrong in it."""
    count, _ = _HEAD.unpack_from(body)
    if not 1 <= count <= KEYS_MAX:
        raise ValueError(f"count: {count} keys, must be 1..{KEYS_MAX}")
    events = []
    for index in range(count):
        frame, beat, bar, jumps, upper, lower, midi = _EVENT.unpack_from(body, _HEAD.size + index * _EVENT.size)
        event = KeyEvent(frame, beat, bar, jumps, upper, lower, (midi[0], midi[1], midi[2]))
        _check(event, frame_max, beat_max)
        events.append(event)
    return Keys(tuple(events))


def _check(event: KeyEvent, frame_max: int, beat_max: float) -> None:
    if abs(event.frame) > frame_max:
        raise ValueError(f"frame: {event.frame} of a key, must be in {-frame_max}..{frame_max}")
    for name in ("beat", "bar_start_beat"):
        value = getattr(event, name)
        if not (math.isfinite(value) and abs(value) <= beat_max):
            raise ValueError(f"{name}: {value} of a key, must be in {-beat_max:g}..{beat_max:g}")
    if event.numerator not in NUMERATORS or event.denominator not in DENOMINATORS:
        raise ValueError(f"signature: {event.numerator}/{event.denominator} of a key, must be 1..99 over 1..64")
    if event.midi != KEYS_LOST and not _is_message(event.midi):
        raise ValueError(f"midi: {bytes(event.midi).hex(' ')} of a key, must be one of keys or controllers")


def _is_message(midi: Sequence[int]) -> bool:
    return midi[0] & 0xF0 in (0x80, 0x90, 0xB0) and max(midi[1:]) <= 127
