"""Standard MIDI files of what a score plays: written for a loop, a take or some bars, and read back.

```
track 1      name, tempo, 4/4, key            ends with the music, as all do
track 2..    one a role that plays: piano, bass, lead, chords; drums on channel 10, keys after General MIDI
```
Type 1, 960 ticks a quarter note: 0.5 ms at 120 bpm. Files come from users as well: whatever is no such file is refused.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from musika_daw.score.harmony import key_in_text
from musika_daw.score.parts import PARTS
from musika_daw.score.roll import ROLES, Notes, sorted_notes

PPQ = 960
DRUM_CHANNEL = 9
CHANNELS = {"piano": 0, "bass": 1, "lead": 2, "chords": 3, "drums": DRUM_CHANNEL}
HIT_TICKS = PPQ // 8  # a drum has no end of its own
TICKS_MAX = 1 << 28  # what a delta time can hold
BYTES_MAX = 1 << 24


@dataclass(frozen=True)
class MidiMusic:
    """Notes with onset and end in ticks, `ppq` of them a quarter note; its length in ticks, tempo, key and name."""

    notes: Notes
    ticks: int
    bpm: float
    key: str | None = None
    name: str = ""
    ppq: int = PPQ

    @property
    def beats(self) -> Fraction:
        """Length."""
        return Fraction(self.ticks, self.ppq)

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles that play, in the order of `ROLES`."""
        return tuple(role for role in ROLES if (self.notes.roles == ROLES.index(role)).any())

    def onsets_s(self) -> np.ndarray:
        """Onsets in seconds, float64 [n]."""
        return self.notes.onset * 60 / (self.bpm * self.ppq)


def music_of(notes: Notes, seconds: float, bpm: Fraction, key: str | None, name: str, *, loops: bool) -> MidiMusic:
    """Notes in seconds as a file of that length.

    Every note is cut at the end. One that begins within half a tick of the end begins where a loop does; else there is
    no room for it. Of two notes of a role on one key at one tick the louder stays, and a key that is struck again ends.
    """
    length = round(seconds * float(bpm) / 60 * PPQ)
    if not 0 < length < TICKS_MAX:
        raise ValueError(f"seconds: {seconds:g} at {float(bpm):g} bpm, must be within 0..{TICKS_MAX // PPQ} beats")
    ticks_per_s = float(bpm) / 60 * PPQ
    on, off = (np.rint(part * ticks_per_s).astype(np.int64) for part in (notes.onset, notes.off))
    drums = notes.roles == ROLES.index("drums")
    off = np.where(drums, on + HIT_TICKS, off)
    number = np.where(notes.key < 0, notes.key % 12, notes.key)
    number = np.where(number > 127, 116 + (number - 116) % 12, number)
    on, off = (on % length, off - on // length * length) if loops else (on, off)
    loudest: dict[tuple[int, int, int], tuple[float, int]] = {}
    columns = (on, off, number, notes.velocity, notes.roles)
    for begin, end, key_number, velocity, role in zip(*(column.tolist() for column in columns), strict=True):
        place = (role, key_number, begin)
        if begin < length and (place not in loudest or velocity > loudest[place][0]):
            loudest[place] = (velocity, end)
    rows = []
    following: dict[tuple[int, int], int] = {}
    for (role, key_number, begin), (velocity, end) in sorted(loudest.items(), reverse=True):
        last = min(end, length, following.get((role, key_number), length))
        following[role, key_number] = begin
        touch = min(max(round(velocity * 127), 1), 127) / 127
        rows.append((begin, max(last, begin + 1), key_number, touch, role))
    return MidiMusic(sorted_notes(rows), length, float(bpm), key, name)


def encode_midi(music: MidiMusic) -> bytes:
    """A whole file, the same bytes every time."""
    import mido

    file = mido.MidiFile(type=1, ticks_per_beat=music.ppq)
    head = [
        mido.MetaMessage("track_name", name=music.name),
        mido.MetaMessage("set_tempo", tempo=round(60e6 / music.bpm)),
        mido.MetaMessage("time_signature", numerator=4, denominator=4),
    ]
    if music.key is not None:
        head.append(mido.MetaMessage("key_signature", key=_signature(music.key)))
    file.tracks.append(mido.MidiTrack([*head, mido.MetaMessage("end_of_track", time=music.ticks)]))
    for role in music.roles:
        file.tracks.append(_track(role, music.notes.of(role), music.ticks, mido))
    stream = io.BytesIO()
    file.save(file=stream)
    return stream.getvalue()


def _track(role: str, notes: Notes, ticks: int, mido: Any) -> Any:
    """Ends before beginnings at one tick, so that a key that is struck again is heard again."""
    events = []
    velocities = np.rint(notes.velocity * 127).astype(int).tolist()
    for on, off, key, velocity in zip(notes.onset.tolist(), notes.off.tolist(), notes.key.tolist(), velocities):
        events += [(int(on), 1, key, velocity), (int(off), 0, key, 0)]
    messages, at, channel = [mido.MetaMessage("track_name", name=role)], 0, CHANNELS[role]
    for tick, begins, key, velocity in sorted(events):
        kind = "note_on" if begins else "note_off"
        messages.append(mido.Message(kind, channel=channel, note=key, velocity=velocity, time=tick - at))
        at = tick
    return mido.MidiTrack([*messages, mido.MetaMessage("end_of_track", time=ticks - at)])


def _signature(key: str) -> str:
    """A key as a signature has it; that of Db minor would have eight flats."""
    text = key.removesuffix("maj").replace("min", "m")
    return {"Dbm": "C#m"}.get(text, text)


def decode_midi(data: bytes) -> MidiMusic:
    """What a file holds: the notes of all tracks, and its first tempo and key.

    A track is of the role that it is named after, else of drums on channel 10, else of the piano. Raises ValueError for
    what is no MIDI file, or one whose time is not counted in quarter notes.
    """
    import mido

    if len(data) > BYTES_MAX:
        raise ValueError(f"midi file of {len(data)} bytes: more than {BYTES_MAX}")
    try:
        file = mido.MidiFile(file=io.BytesIO(data))
    except Exception as error:  # whatever its parser trips over
        raise ValueError(f"not a midi file ({' '.join(str(error).split())[:80] or 'cut short'})") from None
    if file.type == 2 or not 0 < file.ticks_per_beat < 1 << 15:
        raise ValueError("midi file: its time must be counted in quarter notes, in one song")
    rows: list[tuple[float, ...]] = []
    facts: dict[str, Any] = {}
    read = [_read_track(track, rows, facts) for track in file.tracks]
    ticks = max((length for _, length in read), default=0)
    if ticks > TICKS_MAX:
        raise ValueError(f"midi file of {ticks} ticks: more than {TICKS_MAX}")
    return MidiMusic(
        sorted_notes(rows),
        ticks,
        60e6 / (facts.get("set_tempo") or 500_000),
        key_in_text(facts.get("key_signature", "")),
        read[0][0] if read else "",
        file.ticks_per_beat,
    )


def _read_track(track: Any, rows: list[tuple[float, ...]], facts: dict[str, Any]) -> tuple[str, int]:
    """Add a track's notes to the rows and its tempo and key to the facts; its name, and its length in ticks."""
    at, name = 0, ""
    sounding: dict[tuple[int, int], list[tuple[int, int]]] = {}
    own: list[tuple[int, int, int, int, int]] = []
    for message in track:
        at += message.time
        if message.type == "track_name":
            name = name or message.name
        elif message.type == "set_tempo":
            facts.setdefault("set_tempo", message.tempo)
        elif message.type == "key_signature":
            facts.setdefault("key_signature", message.key)
        elif message.type == "note_on" and message.velocity:
            sounding.setdefault((message.channel, message.note), []).append((at, message.velocity))
        elif message.type in ("note_on", "note_off") and sounding.get((message.channel, message.note)):
            start, velocity = sounding[message.channel, message.note].pop(0)
            own.append((start, at, message.note, velocity, message.channel))
    for (channel, note), left in sounding.items():  # never ended: with the track
        own += [(start, at, note, velocity, channel) for start, velocity in left]
    for start, end, note, velocity, channel in own:
        role = name if name in CHANNELS else PARTS[0] if channel == DRUM_CHANNEL else ROLES[0]
        rows.append((start, end, note, velocity / 127, ROLES.index(role)))
    return name, at
