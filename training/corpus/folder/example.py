"""A small folder of music that belongs to nobody, to try training with: synthesised here, so it is nobody's work."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import soundfile

from training.corpus.store import SAMPLE_RATE_HZ, Corpus


def write_example(
    folder: Path, minutes: float, seed: int = 0, progress: Callable[[Path], None] | None = None
) -> list[Path]:
    """Write about `minutes` of techno songs as FLAC files named after their tempo; files that are there are kept."""
    from training.corpus.techno import build_techno

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with tempfile.TemporaryDirectory() as scratch:
        build_techno(Path(scratch), minutes / 60, seed)
        corpus = Corpus(Path(scratch))
        for number, song in enumerate(corpus.songs):
            path = folder / f"example {number + 1:02d} {song.bpm:.4g} bpm.flac"
            if not path.exists():
                part = path.with_suffix(".part")
                soundfile.write(part, corpus.audio(song), SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
                part.replace(path)
            if progress:
                progress(path)
            files.append(path)
    return files
