"""Note density: how many notes begin per second, smoothed and scaled to 0..1.

As in the paper: onsets -> Gaussian kernel density estimate -> log scale. The same functions make the labels
for training and measure what was generated. Units, fixed for ever:

| density | onsets per second |
|---------|-------------------|
| 0       | 0.5 or less       |
| 0.25    | 1.19              |
| 0.5     | 2.83              |
| 0.75    | 6.73              |
| 1       | 16 or more        |

An onset is a moment at which something begins: the notes of a chord (30 ms) are one onset. The kernel is a
Gaussian of sigma 0.5 s, so the rate is that of roughly the second around a moment.
"""

from __future__ import annotations

from math import erf, sqrt

import numpy as np

CHORD_WINDOW_S = 0.03
SIGMA_S = 0.5
RATE_AT_0_HZ = 0.5
RATE_AT_1_HZ = 16.0

_STEP_S = 0.005  # grid of the fast sum: 1 % of sigma, so its error is 2e-5 of the peak of one kernel
_REACH_SIGMAS = 5.0


def merge_onsets(onset_s: np.ndarray, window_s: float = CHORD_WINDOW_S) -> np.ndarray:
    """Sorted onsets in seconds, float64 `[m]`: each takes in those within `window_s` after it."""
    times = np.sort(np.asarray(onset_s, np.float64).ravel())
    if window_s < 0:
        raise ValueError(f"window_s: {window_s}, must be 0 or more")
    kept = []
    last = -np.inf
    for time in times.tolist():
        if time - last > window_s:
            kept.append(time)
            last = time
    return np.array(kept, np.float64)


def onset_rate(
    onset_s: np.ndarray, times_s: np.ndarray, sigma_s: float = SIGMA_S, duration_s: float | None = None
) -> np.ndarray:
    """Onsets per second at `times_s`, float64 `[n]`: the sum of a Gaussian of unit area at every onset.

    With `duration_s` the sum is divided by the kernel's mass inside 0..duration_s, so that a piece does not
    seem to thin out at its edges. Raises ValueError for a sigma or duration that is not positive.
    """
    if sigma_s <= 0:
        raise ValueError(f"sigma_s: {sigma_s}, must be above 0")
    if duration_s is not None and duration_s <= 0:
        raise ValueError(f"duration_s: {duration_s}, must be above 0")
    onsets = np.asarray(onset_s, np.float64).ravel()
    times = np.asarray(times_s, np.float64).ravel()
    rate = np.zeros(len(times))
    if len(onsets) and len(times):
        rate = _summed_kernels(onsets, times, sigma_s)
    if duration_s is not None and len(times):
        low = _normal_cdf(times / sigma_s)
        high = _normal_cdf((duration_s - times) / sigma_s)
        rate = rate / np.maximum(low + high - 1, 1e-3)
    return rate


def density_of_rate(rate_hz: np.ndarray | float) -> np.ndarray:
    """Density 0..1 of a rate in onsets per second."""
    rate = np.maximum(np.asarray(rate_hz, np.float64), 1e-9)
    return np.clip(np.log(rate / RATE_AT_0_HZ) / np.log(RATE_AT_1_HZ / RATE_AT_0_HZ), 0.0, 1.0)


def rate_of_density(density: np.ndarray | float) -> np.ndarray:
    """Rate in onsets per second of a density; ValueError outside 0..1."""
    density = np.asarray(density, np.float64)
    if density.size and not (density.min() >= 0 and density.max() <= 1):
        raise ValueError(f"density: {density.min():g}..{density.max():g}, must be within 0..1")
    return RATE_AT_0_HZ * (RATE_AT_1_HZ / RATE_AT_0_HZ) ** density


def density_curve(onset_s: np.ndarray, times_s: np.ndarray, duration_s: float | None = None) -> np.ndarray:
    """Density 0..1 at `times_s`, float64 `[n]`, of onsets in seconds (chords are merged here)."""
    return density_of_rate(onset_rate(merge_onsets(onset_s), times_s, duration_s=duration_s))


def _summed_kernels(onsets: np.ndarray, times: np.ndarray, sigma_s: float) -> np.ndarray:
    """Kernel sum on a fine grid, read off linearly: the cost is that of the grid, not onsets x times."""
    step = sigma_s * _STEP_S / SIGMA_S
    reach = _REACH_SIGMAS * sigma_s
    origin = min(onsets.min(), times.min()) - 2 * step
    cells = int(np.ceil((max(onsets.max(), times.max()) - origin) / step)) + 3
    # Every onset is shared between its two grid neighbours, so its centre of mass stays where it is.
    place = (onsets - origin) / step
    left = np.floor(place).astype(np.int64)
    share = place - left
    counts = np.bincount(left, 1 - share, cells) + np.bincount(left + 1, share, cells)
    half = int(np.ceil(reach / step))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * step / sigma_s) ** 2)
    kernel /= kernel.sum() * step
    size = 1 << (cells + 2 * half).bit_length()
    summed = np.fft.irfft(np.fft.rfft(counts, size) * np.fft.rfft(kernel, size), size)
    grid = np.maximum(summed[half : half + cells], 0.0)
    return np.interp(times, origin + np.arange(cells) * step, grid)


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    """Standard normal distribution function, read from a table that is exact to 1e-6."""
    knots = np.linspace(-8, 8, 6401)
    return np.interp(x, knots, _CDF_TABLE)


_CDF_TABLE = np.array([0.5 * (1 + erf(k / sqrt(2))) for k in np.linspace(-8, 8, 6401)])
