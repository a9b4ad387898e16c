"""A small folder of music that belongs to nobody, to try training with: synthesised here, so it is nobody's work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import soundfile

from musika_daw.system.atomic import part_of
from training.corpus.store import SAMPLE_RATE_HZ


def write_example(
    folder: Path,
    minutes: float,
    seed: int = 0,
    style: str | None = None,
    *,
    progress: Callable[[Path], None] | None = None,
) -> list[Path]:
    """Write about `minutes` of songs as FLAC files named after their tempo; files that are there are kept.

    `style` is one of the techno corpus's, None for all of them; ValueError for another.
    """
    from musika_daw.score.techno.style import style_named
    from training.corpus.techno import render_song

    chosen = None if style is None else style_named(style)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    frames = 0
    while frames < minutes * 60 * SAMPLE_RATE_HZ:
        audio, labels = render_song(seed, len(files), None, style=chosen)
        path = folder / f"example {len(files) + 1:02d} {labels.bpm:.4g} bpm.flac"
        if not path.exists():
            with part_of(path) as part:
                soundfile.write(part, audio, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
        if progress:
            progress(path)
        files.append(path)
        frames += len(audio)
    return files
