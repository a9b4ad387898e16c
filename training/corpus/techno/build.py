"""Build the techno corpus: songs in index order, over several processes, resumable."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from training.corpus.store import SAMPLE_RATE_HZ, CorpusWriter, SongLabels
from training.corpus.techno.oneshots import OneShots
from training.corpus.techno.song import BARS, render_song

KIND = "techno"
_oneshots: OneShots | None = None


def build_techno(
    out: Path,
    hours: float,
    seed: int = 0,
    jobs: int = 1,
    oneshots: Path | None = None,
    bars: int = BARS,
    parts: bool = False,
    progress: Callable[[int, float], None] | None = None,
) -> None:
    """Write songs to the corpus `out` until it holds `hours`; continues where an earlier build stopped.

    `bars` and `parts` as in `render_song`. `progress(songs, hours_done)` is called after each song. Raises ValueError
    for hours <= 0, jobs < 1, or a corpus begun with other bars."""
    if not hours > 0:
        raise ValueError(f"hours: {hours}, must be above 0")
    if jobs < 1:
        raise ValueError(f"jobs: {jobs}, must be at least 1")
    with CorpusWriter(out, KIND, seed) as writer:
        begun = {song.extra.get("bars") for song in writer.songs} - {bars}
        if begun:
            raise ValueError(f"bars: {bars}, must be {begun.pop()} as in the songs that {out} holds")
        frames = sum(song.frames for song in writer.songs)
        wanted = hours * 3600 * SAMPLE_RATE_HZ
        if frames >= wanted:
            return
        for audio, labels in _songs(seed, len(writer.songs), jobs, oneshots, bars, parts):
            frames += writer.append(audio, labels).frames
            if progress is not None:
                progress(len(writer.songs), frames / SAMPLE_RATE_HZ / 3600)
            if frames >= wanted:
                return


def _songs(
    seed: int, first: int, jobs: int, oneshots: Path | None, bars: int, parts: bool
) -> Iterator[tuple[np.ndarray, SongLabels]]:
    """Songs from `first` on, in order and without end."""
    if jobs == 1:
        shots = OneShots.load(oneshots) if oneshots is not None else None
        index = first
        while True:
            yield _as_int16(render_song(seed, index, shots, bars, parts=parts))
            index += 1
    # a batch at a time: imap would otherwise race ahead of the writer without end
    with mp.get_context("spawn").Pool(jobs, _start, (oneshots,)) as pool:
        while True:
            yield from pool.imap(_work, [(seed, i, bars, parts) for i in range(first, first + 8 * jobs)])
            first += 8 * jobs


def _start(oneshots: Path | None) -> None:
    global _oneshots
    _oneshots = OneShots.load(oneshots) if oneshots is not None else None


def _work(job: tuple[int, int, int, bool]) -> tuple[np.ndarray, SongLabels]:
    seed, index, bars, parts = job
    return _as_int16(render_song(seed, index, _oneshots, bars, parts=parts))


def _as_int16(song: tuple[np.ndarray, SongLabels]) -> tuple[np.ndarray, SongLabels]:
    audio, labels = song
    return np.round(np.clip(audio, -1, 1) * 32767).astype(np.int16), labels
