"""Fills a corpus with songs made by number, over several processes; goes on where an earlier build stopped."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from musika_daw.system.workers import Workers
from training.corpus.store import SAMPLE_RATE_HZ, CorpusWriter, SongLabels

HOURS_MAX, JOBS_MAX = 10_000, 256
Progress = Callable[[int, float], None]
Made = tuple[np.ndarray, SongLabels]


def check_amount(hours: float, jobs: int) -> None:
    """Raises ValueError for hours or jobs out of range."""
    if not 0 < hours <= HOURS_MAX:
        raise ValueError(f"hours: {hours}, must be above 0 and at most {HOURS_MAX}")
    if not 1 <= jobs <= JOBS_MAX:
        raise ValueError(f"jobs: {jobs}, must be 1..{JOBS_MAX}")


def fill_corpus(
    out: Path,
    kind: str,
    seed: int,
    hours: float,
    *,
    jobs: int,
    make: Callable[[int], Made],
    start: Callable[..., Any] | None = None,
    arguments: Callable[[], tuple[Any, ...]] = tuple,
    progress: Progress | None = None,
) -> None:
    """Append songs `make(number)` to the corpus `out` until it holds `hours`.

    Every process begins with `start(*arguments())`, which is called only where songs are to be made. Songs come in
    the order of their numbers whatever `jobs` is. `progress(songs, hours)` is called after each.
    """
    wanted = hours * 3600 * SAMPLE_RATE_HZ
    with CorpusWriter(out, kind, seed) as writer:
        held = sum(song.frames for song in writer.songs)
        if held >= wanted:
            return
        with Workers(jobs, start, arguments()) as workers:
            for audio, labels in workers.in_order(make, ((number,) for number in itertools.count(len(writer.songs)))):
                held += writer.append(audio, labels).frames
                if progress is not None:
                    progress(len(writer.songs), held / SAMPLE_RATE_HZ / 3600)
                if held >= wanted:
                    workers.drop()
                    return
