"""Key of a recording and pitch of a single sound, told only where they are clear.

Key: a chroma vector against the twelve rotations of the major and minor profiles of Krumhansl and Kessler (1982).
Pitch: the first deep minimum of the normalised difference function (YIN, de Cheveigne and Kawahara 2002).
"""

from dataclasses import dataclass

import numpy as np

from pack_builder.onsets import magnitudes, mono

NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
_SIZE = 16384
_LOW_HZ, _HIGH_HZ = 100.0, 2000.0
_FIT_LEAST, _LEAD_LEAST = 0.82, 0.07
_PITCH_RANGE_HZ = (30.0, 1000.0)
_PITCH_DEPTH = 0.15


@dataclass(frozen=True)
class Pitch:
    """A pitch as the nearest note (MIDI number, 60 is middle C) and what it is above it in cents (-50..50)."""

    note: int
    cents: float

    @property
    def name(self) -> str:
        return f"{NOTES[self.note % 12]}{self.note // 12 - 1}"


def chroma(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Energy of the twelve pitch classes from C, [12], sum 1, of [frames, channels]; zeros for silence.

    Only peaks of the spectrum count, so that drums, which have none for long, add little.
    """
    hop = _SIZE // 4
    centres = np.arange(_SIZE // 2 + 1) * sample_rate_hz / _SIZE
    inside = np.flatnonzero((centres >= _LOW_HZ) & (centres <= _HIGH_HZ))
    place = np.rint(12 * np.log2(centres[inside] / 440.0)).astype(int) + 9
    total = np.zeros(12)
    for block in magnitudes(mono(samples), _SIZE, hop):
        before, here, after = (block[:, inside + step] for step in (-1, 0, 1))
        peaks = np.where((here > before) & (here >= after), here, 0.0).sum(axis=0)
        total += np.bincount(place % 12, peaks, 12)
    return total / total.sum() if total.sum() else total


def key_of(samples: np.ndarray, sample_rate_hz: int) -> tuple[str | None, float]:
    """(`Amin`, fit 0..1) of [frames, channels]; the key is None where the fit is below 0.82 or another is as good."""
    classes = chroma(samples, sample_rate_hz)
    if not classes.any():
        return None, 0.0
    fits = [
        (float(np.corrcoef(classes, np.roll(profile, tonic))[0, 1]), f"{NOTES[tonic]}{mode}")
        for tonic in range(12)
        for mode, profile in (("maj", _MAJOR), ("min", _MINOR))
    ]
    best, second = sorted(fits, reverse=True)[:2]
    sure = best[0] >= _FIT_LEAST and best[0] - second[0] >= _LEAD_LEAST
    return best[1] if sure else None, max(0.0, best[0])


def pitch_of(samples: np.ndarray, sample_rate_hz: int) -> Pitch | None:
    """Pitch of one sound [frames, channels], or None where it is not clear. 30 Hz .. 1 kHz."""
    signal = mono(samples).astype(np.float64)
    longest = int(sample_rate_hz / _PITCH_RANGE_HZ[0])
    shortest = int(sample_rate_hz / _PITCH_RANGE_HZ[1])
    if len(signal) < 2 * longest or not signal.any():
        return None
    window = len(signal) - longest
    size = 1 << (len(signal) + window).bit_length()
    spectrum = np.fft.rfft(signal, size)
    related = np.fft.irfft(spectrum * np.conj(np.fft.rfft(signal[:window], size)), size)[: longest + 1]
    energy = np.concatenate([[0.0], np.cumsum(signal**2)])
    power = energy[window : window + longest + 1] - energy[: longest + 1]
    difference = np.maximum(power[0] + power - 2 * related, 0.0)
    steps = np.arange(1, longest + 1)
    normal = np.ones(longest + 1)
    normal[1:] = difference[1:] * steps / np.maximum(np.cumsum(difference[1:]), 1e-12)
    deep = np.flatnonzero(normal[shortest:] < _PITCH_DEPTH)
    if not len(deep):
        return None
    lag = shortest + int(deep[0])
    while lag + 1 < longest and normal[lag + 1] < normal[lag]:
        lag += 1
    left, top, right = normal[lag - 1], normal[lag], normal[min(longest, lag + 1)]
    bend = left - 2 * top + right
    exact = lag + (0.5 * (left - right) / bend if bend > 0 else 0.0)
    number = 69 + 12 * float(np.log2(sample_rate_hz / exact / 440))
    return Pitch(round(number), round(100 * (number - round(number)), 1))
