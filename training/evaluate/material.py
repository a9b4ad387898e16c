"""Held-out and training songs to compare with, cut at their bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.corpus.store import SAMPLE_RATE_HZ, Corpus, Song


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a corpus song that begins at a bar line; audio float32 `[frames, 2]`."""

    name: str
    bpm: float
    audio: np.ndarray


class Material:
    """Songs with a grid, and without, of one or several corpora; the same arguments give the same cuts."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.corpora = [Corpus(Path(f)) for f in folders]

    def songs(self, *splits: str) -> list[tuple[Corpus, Song]]:
        """Songs of these splits, in corpus order."""
        return [(c, s) for c in self.corpora for s in c.songs if s.split in splits]

    def bars(self, *splits: str, bars: int, limit: int | None = None, seed: int = 0) -> Iterator[Excerpt]:
        """A cut of `bars` bars, at a multiple of 4 bars drawn by `seed`, of every song that has a grid.

        With a limit, songs are taken evenly from the whole list. A song shorter than `bars` is left out.
        """
        chosen = [(c, s) for c, s in self.songs(*splits) if s.bpm and s.beat0_frame is not None]
        chosen = _evenly(chosen, limit)
        rng = np.random.default_rng(seed)
        for corpus, song in chosen:
            assert song.bpm is not None
            assert song.beat0_frame is not None
            bar = 240 / song.bpm * SAMPLE_RATE_HZ
            starts = np.arange(0, int((song.frames - song.beat0_frame) / bar + 1e-3) - bars + 1, 4)
            if not len(starts):
                continue
            place = int(rng.choice(starts))
            audio = corpus.audio(song, round(song.beat0_frame + place * bar), round(bars * bar))
            yield Excerpt(f"{song.name} bar {place}", song.bpm, audio)

    def seconds(self, *splits: str, seconds: float, limit: int | None = None) -> list[tuple[str, np.ndarray]]:
        """The middle `seconds` of songs, with their names."""
        found = []
        for corpus, song in _evenly(self.songs(*splits), limit):
            frames = min(song.frames, round(seconds * SAMPLE_RATE_HZ))
            found.append((song.name, corpus.audio(song, (song.frames - frames) // 2, frames)))
        return found


def _evenly(items: list[tuple[Corpus, Song]], limit: int | None) -> list[tuple[Corpus, Song]]:
    if limit is None or len(items) <= limit:
        return items
    return [items[i * len(items) // limit] for i in range(limit)]
