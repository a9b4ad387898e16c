"""Audio files written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

_SUBTYPES = {".wav": "PCM_24", ".flac": "PCM_24", ".aiff": "PCM_24", ".aif": "PCM_24", ".ogg": "VORBIS"}
_NAMES = {".wav": "WAV", ".flac": "FLAC", ".aiff": "AIFF", ".aif": "AIFF", ".ogg": "OGG"}


_PIECE_FRAMES = 1 << 14


def write_in_pieces(file: Any, samples: np.ndarray) -> None:
    """Write [frames, channels] to an open `soundfile.SoundFile` in many calls.

    A Vorbis encoder keeps all that one call gives it on the stack, which ends the process for some tens of seconds.
    """
    for start in range(0, len(samples), _PIECE_FRAMES):
        file.write(samples[start : start + _PIECE_FRAMES])


def write_blocks(path: Path, blocks: Iterable[np.ndarray], sample_rate_hz: int) -> int:
    """Write float32 `[n, 2]` blocks one after another; returns the frames written.

    The file appears under its name only when complete; what was there before stays if anything fails.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    suffix = path.suffix.lower()
    frames = 0
    try:
        with soundfile.SoundFile(
            part, "w", sample_rate_hz, 2, subtype=_SUBTYPES[suffix], format=_NAMES[suffix]
        ) as file:
            for block in blocks:
                write_in_pieces(file, np.clip(block, -1, 1))
                frames += len(block)
        part.replace(path)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"out: {path}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return frames
