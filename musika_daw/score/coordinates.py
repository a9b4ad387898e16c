"""Latent coordinates and style, addressed by musical position (paper, section 3.2).

Anchors are N(0, 1) vectors, one every `anchor_beats` beats, each a pure function of (seed, index) through
the counter-based generator Philox; between them coordinates are interpolated linearly. So bar 17 has the
same coordinates however it is reached.
"""

from __future__ import annotations

import numpy as np

_STYLE_STREAM, _ANCHOR_STREAM = 1, 2
_OFFSET = 1 << 62  # anchors before the song's start have negative numbers; Philox counters have not


def stream(seed: int, number: int, index: int) -> np.random.Generator:
    """Random numbers of place `index` (anchor, bar, phrase: may be negative) in stream `number` of a piece."""
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed: {seed}, must be in 0..2**64-1")
    bits = np.random.Philox(
        key=np.array([seed, number], np.uint64), counter=np.array([0, 0, index + _OFFSET, 0], np.uint64)
    )
    return np.random.Generator(bits)


def anchor(seed: int, index: int, size: int) -> np.ndarray:
    """Anchor vector number `index` of a piece, float64 `[size]`."""
    return stream(seed, _ANCHOR_STREAM, index).standard_normal(size)


def style(seed: int, size: int, voice: int = 0) -> np.ndarray:
    """Style vector of a piece, or of one of its voices where each has its own, float64 `[size]`."""
    return stream(seed, _STYLE_STREAM, voice).standard_normal(size)


def morph(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Spherical interpolation from style `a` (share 0) to `b` (share 1): half-way styles keep their length."""
    cosine = float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-6:
        return (1 - share) * a + share * b
    return (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)


def coordinates(beats: np.ndarray, seed: int, size: int, anchor_beats: int) -> np.ndarray:
    """Coordinates at beats `[T]`, float64 `[T, size]`."""
    place = np.asarray(beats, np.float64) / anchor_beats
    index = np.floor(place).astype(np.int64)
    share = (place - index)[:, None]
    wanted = np.unique(np.concatenate([index, index + 1])) if len(index) else np.zeros(0, np.int64)
    table = {int(i): anchor(seed, int(i), size) for i in wanted}
    left = np.array([table[int(i)] for i in index]).reshape(-1, size)
    right = np.array([table[int(i) + 1] for i in index]).reshape(-1, size)
    return (1 - share) * left + share * right


def there_and_back(beats: np.ndarray, start_beat: float, length_beats: float) -> np.ndarray:
    """Beats whose coordinates make a loop close: out for half its length and back at the same pace."""
    along = np.mod(np.asarray(beats, np.float64) - start_beat, length_beats)
    return start_beat + np.minimum(along, length_beats - along)
