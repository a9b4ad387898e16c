"""One music file as songs of a corpus: read, judged, and its grid heard, all that needs no other file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.corpus.folder.grid import Grid, hear
from training.corpus.folder.likeness import likeness
from training.corpus.folder.reading import UnusableError, blocks
from training.corpus.store import SAMPLE_RATE_HZ

# a mix of hours is cut into parts of at most this, so that memory does not grow with a file
PART_S = 480
SILENT_DB = -60.0
_SILENT = 10 ** (SILENT_DB / 20)
NO_GRID = Grid(np.zeros(0), 0.0, None, None, None)


@dataclass(frozen=True)
class Part:
    """A song to be: its frames in the scratch file and what was heard in it."""

    frames: int
    grid: Grid


@dataclass(frozen=True)
class Prepared:
    """A file that can be trained on (`parts`, their int16 stereo one after another in a scratch file), or the
    `reason` why not; `like` tells recordings apart."""

    parts: tuple[Part, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    like: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes; "" where it cannot be read."""
    if not path.is_file():  # a pipe would be waited for
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def parts_of(path: Path) -> Iterator[np.ndarray]:
    """The file as float32 `[frames, 2]` at 44.1 kHz, at most `PART_S` at a time, the last at least half as long."""
    whole = PART_S * SAMPLE_RATE_HZ
    kept: list[np.ndarray] = []
    count = 0
    for block in blocks(path):
        kept.append(block)
        count += len(block)
        # a rest shorter than half a part stays with the part before it
        if count >= whole * 3 // 2:
            audio = np.concatenate(kept)
            yield audio[:whole]
            kept, count = [audio[whole:]], count - whole
    if count:
        yield np.concatenate(kept)


def prepare(path: Path, scratch: Path, shortest_s: float) -> Prepared:
    """Read one file into `scratch`; never raises for what is wrong with the file itself."""
    parts: list[Part] = []
    frames, loudest = 0, 0.0
    like = np.zeros((0, 3), np.float32)
    try:
        with scratch.open("wb") as out:
            for audio in parts_of(path):
                peak = float(np.abs(audio).max(initial=0.0))
                swing = float(np.ptp(audio, 0).max()) / 2 if len(audio) else 0.0  # a constant is silence
                loudest = max(loudest, swing)
                heard = frames > 0 or len(audio) >= shortest_s * SAMPLE_RATE_HZ  # else it is refused in the end
                if not frames and heard:
                    like = likeness(audio)
                frames += len(audio)
                # decoders of lossy files overshoot full scale: turned down, not cut off
                audio = audio / np.float32(max(peak, 1.0))
                out.write(np.round(audio * 32767).astype(np.int16).tobytes())
                parts.append(Part(len(audio), hear(audio, SAMPLE_RATE_HZ) if swing > _SILENT and heard else NO_GRID))
    except UnusableError as error:
        return Prepared(reason=str(error))
    seconds = frames / SAMPLE_RATE_HZ
    if seconds < shortest_s:
        return Prepared(reason=f"too short: {seconds:.1f} s, must be at least {shortest_s:g} s", seconds=seconds)
    if loudest <= _SILENT:
        return Prepared(reason=f"silent: nothing above {SILENT_DB:g} dB", seconds=seconds)
    return Prepared(tuple(parts), "", seconds, like)
