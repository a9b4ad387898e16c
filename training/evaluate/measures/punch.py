"""Punch: how far peaks stand out, and whether the lowest octaves keep their wave."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

LOW_HZ = (30.0, 120.0)


def crest_db(audio: np.ndarray) -> float:
    """Peak over RMS of `[frames, channels]`, all channels together, dB; 0 for silence."""
    power = float(np.mean(np.square(audio, dtype=np.float64)))
    return 10 * float(np.log10(np.max(np.square(audio, dtype=np.float64)) / power)) if power > 0 else 0.0


def low_band_agreement(audio: np.ndarray, other: np.ndarray, sample_rate_hz: int) -> float:
    """Correlation of the 30..120 Hz waves of the mono sums, -1..1; NaN where either has none."""
    sos = butter(3, LOW_HZ, "bandpass", fs=sample_rate_hz, output="sos")
    first, second = (sosfiltfilt(sos, a.mean(1, dtype=np.float64)) for a in (audio, other))
    power = float(first @ first) * float(second @ second)
    return float(first @ second / np.sqrt(power)) if power > 1e-12 else float("nan")
