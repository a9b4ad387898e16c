"""Spectra and levels that several measures share."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

import numpy as np

_BLOCK = 512


def mono(audio: np.ndarray) -> np.ndarray:
    """Mean of the channels of `[frames, channels]` as float32 `[frames]`; mono passes through."""
    if audio.ndim == 1:
        return np.asarray(audio, np.float32)
    if audio.shape[1] == 2:  # several times faster than a mean over so short an axis, and the same bits
        return ((audio[:, 0].astype(np.float32) + audio[:, 1].astype(np.float32)) / 2).astype(np.float32)
    return np.asarray(audio.mean(axis=1, dtype=np.float32))


def magnitudes(signal: np.ndarray, size: int, hop: int) -> Iterator[np.ndarray]:
    """Blocks [frames, size // 2 + 1] of STFT magnitudes; frame `k` is centred on sample `k * hop`.

    The signal [samples] is taken as it is: `size // 2` zeros are put before and after it. Hann window, scaled so
    that a full-scale sine gives 1. Blocks bound the memory: a minute at a hop of 64 would be half a gigabyte.
    """
    from scipy.fft import rfft

    window = np.hanning(size + 1)[:size].astype(np.float32)
    window *= 2 / window.sum()
    padded = np.pad(signal.astype(np.float32), (size // 2, size // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][: len(signal) // hop + 1]
    for start in range(0, len(frames), _BLOCK):
        spectrum = rfft(frames[start : start + _BLOCK] * window, axis=1)
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        yield np.sqrt(power, out=power)  # half the time of abs(), which minds overflow


def stft(signal: np.ndarray, size: int, hop: int) -> np.ndarray:
    """All of `magnitudes` at once, float32 `[frames, size//2+1]`."""
    return np.concatenate(list(magnitudes(signal, size, hop)))


def mel_of_hz(hz: np.ndarray | float) -> np.ndarray:
    """Slaney's mel scale: linear below 1 kHz, logarithmic above."""
    hz = np.asarray(hz, np.float64)
    return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1000) / 1000) * 27 / np.log(6.4))


def hz_of_mel(mel: np.ndarray | float) -> np.ndarray:
    """Inverse of `mel_of_hz`."""
    mel = np.asarray(mel, np.float64)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


@lru_cache(maxsize=8)
def mel_filters(sample_rate_hz: int, size: int, bands: int, unit_area: bool = True) -> np.ndarray:
    """Triangles float32 `[size//2+1, bands]` from 0 Hz to the Nyquist frequency, of unit area per Hz or height 1."""
    edges = hz_of_mel(np.linspace(0, mel_of_hz(sample_rate_hz / 2), bands + 2))
    hz = np.arange(size // 2 + 1) * sample_rate_hz / size
    rise = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rise, fall))
    return (filters * (2 / (edges[2:] - edges[:-2])) if unit_area else filters).astype(np.float32)


def log_mel_db(
    audio: np.ndarray, sample_rate_hz: int, bands: int = 96, size: int = 2048, *, hop: int = 512, floor_db: float = -100
) -> np.ndarray:
    """Log-mel spectrogram in dB, float32 `[frames, bands]`, not below `floor_db` of full scale."""
    power = stft(mono(audio), size, hop) ** 2 @ mel_filters(sample_rate_hz, size, bands, False)
    return 10 * np.log10(np.maximum(power, 10 ** (floor_db / 10)))


def resampled(audio: np.ndarray, rate_hz: int, wanted_hz: int) -> np.ndarray:
    """Audio `[frames, ...]` at another rate, float32."""
    if rate_hz == wanted_hz:
        return np.asarray(audio, np.float32)
    from scipy.signal import resample_poly

    ratio = Fraction(wanted_hz, rate_hz)
    return np.asarray(resample_poly(audio, ratio.numerator, ratio.denominator, axis=0), np.float32)


def slowed(audio: np.ndarray, ratio: float) -> np.ndarray:
    """Audio `[frames, ...]` that lasts `ratio` times as long and is as much lower, to a four-thousandth, float32."""
    return resampled(audio, 4000, round(4000 * ratio))


def rms_db(audio: np.ndarray) -> float:
    """Level of audio in dB of full scale, at least -120."""
    power = float(np.mean(np.asarray(audio, np.float64) ** 2)) if audio.size else 0.0
    return max(-120.0, 10 * np.log10(max(power, 1e-12)))


def peak_db(audio: np.ndarray) -> float:
    """Largest sample in dB of full scale, at least -120."""
    return max(-120.0, 20 * np.log10(max(float(np.abs(audio).max(initial=0.0)), 1e-6)))


def thirds_db(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Long-term level of the third-octave bands from 50 Hz to 12.5 kHz, dB, `[25]`."""
    power = (stft(mono(audio), 8192, 8192).astype(np.float64) ** 2).mean(0)
    hz = np.arange(len(power)) * sample_rate_hz / 8192
    centres = 1000 * 2 ** (np.arange(-13, 12) / 3)
    inside = [(hz >= c * 2 ** (-1 / 6)) & (hz < c * 2 ** (1 / 6)) for c in centres]
    return np.array([10 * np.log10(power[i].sum() + 1e-12) for i in inside])
