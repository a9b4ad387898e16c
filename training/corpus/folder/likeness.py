"""Tells whether two files hold the same recording, whatever their format: levels of bands, every 50 ms."""

from __future__ import annotations

import base64
import itertools

import numpy as np

from training.corpus.store import SAMPLE_RATE_HZ

SECONDS = 30
_FRAME = SAMPLE_RATE_HZ // 20
_EDGES_HZ = (0, 150, 1000, 6000)
_FLOOR_DB = -70.0
# lossy codecs start up to 50 ms late
_SHIFTS = range(-2, 3)
# and move a band's level in a frame by a dB or so, an attack at a frame's edge by several
_TYPICAL_DB, _RARE_DB = 1.0, 8.0
_TOGETHER = 0.3  # chance gives .05 in a long sound, .15 in a second


def likeness(audio: np.ndarray) -> np.ndarray:
    """Levels in dB of three bands in the first 30 s, float32 `[frames, 3]`, of `[samples, 2]` at 44.1 kHz."""
    count = min(SECONDS * 20, len(audio) // _FRAME)
    frames = audio[: count * _FRAME].mean(1).reshape(count, _FRAME) * np.hanning(_FRAME).astype(np.float32)
    power = np.abs(np.fft.rfft(frames)) ** 2 / _FRAME
    hz = np.fft.rfftfreq(_FRAME, 1 / SAMPLE_RATE_HZ)
    bands = [power[:, (hz >= a) & (hz < b)].mean(1) for a, b in itertools.pairwise(_EDGES_HZ)]
    return np.maximum(10 * np.log10(np.stack(bands, 1) + 1e-12), _FLOOR_DB).astype(np.float32)


def alike(first: np.ndarray, second: np.ndarray) -> bool:
    """True where two `likeness` arrays come from the same recording."""
    if abs(len(first) - len(second)) > 4 or min(len(first), len(second)) < 20:
        return False
    for shift in _SHIFTS:
        a, b = first[max(0, shift) :], second[max(0, -shift) :]
        count = min(len(a), len(b))
        off = np.abs(a[:count] - b[:count])
        if np.median(off) < _TYPICAL_DB and np.percentile(off, 90) < _RARE_DB and _move_alike(a[:count], b[:count]):
            return True
    return False


def _move_alike(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether levels go up and down together: two steady sounds, noise say, have the same levels and are two."""
    one, other = np.diff(a, axis=0).ravel(), np.diff(b, axis=0).ravel()
    size = float(np.sqrt(np.vdot(one, one) * np.vdot(other, other)))
    return size > 0 and float(np.vdot(one, other)) / size > _TOGETHER


def to_text(levels: np.ndarray) -> str:
    """A `likeness` array as text, in steps of half a dB."""
    return base64.b85encode(np.clip(np.round(levels * 2), -240, 15).astype(np.int16).tobytes()).decode()


def from_text(text: str) -> np.ndarray:
    """Inverse of `to_text`, within a quarter of a dB."""
    return np.frombuffer(base64.b85decode(text), np.int16).reshape(-1, len(_EDGES_HZ) - 1) / np.float32(2)
