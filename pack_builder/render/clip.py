"""Soft clipping, four times oversampled, of what stands out for a few milliseconds: nothing else of a sound changes.

A limiter that holds such spikes down takes the music around them along; bent at their tips they are not missed. Only
the blocks in which something is bent are worked on, so the rest stays bit by bit what it was.
"""

import math

import numpy as np

from musika_daw.sound.wrap import wrapped

KNEE = 0.8
_OVERSAMPLING = 4
_BLOCK = 64
_AT_ONCE = 4096  # blocks: what is bent four times oversampled is some forty times as large
_REACH = 20  # frames: ten of the filter up, ten of the filter down
_BETWEEN = 0.85  # a wave may pass the knee between samples that stay this far below it


def bend(wave: np.ndarray) -> np.ndarray:
    """Magnitudes beyond the knee bent towards 1, which they never reach; below it nothing changes."""
    size = np.abs(wave)
    bent = np.sign(wave) * (KNEE + (1 - KNEE) * np.tanh((size - KNEE) / (1 - KNEE)))
    return np.where(size > KNEE, bent, wave)


def soft_clip(samples: np.ndarray, loops: bool) -> tuple[np.ndarray, float]:
    """Samples [frames, channels] bent towards full scale, and how much that changed them, in dB of their energy.

    A loop is bent as it repeats. Nothing to bend is -inf dB.
    """
    frames, rest = len(samples), -len(samples) % _BLOCK
    hot = np.zeros((frames + rest) // _BLOCK, bool)
    loud = np.pad(np.abs(samples).max(axis=1), (0, rest))
    hot |= loud.reshape(-1, _BLOCK).max(axis=1) > _BETWEEN * KNEE
    if not hot.any():
        return samples, -math.inf
    # the filters carry what is bent over the edge of a block
    hot |= np.roll(hot, 1) | np.roll(hot, -1)
    places = np.flatnonzero(hot)
    around = (
        wrapped(samples.T, _REACH, _REACH + rest) if loops else np.pad(samples.T, ((0, 0), (_REACH, _REACH + rest)))
    )
    windows = np.lib.stride_tricks.sliding_window_view(around, _BLOCK + 2 * _REACH, axis=1)[:, ::_BLOCK]
    changes = np.zeros((samples.shape[1], len(hot), _BLOCK), np.float32)
    for start in range(0, len(places), _AT_ONCE):
        some = places[start : start + _AT_ONCE]
        changes[:, some] = _change(windows[:, some])[:, :, _REACH : _REACH + _BLOCK]
    del around, windows
    flat = changes.reshape(samples.shape[1], -1)[:, :frames].T
    energy, lost = _energy(samples), _energy(flat)
    return np.add(samples, flat, out=flat), 10 * math.log10(lost / energy) if lost else -math.inf


def _energy(samples: np.ndarray) -> float:
    return sum(float(np.vdot(part, part)) for part in (channel.astype(np.float64) for channel in samples.T))


def _change(windows: np.ndarray) -> np.ndarray:
    """What bending adds to stretches [..., frames]; right but for twenty frames at either end."""
    from scipy.signal import resample_poly

    wave = resample_poly(windows, _OVERSAMPLING, 1, axis=-1)
    return np.asarray(resample_poly(bend(wave) - wave, 1, _OVERSAMPLING, axis=-1), np.float32)
