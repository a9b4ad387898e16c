"""The grid of a recording of which nothing is known: its tempo, and where a beat falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musika_daw.hearing.onsets import Strength, circular_strength
from musika_daw.hearing.pulse import measured_pulse

# tempi that are looked for, and the one that a listener taps where several fit, with its spread in octaves
SLOWEST_BPM, FASTEST_BPM = 60.0, 200.0
_USUAL_BPM, _SPREAD = 125.0, 0.6
# onsets so many beats apart are compared
_BEATS = 8
# lags up to this share of the whole are looked at, a few values either side
_OVERLAP, _NEAR = 0.75, 3
# techno repeats by .27 and more, played piano by .21 and less
_LEAST = 0.25
# a minute tells a tempo to a few thousandths of a percent
_LONGEST_S = 60.0
# a loop is as long as its bars to within this share
_LOOPED = 0.002
_BEATS_PER_BAR = 4


@dataclass(frozen=True)
class Grid:
    """`bpm`, and seconds from the beginning to the first beat; `loops` where the whole is made of bars."""

    bpm: float
    first_s: float
    loops: bool


def grid_of(samples: np.ndarray, sample_rate_hz: int) -> Grid | None:
    """The grid of a recording `[frames, channels]` with a steady beat, 60 to 200 bpm; None where none is heard.

    1. The tempo at whose multiples onsets repeat most, those near 125 bpm before doubles and halves. 2. The phase at
    which most of them fall. 3. A line through the beats (`measured_pulse`). Where the whole is a number of bars at that
    tempo to within 0.2 %, it is a loop: its length is the tempo.
    """
    heard = samples[: round(_LONGEST_S * sample_rate_hz)]
    if len(heard) < 2 * 60 / SLOWEST_BPM * sample_rate_hz or not np.any(heard):
        return None
    strength = circular_strength(heard, sample_rate_hz)
    likeness = _likeness(strength)
    tempo = _tempo(likeness, strength.rate_hz)
    first_s = _phase_s(strength, 60 / tempo)
    begin = round(first_s * sample_rate_hz)
    beats = int((len(heard) - begin) / sample_rate_hz * tempo / 60)
    pulse = measured_pulse(heard[begin:], sample_rate_hz, tempo, beats)
    if pulse is None or _repeats(likeness, 60 / pulse.bpm * strength.rate_hz) < _LEAST:
        return None
    bpm = pulse.bpm
    bars = max(1, round(len(samples) / sample_rate_hz * bpm / 60 / _BEATS_PER_BAR))
    of_length = bars * _BEATS_PER_BAR * 60 * sample_rate_hz / len(samples)
    if abs(of_length / bpm - 1) <= _LOOPED and len(samples) <= len(heard):
        return Grid(of_length, 0.0, loops=True)
    return Grid(bpm, max(0.0, first_s + pulse.downbeat_offset_ms / 1000), loops=False)


def _likeness(strength: Strength) -> np.ndarray:
    """How like itself the onset strength is so many values later, 1 at 0; of long lags fewer values overlap."""
    values = strength.values - strength.values.mean()
    count = len(values)
    same = np.fft.irfft(np.abs(np.fft.rfft(values, 2 * count)) ** 2)[:count]
    return np.asarray(same / max(float(same[0]), 1e-12) * count / (count - np.arange(count)))


def _tempo(likeness: np.ndarray, rate_hz: float) -> float:
    """The tempo at whose multiples onsets are most like themselves, in bpm."""
    bpm = np.exp(np.arange(np.log(SLOWEST_BPM), np.log(FASTEST_BPM), 0.001))
    lags = 60 / bpm[:, None] * np.arange(1, _BEATS + 1) * rate_hz
    known = lags < _OVERLAP * len(likeness)
    read = np.interp(lags, np.arange(len(likeness)), likeness)
    mean = np.where(known, read, 0).sum(1) / np.maximum(known.sum(1), 1)
    usual = np.exp(-0.5 * (np.log2(bpm / _USUAL_BPM) / _SPREAD) ** 2)
    return float(bpm[np.argmax(np.where(known[:, 0], mean * usual, -np.inf))])


def _repeats(likeness: np.ndarray, beat: float) -> float:
    """How like itself the onset strength is at multiples of a beat, in values, each the best within a few values."""
    lags = [int(lag) for lag in beat * np.arange(1, _BEATS + 1) if lag < _OVERLAP * len(likeness)]
    best = [float(likeness[max(0, lag - _NEAR) : lag + _NEAR + 2].max()) for lag in lags]
    return float(np.mean(best)) if best else 0.0


def _phase_s(strength: Strength, period_s: float) -> float:
    """Seconds to the first of the beats that collect most strength."""
    count = int(len(strength.values) / strength.rate_hz / period_s)
    offsets = np.arange(0, period_s, 1 / strength.rate_hz)
    places = (offsets[:, None] + np.arange(count) * period_s - strength.start_s) * strength.rate_hz
    smooth = np.convolve(strength.values, np.hanning(9) / 4, mode="same")
    return float(offsets[int(smooth[np.rint(places).astype(int) % len(smooth)].sum(1).argmax())])
