"""`log_mel_statistics`: a sound as vectors, of which near ones sound alike."""

from __future__ import annotations

import numpy as np

from musika_daw.hearing.spectra import log_mel_db, mono, resampled, rms_db

WINDOW_S = 3.0
_RATE_HZ, _BANDS, _SIZE, _HOP = 22_050, 48, 1024, 256


def log_mel_statistics(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Log-mel statistics of every 3 s, float64 `[windows, 240]`.

    48 mel bands at 22.05 kHz (FFT 1024, hop 256) after levelling to -20 dB RMS; per band the mean, the deviation,
    the mean absolute change from frame to frame, and the deviation of the envelope in 0.5..4 and 4..12 Hz, in dB.
    A shorter file gives one row of what there is.
    """
    signal = mono(audio)
    signal = resampled(signal * 10 ** ((-20 - rms_db(signal)) / 20), sample_rate_hz, _RATE_HZ)
    level = log_mel_db(signal, _RATE_HZ, _BANDS, _SIZE, hop=_HOP, floor_db=-80)
    frames = int(WINDOW_S * _RATE_HZ / _HOP)
    rows = max(1, len(level) // frames)
    return np.stack([_statistics(level[i * frames : (i + 1) * frames]) for i in range(rows)])


def _statistics(level: np.ndarray) -> np.ndarray:
    centred = level - level.mean(0)
    size = max(len(level), 2)
    spectrum = np.abs(np.fft.rfft(centred, axis=0)) ** 2 * 2 / size**2
    hz = np.fft.rfftfreq(len(level), _HOP / _RATE_HZ)
    slow, fast = (np.sqrt(spectrum[(hz >= a) & (hz < b)].sum(0)) for a, b in ((0.5, 4), (4, 12)))
    change = np.abs(np.diff(level, axis=0)).mean(0) if len(level) > 1 else np.zeros(level.shape[1])
    return np.concatenate([level.mean(0), level.std(0), change, slow, fast]).astype(np.float64)
