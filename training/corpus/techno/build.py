"""Build the techno corpus: songs in index order, over several processes, resumable."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.corpus.fill import Made, Progress, check_amount, fill_corpus
from training.corpus.techno.oneshots import OneShots
from training.corpus.techno.song import render_song

KIND = "techno"
_seed = 0
_oneshots: OneShots | None = None


def build_techno(
    out: Path,
    hours: float,
    seed: int = 0,
    jobs: int = 1,
    oneshots: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Write songs to the corpus `out` until it holds `hours`; continues where an earlier build stopped.

    `progress(songs, hours_done)` is called after each song. Raises ValueError for hours or jobs out of range."""
    check_amount(hours, jobs)
    made_with = seed, oneshots
    fill_corpus(out, KIND, seed, hours, jobs, _song, start=_start, arguments=lambda: made_with, progress=progress)


def _start(seed: int, oneshots: Path | None) -> None:
    global _seed, _oneshots
    _seed, _oneshots = seed, OneShots.load(oneshots) if oneshots is not None else None


def _song(index: int) -> Made:
    audio, labels = render_song(_seed, index, _oneshots)
    return np.round(np.clip(audio, -1, 1) * 32767).astype(np.int16), labels
