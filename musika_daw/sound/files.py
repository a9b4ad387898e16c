"""Audio files written whole or not at all."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from musika_daw.sound.aiff import aiff_head, big_endian
from musika_daw.sound.flac import comments_of
from musika_daw.sound.riff import quantise, wave_head
from musika_daw.sound.tags import Tags
from musika_daw.system.atomic import naming, part_of
from musika_daw.system.folders import name_for_libraries

_SUBTYPES = {".wav": "PCM_24", ".flac": "PCM_24", ".aiff": "PCM_24", ".aif": "PCM_24", ".ogg": "VORBIS"}
_NAMES = {".wav": "WAV", ".flac": "FLAC", ".aiff": "AIFF", ".aif": "AIFF", ".ogg": "OGG"}


_PIECE_FRAMES = 1 << 14
CEILING_DBFS = -1.0


@dataclass(frozen=True)
class Written:
    """Frames of a file, and how far it was turned down beyond the gain that was asked for, so that nothing clips."""

    frames: int
    turned_down_db: float = 0.0


_HEADED: dict[str, tuple[Callable[[int, int, int, Tags], bytes], Callable[[np.ndarray], bytes]]] = {
    ".wav": (wave_head, partial(quantise, encoding="pcm24")),
    ".aiff": (aiff_head, big_endian),
    ".aif": (aiff_head, big_endian),
}


def _comment(path: Path, suffix: str, tags: Tags) -> None:
    """Put tags into a FLAC or Ogg file, where it stands."""
    from mutagen.flac import FLAC
    from mutagen.oggvorbis import OggVorbis

    file: Any = (FLAC if suffix == ".flac" else OggVorbis)(path)
    file.update(comments_of(tags))
    file.save()


def write_blocks(
    path: Path,
    blocks: Iterable[np.ndarray],
    sample_rate_hz: int,
    gain_db: float = 0.0,
    *,
    tags: Callable[[int], Tags] | None = None,
) -> Written:
    """Write float32 `[n, 2]` blocks one after another, `gain_db` louder or as much as keeps all of it below -1 dBFS.

    `tags` are those of a file of so many frames; without them it has none.

    The file appears under its name only when complete; what was there before stays if anything fails. Until the loudest
    sample is known the sound lies in a file without a name beside it, so that memory does not grow with its length.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    frames, peak = 0, 0.0
    if not path.parent.is_dir():  # a slip of the pen, most likely: no folder is made for it
        raise ValueError(f"out: {path}: {path.parent} is no folder")
    try:
        with naming(path), tempfile.TemporaryFile(dir=path.parent) as sound:
            for block in blocks:
                sound.write(np.ascontiguousarray(block, "<f4").data)
                peak = max(peak, float(np.abs(block).max(initial=0.0)))
                frames += len(block)
            sound.seek(0)
            down_db = max(0.0, gain_db + 20 * math.log10(max(peak, 1e-9)) - CEILING_DBFS)
            gain = np.float32(10 ** ((gain_db - down_db) / 20))

            def pieces() -> Iterator[np.ndarray]:
                while data := sound.read(_PIECE_FRAMES * 8):
                    yield np.frombuffer(data, "<f4").reshape(-1, 2) * gain

            with part_of(path) as part:
                if tags is not None and suffix in _HEADED:
                    head, encoded = _HEADED[suffix]
                    with part.open("wb") as stream:
                        stream.write(head(frames, 2, sample_rate_hz, tags(frames)))
                        stream.writelines(map(encoded, pieces()))  # two channels of three bytes: never odd
                else:
                    form = {"subtype": _SUBTYPES[suffix], "format": _NAMES[suffix]}
                    with soundfile.SoundFile(name_for_libraries(part), "w", sample_rate_hz, 2, **form) as file:
                        for piece in pieces():
                            file.write(piece)
                    if tags is not None and frames:
                        _comment(part, suffix, tags(frames))
    except soundfile.LibsndfileError as error:
        raise ValueError(f"out: {path}: {error}") from error
    return Written(frames, down_db)
