"""Harmony: is what is heard after coding what was heard before, or what the notes say?"""

from __future__ import annotations

import numpy as np

from musika_daw.score.roll import ROLES, Notes
from training.compiled import librosa

RATE_HZ, HOP = 22_050, 2048
LOWEST, OCTAVES = "C3", 4


def chroma(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Strength of the twelve pitch classes, C3..B6, of the harmonic part of `[frames, channels]`: `[12, n]`, one
    column each 93 ms (constant-Q, librosa)."""
    mono = librosa().resample(audio.mean(1).astype(np.float32), orig_sr=sample_rate_hz, target_sr=RATE_HZ)
    harmonic = librosa().effects.harmonic(mono, margin=2.0)
    # tuning is that of the notes; estimated on a drum loop it is anything
    return np.asarray(
        librosa().feature.chroma_cqt(
            y=harmonic, sr=RATE_HZ, hop_length=HOP, fmin=librosa().note_to_hz(LOWEST), n_octaves=OCTAVES, tuning=0.0
        )
    )


def told_chroma(notes: Notes, frames: int, sample_rate_hz: int) -> np.ndarray:
    """The same of notes in frames of the sample rate: the sum of the velocities of what sounds, `[12, n]`.

    Drums have keys, but no pitch."""
    notes = notes.at(notes.roles != ROLES.index("drums"))
    column = sample_rate_hz * HOP / RATE_HZ
    out = np.zeros((12, int(frames / column) + 1))
    for onset, off, key, velocity in zip(notes.onset, notes.off, notes.key, notes.velocity):
        out[int(key) % 12, max(int(onset / column), 0) : int(off / column) + 1] += velocity
    return out


def agreement(first: np.ndarray, second: np.ndarray) -> float:
    """Mean over columns of the correlation of two chromas; columns in which either is silent are left out.

    NaN where no column is left.
    """
    count = min(first.shape[1], second.shape[1])
    first, second = (c[:, :count] - c[:, :count].mean(0) for c in (first, second))
    powers = (first**2).sum(0) * (second**2).sum(0)
    heard = powers > 1e-9
    if not heard.any():
        return float("nan")
    return float(np.mean((first * second).sum(0)[heard] / np.sqrt(powers[heard])))
