"""Build the techno corpus: songs in index order, over several processes, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from training.corpus.fill import Made, Progress, check_amount, fill_corpus
from training.corpus.store import Corpus
from training.corpus.techno.oneshots import OneShots
from training.corpus.techno.song import BARS, render_song
from training.corpus.techno.stem import render_stem

KIND = "techno"
Parts = Literal["mixed", "apart"]
"""Songs of which often some parts only are heard, or one part of each, as it lies on a desk before it is mixed."""
_seed = 0
_oneshots: OneShots | None = None
_bars = BARS
_parts: Parts | None = None


def build_techno(
    out: Path,
    hours: float,
    seed: int = 0,
    jobs: int = 1,
    *,
    oneshots: Path | None = None,
    bars: int = BARS,
    parts: Parts | None = None,
    progress: Progress | None = None,
) -> None:
    """Write songs to the corpus `out` until it holds `hours`; continues where an earlier build stopped.

    `bars` as in `render_song`; `parts` None: whole songs. `progress(songs, hours_done)` is called after each song.
    Raises ValueError for hours or jobs out of range, and for a corpus begun with other bars."""
    check_amount(hours, jobs)
    begun = _bars_in(out) - {bars}
    if begun:
        raise ValueError(f"bars: {bars}, must be {begun.pop()} as in the songs that {out} holds")
    made_with = seed, oneshots, bars, parts
    fill_corpus(
        out, KIND, seed, hours, jobs=jobs, make=_song, start=_start, arguments=lambda: made_with, progress=progress
    )


def _bars_in(out: Path) -> set[int]:
    """How long the songs are that a corpus holds."""
    if not (out / "songs.jsonl").exists():
        return set()
    return {song.extra.get("bars", BARS) for song in Corpus(out).songs}


def _start(seed: int, oneshots: Path | None, bars: int, parts: Parts | None) -> None:
    global _seed, _oneshots, _bars, _parts
    _seed, _oneshots, _bars, _parts = seed, OneShots.load(oneshots) if oneshots is not None else None, bars, parts


def _song(index: int) -> Made:
    if _parts == "apart":
        audio, labels = render_stem(_seed, index, _oneshots, _bars)
    else:
        audio, labels = render_song(_seed, index, _oneshots, _bars, parts=_parts == "mixed")
    return np.round(np.clip(audio, -1, 1) * 32767).astype(np.int16), labels
