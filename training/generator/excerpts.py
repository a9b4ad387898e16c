"""Excerpts of latents with their conditions, addressed by step so that a resumed run sees the same order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from musika_daw.instrument.models.config import GeneratorConfig
from musika_daw.score import roll as piano_roll
from musika_daw.score.conditioning import Conditions
from musika_daw.score.part_roll import part_roll
from musika_daw.score.parts import PARTS
from training.generator.styles import Styles
from training.latents.encode import LatentCorpus, LatentSong
from training.runs.recipes import GanSettings

# where a piece has no tempo of its own, its anchors are spaced as if it had this one
NOMINAL_BPM = 120.0
ANCHORS = 4


@dataclass(frozen=True)
class Batch:
    """`latents` `[B, T, C]` normalised; `conditions` `[B, T, K]`; `weights` `[B, T, ANCHORS]` turn anchors
    into coordinates (each row sums to 1); `style` `[B, T, S]` where it is known."""

    latents: Tensor
    conditions: Tensor
    weights: Tensor
    style: Tensor | None = None

    def first(self, rows: int) -> Batch:
        """Its first `rows`."""
        return self._each(lambda part: part[:rows])

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return self._each(lambda part: part.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(*(change(part) for part in vars(self).values() if part is not None))


class LatentExcerpts:
    """Draws batches of latent excerpts with their conditions; batch `step` depends on seed and step alone."""

    def __init__(
        self, corpus: LatentCorpus, config: GeneratorConfig, settings: GanSettings, split: str = "train"
    ) -> None:
        # two patches side by side where patches are apart, so that their border is judged
        self.frames = config.seq_len * (2 if config.kind == "fastgan" else 1)
        self.corpus, self.config, self.settings = corpus, config, settings
        self.songs = [s for s in corpus.songs if s.split == split and s.frames > self.frames]
        if not self.songs:
            raise ValueError(f"latents: no song of the {split} split is longer than {self.frames} latents")
        lengths = np.array([s.frames - self.frames for s in self.songs], float)
        self.chances = lengths / lengths.sum()
        self.has_grid = any(s.bpm for s in self.songs)
        self.notes = {song.name: corpus.notes(song) for song in self.songs} if config.score else {}
        if config.score == "piano" and not all(map(len, self.notes.values())):
            unknown = next(name for name, notes in self.notes.items() if not len(notes))
            raise ValueError(f"latents: the notes of {unknown} are not known, and the generator is told a score")
        if settings.balance_parts:
            self.chances = self._evened()
        self.balance = self._balance() if settings.balance_density else None
        self.styles = Styles(corpus, config.style) if settings.style_told else None

    def _evened(self) -> np.ndarray:
        """The chances of songs, so that those of drums, of bass and so on come equally often, and those of which no
        notes are known as often as before."""
        parts = [tuple(np.unique(self.notes[s.name].roles).tolist()) if self.notes else () for s in self.songs]
        totals: dict[tuple[int, ...], float] = {}
        for part, chance in zip(parts, self.chances):
            totals[part] = totals.get(part, 0.0) + chance
        unknown = totals.get((), 0.0)
        share = (1 - unknown) / max(len(totals.keys() - {()}), 1)
        return np.array([chance * (share / totals[p] if p else 1.0) for p, chance in zip(parts, self.chances)])

    def _balance(self) -> np.ndarray:
        """How welcome an excerpt of mean density i/20 is, 0..1: the rarer, the more."""
        labels = np.concatenate([self.corpus.labels[s.start : s.start + s.frames, 0] for s in self.songs])
        counts = np.histogram(labels, 20, (0, 1))[0] / len(labels)
        welcome = (counts + 0.005) ** -self.settings.balance_density
        return welcome / welcome.max()

    def _place(self, rng: np.random.Generator) -> tuple[LatentSong, int]:
        """A song and where in it an excerpt starts."""
        while True:
            song = self.songs[int(rng.choice(len(self.songs), p=self.chances))]
            start = int(rng.integers(0, song.frames - self.frames))
            if self.balance is None:
                return song, start
            density = self.corpus.labels[song.start + start : song.start + start + self.frames, 0].mean()
            if rng.random() < self.balance[min(19, int(density * 20))]:
                return song, start

    def batch(self, step: int, size: int) -> Batch:
        """Batch number `step`."""
        rng = np.random.Generator(np.random.Philox(key=[self.settings.seed, step]))
        rows = [self._excerpt(rng) for _ in range(size)]
        return Batch(*(torch.from_numpy(np.stack(part)) for part in zip(*rows)))

    def _excerpt(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        song, start = self._place(rng)
        span = slice(song.start + start, song.start + start + self.frames)
        latents = (self.corpus.latents[span].astype(np.float32) - self.corpus.mean) / self.corpus.deviation
        beats = self.beats(song, start)
        labels, s = self.corpus.labels[span], self.settings
        dropped = rng.random(4) < [s.drop_phase, s.drop_tempo, s.drop_density, s.drop_energy]
        grid = song.bpm is not None
        conditions = Conditions(
            self.frames,
            beat=beats if grid and not dropped[0] else None,
            bpm=np.full(self.frames, song.bpm) if grid and not dropped[1] else None,
            density=None if dropped[2] else labels[:, 0],
            energy=None if dropped[3] else labels[:, 1],
        )
        if grid:
            place = beats / self.config.anchor_beats
        else:  # a piece without a grid may lie anywhere between anchors
            place = (beats + rng.uniform(0, self.config.anchor_beats)) / self.config.anchor_beats
        told = conditions.features()
        if self.config.score:
            told = np.concatenate([told, self._score(rng, song, start)], 1)
        style = () if self.styles is None else (self.styles.excerpt(song, start, self.frames),)
        return latents, told, anchor_weights(place), *style

    def _score(self, rng: np.random.Generator, song: LatentSong, start: int) -> np.ndarray:
        """What the generator is told of the score of an excerpt; the notes of a song are sorted by onset."""
        notes, frame_s = self.notes[song.name], 1 / self.corpus.config.latent_rate_hz
        first, stop = np.searchsorted(notes.onset, [start - piano_roll.LONGEST_S / frame_s, start + self.frames])
        near = notes.between(int(first), int(stop))
        near = replace(near, onset=near.onset - start, off=near.off - start)
        if self.config.score == "piano":
            return piano_roll.roll(near, self.frames, frame_s)
        left_out = rng.random(1 + len(PARTS))
        if not len(notes) or left_out[0] < self.settings.drop_score:
            return part_roll(near, self.frames, ())
        told = [part for part, chance in zip(PARTS, left_out[1:]) if chance >= self.settings.drop_part]
        return part_roll(near, self.frames, told)

    def beats(self, song: LatentSong, start: int) -> np.ndarray:
        """Beat at the centre of each latent frame of an excerpt, float64 `[T]`."""
        config = self.corpus.config
        centre = (start + np.arange(self.frames) + 0.5) * config.r_time - (song.beat0_frame or 0.0)
        return centre / config.sample_rate_hz * (song.bpm or NOMINAL_BPM) / 60


def anchor_weights(place: np.ndarray) -> np.ndarray:
    """Linear interpolation weights, float32 `[T, ANCHORS]`, at places counted in anchors."""
    place = place - np.floor(place[0])
    number = np.arange(ANCHORS)
    return np.maximum(0, 1 - np.abs(place[:, None] - number)).astype(np.float32)
