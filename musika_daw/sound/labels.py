"""`Labels`: what an audio file, or the manifest of its pack, says of itself, for lists and for playing in time.

manifest.json    everything, one row a file
WAV              `acid`: tempo, beats, one-shot; key and density only in the manifest or the name
FLAC, AIFF, OGG  the tempo in the name, as DAWs read it
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from musika_daw.sound.riff import ACID_ONE_SHOT
from musika_daw.sound.riff_reader import read_header

MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 512 << 20
SUFFIXES = (".wav", ".flac", ".aiff", ".aif", ".ogg")
SHAPES = ("loop", "fill", "take", "shot")
BEATS_PER_BAR = 4
_KEY = re.compile(r"(?:^|_)([A-G]#?(?:maj|min))(?:_|$)")


@dataclass(frozen=True)
class Labels:
    """Length, and what of tempo, beats, bars, key, density (0..1), kind and shape is known; None where it is not.

    `shape` is one of `SHAPES`; of a file that says nothing it is "take".
    """

    frames: int
    sample_rate_hz: int
    bpm: float | None = None
    beats: int | None = None
    bars: int | None = None
    key: str | None = None
    density: float | None = None
    kind: str | None = None
    shape: str = "take"

    @property
    def seconds(self) -> float:
        """Length."""
        return self.frames / self.sample_rate_hz

    @property
    def loops(self) -> bool:
        """Whether it is made to repeat, and says how many beats it has."""
        return self.shape in ("loop", "fill") and bool(self.beats)


def tempo_in_file_name(name: str) -> int | None:
    """The tempo that hosts take from a name like `x_130bpm_y.wav`, or None (30..300, as Audacity does)."""
    match = re.search(r"(?:^|[_\-./ ])(\d{2,3})bpm(?:$|[_\-./ ])", name, re.IGNORECASE)
    return int(match[1]) if match and 30 <= int(match[1]) <= 300 else None


def read_labels(path: Path) -> Labels:
    """The labels in a file itself. Raises ValueError for what is no audio file, OSError for one that cannot be read."""
    if path.suffix.lower() == ".wav":
        try:
            return _of_wave(path)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
    import soundfile

    if not path.is_file():
        raise FileNotFoundError(2, "no such file", str(path))
    try:
        facts = soundfile.info(path)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise ValueError(f"{path.name}: {error}") from None
    if not facts.frames or not facts.samplerate:
        raise ValueError(f"{path.name}: holds no sound")
    return _of_name(path.stem, facts.frames, facts.samplerate)


def _of_wave(path: Path) -> Labels:
    header = read_header(path)
    if not header.frames:
        raise ValueError("holds no sound")
    acid = header.tags.acid
    if acid is None or (acid.flags & ACID_ONE_SHOT) or not acid.beats:
        labels = _of_name(path.stem, header.frames, header.sample_rate_hz)
        if acid is not None and acid.flags & ACID_ONE_SHOT:
            return Labels(header.frames, header.sample_rate_hz, key=labels.key, shape="shot")
        return labels
    # a length rounded to whole frames tells the tempo to a few millionths; the chunk tells it as it was meant
    by_length = acid.beats * 60 * header.sample_rate_hz / header.frames
    bpm = acid.tempo_bpm if acid.tempo_bpm and abs(by_length / acid.tempo_bpm - 1) < 1e-3 else by_length
    if not 1 <= bpm <= 1000:
        return _of_name(path.stem, header.frames, header.sample_rate_hz)
    beats = acid.beats
    unit = Fraction(4, acid.denominator) if acid.denominator else Fraction(1)
    if unit != 1 and acid.tempo_bpm and abs(by_length * unit / acid.tempo_bpm - 1) < 1e-3:
        # beats of the meter, and a tempo in quarter notes; a loop that ends in mid-quarter is none of ours
        quarters = beats * unit
        if quarters.denominator != 1:
            return Labels(header.frames, header.sample_rate_hz, acid.tempo_bpm, key=_key(path.stem))
        bpm, beats = acid.tempo_bpm, int(quarters)
    bars = beats / (acid.numerator * unit) if acid.numerator else Fraction(beats, BEATS_PER_BAR)
    return Labels(
        header.frames,
        header.sample_rate_hz,
        bpm,
        beats,
        int(bars) if bars.denominator == 1 else None,
        _key(path.stem),
        shape="loop",
    )


def _of_name(stem: str, frames: int, sample_rate_hz: int) -> Labels:
    """What the name says: a tempo that gives a whole number of bars makes it a loop."""
    bpm = tempo_in_file_name(stem)
    if bpm is not None:
        beats = frames / sample_rate_hz * bpm / 60
        if round(beats) and abs(beats - round(beats)) < 0.02 and round(beats) % BEATS_PER_BAR == 0:
            count = round(beats)
            exact_bpm = count * 60 * sample_rate_hz / frames
            return Labels(frames, sample_rate_hz, exact_bpm, count, count // BEATS_PER_BAR, _key(stem), shape="loop")
    return Labels(frames, sample_rate_hz, bpm, key=_key(stem))


def _key(stem: str) -> str | None:
    match = _KEY.search(stem)
    return match[1] if match else None


def labels_in_manifest(folder: Path) -> dict[str, Labels]:
    """The labels of a pack's files by their names in its manifest; rows that make no sense are left out.

    Raises ValueError where there is no manifest, or one that is none.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MANIFEST_BYTES_MAX:
            raise ValueError(f"{path}: longer than {MANIFEST_BYTES_MAX >> 20} MiB")
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not valid json ({error})") from None
    rows = values.get("files") if isinstance(values, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"{path}: must hold a list of files")
    found = {}
    for row in rows:
        labels = _of_row(row)
        if labels is not None:
            found[row["file"]] = labels
    return found


def _of_row(row: Any) -> Labels | None:
    if not isinstance(row, dict) or not isinstance(row.get("file"), str):
        return None
    frames, rate = _number(row.get("frames"), 1, 1 << 40), _number(row.get("sample_rate_hz"), 1000, 1_000_000)
    if frames is None or rate is None:
        return None
    beats, bars = _number(row.get("beats"), 1, 1 << 20), _number(row.get("bars"), 1, 1 << 20)
    key, kind, shape = row.get("key"), row.get("kind"), row.get("shape")
    return Labels(
        int(frames),
        int(rate),
        _number(row.get("bpm"), 1, 1000),
        None if beats is None else int(beats),
        None if bars is None else int(bars),
        key if isinstance(key, str) else None,
        _number(row.get("density_measured"), 0, 1),
        kind if isinstance(kind, str) else None,
        shape if shape in SHAPES else "take",
    )


def _number(value: Any, low: float, high: float) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    return float(value) if known else None
