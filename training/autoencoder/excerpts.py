"""Random excerpts of corpora, addressed by step so that a resumed run sees the same order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musika_daw.system.refusal import refused
from training.corpus import Corpus, Song


class Excerpts:
    """Draws batches of audio; batch `step` depends on `seed` and `step` alone.

    `weights` says how much of a batch comes from each corpus. Songs are drawn by length. Excerpts are swapped
    left/right (a share `swapped` of them) and varied in level (`gain_db`), the only augmentations that keep every
    label true. What sits left and what right can only be learned where nothing is swapped.
    """

    def __init__(
        self,
        corpora: Sequence[Corpus],
        weights: Sequence[float],
        frames: int,
        *,
        split: str = "train",
        seed: int = 0,
        gain_db: tuple[float, float] = (-9.0, 2.0),
        swapped: float = 0.5,
    ) -> None:
        if len(corpora) != len(weights) or not corpora:
            raise ValueError(f"weights: {len(weights)} given for {len(corpora)} corpora, must be one each")
        self.corpora, self.frames, self.seed, self.gain_db = list(corpora), frames, seed, gain_db
        self.swapped = swapped
        self.weights = np.asarray(weights, float) / sum(weights)
        self.songs: list[list[Song]] = [c.split(split) for c in corpora]
        for corpus, songs in zip(self.corpora, self.songs):
            if not songs:
                raise refused("corpus", corpus.folder, f"no songs in the {split} split")
        self.lengths = [np.array([s.frames for s in songs], float) for songs in self.songs]

    def batch(self, step: int, size: int) -> np.ndarray:
        """Float32 `[size, 2, frames]`; negative steps are batches that training never draws."""
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, step % 2**64], np.uint64)))
        out = np.empty((size, 2, self.frames), np.float32)
        for i in range(size):
            which = int(rng.choice(len(self.corpora), p=self.weights))
            lengths = self.lengths[which]
            song = self.songs[which][int(rng.choice(len(lengths), p=lengths / lengths.sum()))]
            start = int(rng.integers(0, max(1, song.frames - self.frames)))
            part = self.corpora[which].audio(song, start, self.frames).T
            if rng.random() < self.swapped:
                part = part[::-1]
            out[i] = part * 10 ** (rng.uniform(*self.gain_db) / 20)
        return out
