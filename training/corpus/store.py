"""The corpus on disk: one int16 recording, one line a song, and the frames of every onset.

```
CORPUS/
  corpus.json   format, kind, sample rate, seed
  audio.i16     int16 stereo, interleaved, song after song
  onsets.i64    onset frames, counted from the start of their song, song after song
  notes.f64     onset and end in frames, key, velocity and role of every note, where they are known
  songs.jsonl   one row a song: where its audio and onsets lie, tempo, beat 0, split, licence
```

A row is written only after its audio and onsets are on disk, so a build killed at any moment loses at
most the song it was writing: the next `CorpusWriter` cuts both files back to the last complete row.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from musika_daw.score.roll import Notes
from musika_daw.system.atomic import naming, write_atomic
from musika_daw.system.refusal import refused

FORMAT = 2
SAMPLE_RATE_HZ = 44_100
SPLITS = ("train", "valid", "test")
NOTE_COLUMNS = ("onset", "off", "key", "velocity", "role")
NO_NOTES = Notes(np.zeros(0), np.zeros(0), np.zeros(0, np.int64), np.zeros(0))


def split_of(group: str) -> str:
    """Split of a song by the hash of its group name: 90 % train, 5 % valid, 5 % test, fixed for ever."""
    share = int.from_bytes(hashlib.sha256(group.encode()).digest()[:4], "big") / 2**32
    return "train" if share < 0.90 else "valid" if share < 0.95 else "test"


@dataclass(frozen=True)
class SongLabels:
    """What is known of a song: `bpm` and `beat0_frame` (frame of musical beat 0, a bar and phrase start)
    are None where there is no steady grid; `onset_frames` is int64 `[n]`, sorted, from the song's start; `notes`
    are in frames from there too (those that ring into it have begun before)."""

    name: str
    split: str
    licence: str
    bpm: float | None = None
    beat0_frame: float | None = None
    onset_frames: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    extra: dict[str, Any] = field(default_factory=dict)
    notes: Notes = NO_NOTES


@dataclass(frozen=True)
class Song:
    """One row of a corpus; offsets in frames of `audio.i16`, in entries of `onsets.i64` and of `notes.f64`."""

    name: str
    split: str
    licence: str
    start_frame: int
    frames: int
    onset_start: int
    onsets: int
    bpm: float | None = None
    beat0_frame: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    note_start: int = 0
    notes: int = 0


class CorpusWriter:
    """Appends songs to a corpus folder; opening an existing one continues after its last whole song.

    Raises ValueError if the folder holds a corpus of another kind or seed.
    """

    def __init__(self, folder: Path, kind: str, seed: int) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        head = {"format": FORMAT, "kind": kind, "sample_rate": SAMPLE_RATE_HZ, "seed": seed}
        path = self.folder / "corpus.json"
        if path.exists():
            found = json.loads(path.read_text())
            if found != head:
                raise refused("corpus", self.folder, f"holds {found}, asked for {head}")
        else:
            write_atomic(path, json.dumps(head, indent=1) + "\n")
        rows_path = self.folder / "songs.jsonl"
        self.songs = list(_read_rows(rows_path)) if rows_path.exists() else []
        write_atomic(rows_path, "".join(_row_text(s) for s in self.songs))
        last = self.songs[-1] if self.songs else None
        self._frames = last.start_frame + last.frames if last else 0
        self._onsets = last.onset_start + last.onsets if last else 0
        self._notes = last.note_start + last.notes if last else 0
        self._audio = _open_cut(self.folder / "audio.i16", self._frames * 4)
        self._onset_file = _open_cut(self.folder / "onsets.i64", self._onsets * 8)
        self._note_file = _open_cut(self.folder / "notes.f64", self._notes * 8 * len(NOTE_COLUMNS))
        self._rows = open(rows_path, "a")

    def append(self, audio: np.ndarray, labels: SongLabels) -> Song:
        """Write one song, `audio` float32 or int16 `[frames, 2]` in -1..1 (int16: full scale)."""
        if audio.ndim != 2 or audio.shape[1] != 2:
            raise ValueError(f"audio: shape {audio.shape}, must be [frames, 2]")
        if labels.split not in SPLITS:
            raise ValueError(f"split: {labels.split!r}, must be one of {', '.join(SPLITS)}")
        if audio.dtype != np.int16:
            audio = np.round(np.clip(audio, -1, 1) * 32767).astype(np.int16)
        onsets = np.sort(np.asarray(labels.onset_frames, np.int64))
        song = Song(
            labels.name,
            labels.split,
            labels.licence,
            self._frames,
            len(audio),
            self._onsets,
            len(onsets),
            labels.bpm,
            labels.beat0_frame,
            labels.extra,
            self._notes,
            len(labels.notes),
        )
        with naming(self.folder):
            self._audio.write(np.ascontiguousarray(audio).tobytes())
            self._onset_file.write(onsets.tobytes())
            self._note_file.write(note_table(labels.notes).tobytes())
            for file in (self._audio, self._onset_file, self._note_file):
                file.flush()
                os.fsync(file.fileno())
            self._rows.write(_row_text(song))
            self._rows.flush()
        self._frames += len(audio)
        self._onsets += len(onsets)
        self._notes += len(labels.notes)
        self.songs.append(song)
        return song

    def close(self) -> None:
        """Close the files; what was appended is already on disk."""
        with naming(self.folder):  # a disk that was full is still full for what is left in a buffer
            for file in (self._audio, self._onset_file, self._note_file, self._rows):
                file.close()

    def __enter__(self) -> CorpusWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Corpus:
    """Reads a corpus without loading it: audio and onsets are memory maps."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        path = self.folder / "corpus.json"
        if not path.exists():
            raise refused("corpus", self.folder, "no corpus.json there; make one with `musika-train corpus`")
        head = json.loads(path.read_text())
        if head.get("format") not in (1, FORMAT):
            raise refused("corpus", self.folder, f"format {head.get('format')}, must be {FORMAT}")
        self.kind: str = head["kind"]
        self.seed: int = head["seed"]
        self.songs = list(_read_rows(self.folder / "songs.jsonl"))
        if not self.songs:
            raise refused("corpus", self.folder, "holds no songs")
        self._audio = np.memmap(self.folder / "audio.i16", np.int16, "r").reshape(-1, 2)
        onset_path = self.folder / "onsets.i64"
        self._onsets = np.memmap(onset_path, np.int64, "r") if onset_path.stat().st_size else np.zeros(0, np.int64)
        # format 1 knew no roles
        self._notes = read_note_table(self.folder / "notes.f64", len(NOTE_COLUMNS) - (head["format"] == 1))

    @property
    def seconds(self) -> float:
        """Length of all songs in seconds."""
        return sum(s.frames for s in self.songs) / SAMPLE_RATE_HZ

    def split(self, name: str) -> list[Song]:
        """Songs of one split, in corpus order."""
        return [s for s in self.songs if s.split == name]

    def audio(self, song: Song, start: int = 0, frames: int | None = None) -> np.ndarray:
        """Audio of a song as float32 `[frames, 2]`, zero outside the song, from frame `start`."""
        frames = song.frames - start if frames is None else frames
        out = np.zeros((frames, 2), np.float32)
        lo, hi = max(start, 0), min(start + frames, song.frames)
        if hi > lo:
            part = self._audio[song.start_frame + lo : song.start_frame + hi]
            out[lo - start : hi - start] = part.astype(np.float32) / 32768.0
        return out

    def onset_frames(self, song: Song) -> np.ndarray:
        """Onset frames of a song, int64 `[n]`, sorted."""
        return np.asarray(self._onsets[song.onset_start : song.onset_start + song.onsets])

    def notes(self, song: Song) -> Notes:
        """Notes of a song in frames from its start; none where they are not known."""
        return notes_of_table(self._notes[song.note_start : song.note_start + song.notes])


def keep_songs(folder: Path, keep: Callable[[Song], Song | None]) -> None:
    """Rewrite the rows of a corpus nobody is writing to: `keep` returns a song's new row, or None to drop it.

    The audio of a dropped song stays in the recording until it lies at its end.
    """
    path = Path(folder) / "songs.jsonl"
    kept = [row for song in _read_rows(path) if (row := keep(song)) is not None]
    write_atomic(path, "".join(_row_text(s) for s in kept))


def note_table(notes: Notes) -> np.ndarray:
    """Notes as rows of `NOTE_COLUMNS`, float64 `[n, 5]`."""
    return np.stack([notes.onset, notes.off, notes.key, notes.velocity, notes.roles], 1).astype(np.float64)


def notes_of_table(rows: np.ndarray) -> Notes:
    """Notes of rows `[n, 4 or 5]` of `NOTE_COLUMNS`; rows without a role are a piano's."""
    onset, off, key, velocity, *role = np.asarray(rows, np.float64).T
    return Notes(onset, off, key.astype(np.int64), velocity, role[0].astype(np.int64) if role else None)


def read_note_table(path: Path, columns: int = len(NOTE_COLUMNS)) -> np.ndarray:
    """Rows of a file of notes, memory-mapped, float64 `[n, columns]`; empty where there is none."""
    if not path.exists() or not path.stat().st_size:
        return np.zeros((0, columns))
    return np.memmap(path, np.float64, "r").reshape(-1, columns)


def _row_text(song: Song) -> str:
    return json.dumps(asdict(song)) + "\n"


def _read_rows(path: Path) -> Iterator[Song]:
    for line in path.read_text().splitlines(keepends=True):
        if not line.endswith("\n"):  # torn by a kill while writing
            return
        yield Song(**json.loads(line))


def _open_cut(path: Path, size: int) -> Any:
    file = open(path, "r+b" if path.exists() else "w+b")
    file.truncate(size)
    file.seek(size)
    return file
