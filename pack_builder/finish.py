"""Level: a loudness target under a true-peak ceiling, by one gain and, where allowed, by holding peaks down.

No fade anywhere, so loops stay seamless.
"""

import math
from dataclasses import dataclass

import numpy as np

from pack_builder.effects import hold_peaks
from pack_builder.loudness import loudness

CEILING_DBTP = -1.0
OVERSAMPLING = 4
_BLOCK_FRAMES = 256
_EDGE_FRAMES = 64
_HELD_LEAST_DB = 0.1


@dataclass(frozen=True)
class Level:
    """Integrated loudness (ITU-R BS.1770-4, -inf for silence) and true peak of a recording."""

    loudness_lufs: float
    true_peak_dbtp: float


def true_peak(samples: np.ndarray, loops: bool) -> float:
    """Largest magnitude of [frames, channels] between the samples too, by 4x oversampling (BS.1770-4 annex 2).

    Only blocks that reach half of the largest sample are oversampled: a wave between samples of less than half
    would have to overshoot them by 6 dB, and even a tone at a quarter of the sample rate overshoots by 3 only.
    """
    from scipy.signal import resample_poly

    if not len(samples):
        return 0.0
    peak = float(np.abs(samples).max())
    blocks = -(-len(samples) // _BLOCK_FRAMES)
    edges = ((_EDGE_FRAMES, _EDGE_FRAMES + blocks * _BLOCK_FRAMES - len(samples)), (0, 0))
    around = np.pad(samples, edges, mode="wrap" if loops else "constant")
    size = _BLOCK_FRAMES + 2 * _EDGE_FRAMES
    views = np.lib.stride_tricks.sliding_window_view(around, size, axis=0)[::_BLOCK_FRAMES]
    inner_frames = around[_EDGE_FRAMES : _EDGE_FRAMES + blocks * _BLOCK_FRAMES]
    tops = np.max([np.abs(channel).reshape(blocks, _BLOCK_FRAMES).max(axis=1) for channel in inner_frames.T], axis=0)
    near = np.max([np.roll(tops, shift) for shift in (-1, 0, 1)], axis=0)
    loud = near >= 0.5 * peak
    between = resample_poly(views[loud], OVERSAMPLING, 1, axis=2)
    inner = slice(_EDGE_FRAMES // 2 * OVERSAMPLING, -_EDGE_FRAMES // 2 * OVERSAMPLING)  # away from the block's cuts
    return max(peak, float(np.abs(between[..., inner]).max()))


def measure(samples: np.ndarray, sample_rate_hz: int, loops: bool) -> Level:
    """Loudness and true peak of [frames, channels]."""
    peak = true_peak(samples, loops)
    return Level(loudness(samples, sample_rate_hz, loops), 20 * math.log10(peak) if peak else -math.inf)


def finish(
    samples: np.ndarray, sample_rate_hz: int, target_lufs: float, loops: bool, ceiling_dbtp: float = CEILING_DBTP,
    limiter_db: float = 0.0,
) -> tuple[np.ndarray, float, Level]:  # fmt: skip
    """Samples [frames, channels] at the target, the gain in dB, and the level reached.

    Where the target would push the true peak over the ceiling, peaks are held down by up to `limiter_db`; beyond
    that the ceiling wins and the file stays quieter. With 0, the default, one gain is all that happens and attacks
    stay as they are. Silence comes back as it is.
    """
    peak = true_peak(samples, loops)
    if not peak:
        return samples, 0.0, Level(-math.inf, -math.inf)
    full = samples / np.float32(peak)  # measured at full scale, so that the meter's absolute gate cannot matter
    heard = loudness(full, sample_rate_hz, loops)
    held_db = min(limiter_db, max(0.0, target_lufs - heard - ceiling_dbtp)) if math.isfinite(heard) else 0.0
    top = 1.0
    if held_db > _HELD_LEAST_DB:
        full = hold_peaks(full, sample_rate_hz, 10 ** (-held_db / 20), loops)
        top = true_peak(full, loops)
        heard = loudness(full, sample_rate_hz, loops) - 20 * math.log10(top)
    gain_db = min(ceiling_dbtp, target_lufs - heard) if math.isfinite(heard) else ceiling_dbtp
    gain_db = math.floor(gain_db * 1000) / 1000  # rounded down: never over the ceiling by a rounding error
    finished = full * np.float32(10 ** (gain_db / 20) / top)
    return finished, gain_db - 20 * math.log10(peak * top), Level(heard + gain_db, gain_db)
