"""The style of every song of one part: what its latents do, on the average, beyond what the score explains.

An inference network had to find out what sets songs apart while the generator learned to use it; after 4,400 steps it
told 14 nats, and seeds of the model differed in their notes, hardly in their sound. A score says when each note begins,
so most of it can be measured before training: how far the latents of a song lie from what notes and time since the last
onset explain, each time apart. Factors of these distances over all songs of a part (probabilistic principal components,
Tipping and Bishop, 1999; times that a song never comes to are missing data), scaled to unit deviation and without
correlation, are the styles that training tells the generator; an engine draws them from N(0, 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musika_daw.score.part_roll import TIMES, part_roll, slices
from musika_daw.score.parts import DRUMS, KIND_OF
from musika_daw.score.roll import ROLES, Notes
from musika_daw.system.refusal import refused
from training.latents.encode import LatentCorpus, LatentSong

_EDGES = np.array(TIMES)
_TIMES = len(_EDGES)
# what a weight of the regression on the score pays, against the mean power of what it weighs
_PRICE = 0.1
# as many latents of a song at one time as are needed to know half of what it does there
_HALF_KNOWN = 4
_ROUNDS = 8
_VOICES = {key: KIND_OF[voice] for voice, key in DRUMS.items()}


@dataclass(frozen=True)
class _Stretch:
    """Latents from an onset of one voice (a drum, or a line's part) on: first and last, onsets and velocities."""

    voice: str
    first: int
    stop: int
    onset: np.ndarray
    velocity: np.ndarray


class Styles:
    """Styles `[size]` of the songs of a corpus in which each song is one part; ValueError for another corpus."""

    def __init__(self, corpus: LatentCorpus, size: int) -> None:
        self.size = size
        stretches: dict[str, list[tuple[LatentSong, _Stretch]]] = {}
        for song in corpus.songs:
            for stretch in _stretches(song, corpus.notes(song)):
                stretches.setdefault(stretch.voice, []).append((song, stretch))
        if not stretches:
            raise refused("style_told", True, "no notes are known of these latents, styles are measured beside them")
        self._codes: dict[str, list[tuple[int, np.ndarray]]] = {}
        for voice, known in sorted(stretches.items()):
            codes = _codes(corpus, voice, known, size)
            for (song, stretch), code in zip(known, codes):
                self._codes.setdefault(song.name, []).append((stretch.first, code))
        for of_song in self._codes.values():
            of_song.sort(key=lambda pair: pair[0])

    def excerpt(self, song: LatentSong, start: int, frames: int) -> np.ndarray:
        """Style of every latent of an excerpt, float32 `[frames, size]`: that of the voice that was struck last."""
        known = self._codes.get(song.name)
        if not known:  # a song without a note is silent
            return np.zeros((frames, self.size), np.float32)
        firsts = np.array([first for first, _ in known])
        number = np.searchsorted(firsts, start + np.arange(frames), "right") - 1
        table = np.array([code for _, code in known], np.float32)
        return table[np.maximum(number, 0)]


def _stretches(song: LatentSong, notes: Notes) -> list[_Stretch]:
    roles = {ROLES[role] for role in notes.roles.tolist()}
    if len(roles) > 1:
        raise refused("style_told", song.name, f"plays {', '.join(sorted(roles))}, each song must be of one part")
    if not roles:
        return []
    onset = np.floor(notes.onset).astype(int)
    if (role := roles.pop()) != "drums":
        return [_Stretch(role, 0, song.frames, onset, notes.velocity)]
    ends = [*onset[1:].tolist(), song.frames]
    return [
        _Stretch(_VOICES[int(key)], int(on), int(stop), onset[i : i + 1], notes.velocity[i : i + 1])
        for i, (key, on, stop) in enumerate(zip(notes.key, onset, ends))
        if stop > on
    ]


def _times(stretch: _Stretch) -> tuple[np.ndarray, np.ndarray]:
    """Number of the time since the last onset, and its velocity, of every latent of a stretch (before any: the last
    time)."""
    frames = np.arange(stretch.first, stretch.stop)
    last = np.searchsorted(stretch.onset, frames, "right") - 1
    since = np.where(last >= 0, frames - stretch.onset[np.maximum(last, 0)], _EDGES[-1])
    return np.searchsorted(_EDGES, since, "right") - 1, stretch.velocity[np.maximum(last, 0)]


def _told(song: LatentSong, notes: Notes, stretch: _Stretch) -> np.ndarray:
    """What the regression knows of every latent, `[T, K]`: time and velocity, and of a line its notes."""
    time, velocity = _times(stretch)
    of_time = np.eye(_TIMES, dtype=np.float32)[time]
    told = [of_time, of_time * velocity[:, None].astype(np.float32)]
    if stretch.voice in slices():
        roll = part_roll(notes, song.frames)[:, slices()[stretch.voice]]
        told += [np.pad(roll, ((1, 1), (0, 0)))[i : i + song.frames] for i in range(3)]
    return np.concatenate(told, 1)


def _codes(corpus: LatentCorpus, voice: str, known: list[tuple[LatentSong, _Stretch]], size: int) -> np.ndarray:
    """Styles `[songs, size]` of all stretches of a voice; those of held-out songs do not shape what a style is."""
    learned = np.array([song.split == "train" for song, _ in known])
    if learned.sum() < 2:  # nothing to compare: it has the style of all
        return np.zeros((len(known), size), np.float32)

    def both(song: LatentSong, stretch: _Stretch) -> tuple[np.ndarray, np.ndarray]:
        span = slice(song.start + stretch.first, song.start + stretch.stop)
        latents = (corpus.latents[span].astype(np.float32) - corpus.mean) / corpus.deviation
        return _told(song, corpus.notes(song), stretch), latents

    moments: np.ndarray | float = 0.0
    products: np.ndarray | float = 0.0
    for (song, stretch), counts in zip(known, learned):
        if counts:
            told, latents = both(song, stretch)
            moments, products = moments + told.T @ told, products + told.T @ latents
    moments = np.asarray(moments, np.float64)
    price = _PRICE * float(np.mean(np.diag(moments)))
    line = np.linalg.solve(moments + price * np.eye(len(moments)), np.asarray(products, np.float64)).astype(np.float32)
    means = np.zeros((len(known), _TIMES, len(corpus.mean)), np.float32)
    share = np.zeros((len(known), _TIMES), np.float32)
    for row, (song, stretch) in enumerate(known):
        told, latents = both(song, stretch)
        beyond, time = latents - told @ line, _times(stretch)[0]
        for number in np.unique(time):
            here = time == number
            means[row, number] = beyond[here].mean(0)
            share[row, number] = here.sum() / (here.sum() + _HALF_KNOWN)
    return _factors(means, share, learned, min(size, int(learned.sum()) - 1), size)


def _factors(means: np.ndarray, share: np.ndarray, learned: np.ndarray, size: int, width: int) -> np.ndarray:
    """Factors `[N, width]` of `[N, times, C]` of which `share` `[N, times]` is known, of unit deviation and without
    correlation over what is `learned`; where there are fewer than `width`, the others are zero."""
    weighted = (means * np.sqrt(share)[..., None]).reshape(len(means), -1)
    _, _, axes = np.linalg.svd(weighted[learned] - weighted[learned].mean(0), full_matrices=False)
    codes = weighted @ axes[:size].T
    codes /= codes[learned].std(0) + 1e-6
    for _ in range(_ROUNDS):
        with_one = np.concatenate([codes, np.ones((len(codes), 1), np.float32)], 1)[learned]
        basis = np.empty((means.shape[1], size + 1, means.shape[2]))
        for time in range(means.shape[1]):
            known = with_one * share[learned, time][:, None]
            power = known.T @ with_one + np.eye(size + 1)
            basis[time] = np.linalg.solve(power, known.T @ means[learned, time])
        rest = means - np.einsum("nk,tkc->ntc", np.concatenate([codes, np.ones((len(codes), 1))], 1), basis)
        noise = float((share[learned, :, None] * rest[learned] ** 2).sum() / share[learned].sum() / means.shape[2])
        offset, axes = means - basis[:, -1], basis[:, :-1]
        power = np.einsum("nt,tkc,tlc->nkl", share, axes, axes, optimize=True) / noise + np.eye(size)
        seen = np.einsum("nt,tkc,ntc->nk", share, axes, offset, optimize=True) / noise
        codes = np.linalg.solve(power, seen[..., None])[..., 0].astype(np.float32)
        codes = (codes - codes[learned].mean(0)) / (codes[learned].std(0) + 1e-6)
    values, vectors = np.linalg.eigh(np.cov(codes[learned].T).reshape(size, size))
    codes = (codes @ vectors[:, ::-1]) / np.sqrt(np.maximum(values[::-1], 1e-6))
    return np.pad(codes, ((0, 0), (0, width - size))).astype(np.float32)
