"""`Labels`: what an audio file, or the manifest of its pack, says of itself, for lists and for playing in time.

manifest.json         everything, one row a file
WAV                   `acid`: tempo, beats, one-shot
FLAC, AIFF, OGG, MP3  their tags: tempo, beats, one-shot, key
else                  tempo and key in the name, as DAWs read them
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from musika_daw.score.harmony import key_in_text
from musika_daw.sound.sounds import read_any_header
from musika_daw.sound.tags import ACID_LOOP, ACID_ONE_SHOT, Acid, Header

MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 512 << 20
SUFFIXES = (".wav", ".flac", ".aiff", ".aif", ".ogg", ".mp3")
SHAPES = ("loop", "fill", "take", "shot")
BEATS_PER_BAR = 4
SAMPLE_RATES_HZ = (1000, 1_000_000)
LOOP_BPM = (30, 300)
_TEMPO = re.compile(r"(?:^|[_\-./ ])(\d{2,3}(?:[.,p]\d{1,6})?)bpm(?:$|[_\-./ ])", re.IGNORECASE)
_KEY = re.compile(r"(?:^|_)([A-G][#b]?(?:maj|min))(?:_|$)")


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


def tempo_in_file_name(name: str) -> float | None:
    """The tempo that hosts take from a name like `x_130bpm_y.wav`, or None (30..300, as Audacity does)."""
    match = _TEMPO.search(name)
    bpm = float(match[1].replace(",", ".").replace("p", ".")) if match else 0.0
    return bpm if 30 <= bpm <= 300 else None


def read_labels(path: Path) -> Labels:
    """The labels in a file itself. Raises ValueError for what is no audio file, OSError for one that cannot be read."""
    if not path.is_file():
        raise FileNotFoundError(2, "no such file", str(path))
    try:
        return labels_of(path.stem, read_any_header(path))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def labels_of(stem: str, header: Header) -> Labels:
    """The labels of a file with this header and this name without its ending; ValueError where it can hold no sound."""
    if not header.frames or not header.sample_rate_hz:
        raise ValueError("holds no sound")
    low, high = SAMPLE_RATES_HZ
    if not low <= header.sample_rate_hz <= high:
        raise ValueError(f"sample rate of {header.sample_rate_hz} Hz, must be within {low}..{high}")
    acid, key = header.tags.acid, header.tags.key or _key(stem)
    plain = Labels(header.frames, header.sample_rate_hz, key=key)
    if acid is not None and acid.flags & ACID_ONE_SHOT:
        return replace(plain, shape="shot")
    if acid is not None and acid.beats:
        loop = _of_beats(plain, acid)
        if loop is not None:
            return loop
    # without beats the tempo of an acid chunk is a default that some program left there
    told = acid.tempo_bpm if acid is not None and "acid" not in header.chunks else 0.0
    return _of_tempo(plain, told if 1 <= told <= 1000 else tempo_in_file_name(stem), _says_loop(header))


def _of_beats(plain: Labels, acid: Acid) -> Labels | None:
    """A loop of as many beats as are told, or None where that makes no sense."""
    # a length rounded to whole frames tells the tempo to a few millionths; the chunk tells it as it was meant
    beats, told = acid.beats, acid.tempo_bpm
    by_length = beats * 60 * plain.sample_rate_hz / plain.frames
    unit = Fraction(4, acid.denominator) if acid.denominator else Fraction(1)
    if unit != 1 and told and abs(by_length * unit / told - 1) < 1e-3:
        # beats of the meter, and a tempo in quarter notes; one that ends in mid-quarter this program did not write
        quarters = beats * unit
        if quarters.denominator != 1:
            return replace(plain, bpm=told)
        beats, by_length = int(quarters), told
    meant = bool(told) and abs(by_length / told - 1) < 1e-3
    low, high = (1, 1000) if meant else LOOP_BPM  # programs leave a chunk of zeros or defaults on what is no loop
    if not low <= by_length <= high or not (meant or told or acid.flags & ACID_LOOP):
        return None
    bars = beats / (acid.numerator * unit) if acid.numerator else Fraction(beats, BEATS_PER_BAR)
    return replace(
        plain,
        bpm=told if meant else by_length,
        beats=beats,
        bars=int(bars) if bars.denominator == 1 else None,
        shape="loop",
    )


def _says_loop(header: Header) -> bool:
    """Whether the file says that all of it repeats."""
    loops = header.tags.sampler.loops if header.tags.sampler else ()
    return any(start == 0 and end in (header.frames - 1, header.frames) for start, end in loops)


def _of_tempo(plain: Labels, bpm: float | None, loops: bool) -> Labels:
    """What a tempo without beats says: one that gives a whole number of bars makes it a loop.

    Names and some tags round the tempo to a whole number: of what `loops` by its own word the bars tell the rest.
    """
    if bpm is None:
        return plain
    beats = plain.frames / plain.sample_rate_hz * bpm / 60
    count = round(beats / BEATS_PER_BAR) * BEATS_PER_BAR
    if count:
        exact_bpm = count * 60 * plain.sample_rate_hz / plain.frames
        rounded = loops and bpm == round(bpm) and abs(exact_bpm - bpm) <= 0.5
        if rounded or abs(beats - count) < 0.02:
            meant = bpm != round(bpm) and abs(exact_bpm / bpm - 1) < 1e-6
            return replace(
                plain, bpm=bpm if meant else exact_bpm, beats=count, bars=count // BEATS_PER_BAR, shape="loop"
            )
    return replace(plain, bpm=bpm)


def _key(stem: str) -> str | None:
    match = _KEY.search(stem)
    return key_in_text(match[1]) if match else None


def labels_in_manifest(folder: Path) -> dict[str, Labels]:
    """The labels of a pack's files by their names in its manifest; rows that make no sense are left out.

    Raises ValueError where there is no manifest, or one that cannot be read.
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
        (key_in_text(key) or key) if isinstance(key, str) else None,
        _number(row.get("density_measured"), 0, 1),
        kind if isinstance(kind, str) else None,
        shape if shape in SHAPES else "take",
    )


def _number(value: Any, low: float, high: float) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    return float(value) if known else None
