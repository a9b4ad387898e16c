"""The piano roll: which strings are struck and which still sound, as numbers of every latent frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

# who plays a note
ROLES = ("piano", "drums", "bass", "lead", "chords")
LOWEST_KEY, HIGHEST_KEY = 21, 108
KEYS = HIGHEST_KEY - LOWEST_KEY + 1
# of every key: struck early in the frame, struck late in it, still sounding
CHANNELS = 3 * KEYS
# a string is taken to have died away after this long, whether a pedal holds it or not
LONGEST_S = 6.0


@dataclass(frozen=True)
class Notes:
    """Notes sorted by onset: `onset` and `off` (the string is damped) float64 `[n]` in a unit that the owner
    says, MIDI `key` int64 `[n]`, `velocity` float64 `[n]` in 0..1 and `role` int64 `[n]`, a number of `ROLES` (None:
    all are a piano's)."""

    onset: np.ndarray
    off: np.ndarray
    key: np.ndarray
    velocity: np.ndarray
    role: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.onset)

    @property
    def roles(self) -> np.ndarray:
        """Role of every note, int64 `[n]`."""
        return np.zeros(len(self), np.int64) if self.role is None else self.role

    def at(self, which: np.ndarray | slice) -> Notes:
        """Some of the notes, by index, mask or slice."""
        role = None if self.role is None else self.role[which]
        return Notes(self.onset[which], self.off[which], self.key[which], self.velocity[which], role)

    def scaled(self, factor: float) -> Notes:
        """The same notes in another unit of time, of which `factor` make one of theirs."""
        return replace(self, onset=self.onset * factor, off=self.off * factor)

    def between(self, first: int, stop: int) -> Notes:
        """Notes number `first` to `stop`."""
        return self.at(slice(first, stop))

    def of(self, role: str) -> Notes:
        """The notes of one role."""
        return self.at(self.roles == ROLES.index(role))


def sorted_notes(rows: Sequence[tuple[float, ...]]) -> Notes:
    """Notes of rows that begin with onset, end, key, velocity and role, sorted by onset and what follows."""
    table = np.array([row[:5] for row in sorted(rows)], float).reshape(-1, 5)
    onset, off, key, velocity, role = table.T
    return Notes(onset, off, key.astype(np.int64), velocity, role.astype(np.int64))


def roll(notes: Notes, frames: int, frame_s: float) -> np.ndarray:
    """Float32 `[frames, CHANNELS]` of notes in frames (0: the start of the first), one frame `frame_s` long.

    A strike is shared between `early` and `late` by its place within its frame, so that it is known more closely
    than by the frame; what sounds fades as a string of its key does, and ends when it is damped or struck again.
    """
    out = np.zeros((3, frames, KEYS), np.float32)
    struck_again = _next_of_same_key(notes)
    centre = np.arange(frames) + 0.5
    for on, off, key, velocity, again in zip(
        notes.onset.tolist(), notes.off.tolist(), notes.key.tolist(), notes.velocity.tolist(), struck_again.tolist()
    ):
        column = key - LOWEST_KEY
        first = int(np.floor(on))
        if 0 <= first < frames:
            late = on - first
            out[0, first, column] = max(out[0, first, column], velocity * (1 - late))
            out[1, first, column] = max(out[1, first, column], velocity * late)
        end = min(off, again, on + LONGEST_S / frame_s)
        lo, hi = max(first + 1, 0), min(int(np.ceil(end)), frames)
        if lo < hi:
            share = np.clip(end - np.arange(lo, hi), 0, 1)
            fall = np.exp(-(centre[lo:hi] - on) * frame_s / fade_s(key))
            out[2, lo:hi, column] = velocity * share * fall
    return np.concatenate(list(out), 1)


def fade_s(key: float) -> float:
    """Seconds in which a string of this key falls to 1/e."""
    return float(4.0 * 2 ** ((40 - key) / 24))


def _next_of_same_key(notes: Notes) -> np.ndarray:
    """Onset of the next note of the same key, infinity where there is none, float64 `[n]`."""
    following = np.full(len(notes), np.inf)
    for key in np.unique(notes.key):
        at = np.nonzero(notes.key == key)[0]
        following[at[:-1]] = notes.onset[at[1:]]
    return following
