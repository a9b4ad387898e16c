"""Hears tempo, beats, bars, phrases and onsets of a piece with librosa, and how far they can be trusted.

```
onset strength --beat tracker--> beats --snapped to the attacks--> straight line  beat(n) = beat0 + n * period
bar    the beat on which spectra change, low notes begin and claps do not (sums over all bars)
phrase the bar of every four on which the sound changes most
```
Training needs one tempo for a whole piece. `confidence` is the share of the beats' strength that lies on the line;
below `STEADY` the piece has no grid.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from musika_daw.hearing.bar import bar_profile
from musika_daw.hearing.spectra import magnitudes
from training.compiled import librosa

# beats this near the line are on it: a push or a flam, not another tempo
ON_LINE_S = 0.020
STEADY = 0.80
MIN_BEATS = 12
BPM_RANGE = (80.0, 180.0)
_SNAP_S = 0.045
_RATE_HZ, _HOP = 22_050, 256
_FINE_HOP, _FINE_FFT = 44, 256
_FINE_GAIN = 1000 * _FINE_FFT / 4  # log1p of a thousand times what a window of height 1 sums up to
# attacks are steepest this long after they begin (median over 40 songs whose beats are exact)
_LATE_S = 0.0025
_BARS_AT_ONCE = 16


_OPPOSITE = 0.01  # of the energy is left in the sum of two channels that are each other's opposite


@dataclass(frozen=True)
class Grid:
    """What was heard: `onset_s` from the start of the piece; `bpm` and `beat0_s` (a bar and phrase start, not
    after the first beat) are None where `confidence` 0..1 is too low; `tempo_bpm` is the guess all the same."""

    onset_s: np.ndarray
    confidence: float
    tempo_bpm: float | None
    bpm: float | None
    beat0_s: float | None


def hear(audio: np.ndarray, sample_rate_hz: int) -> Grid:
    """The grid of a piece, float32 `[frames, 2]`."""
    import soxr  # type: ignore[import-untyped]

    heard = audio.mean(1)
    if np.vdot(heard, heard) < _OPPOSITE * np.vdot(audio, audio) / audio.shape[1]:
        heard = audio[:, 0]  # channels that take each other away
    mono = soxr.resample(np.ascontiguousarray(heard), sample_rate_hz, _RATE_HZ)
    mel = librosa().feature.melspectrogram(y=mono, sr=_RATE_HZ, hop_length=_HOP, n_mels=96)
    strength = librosa().onset.onset_strength(S=librosa().power_to_db(mel), sr=_RATE_HZ, hop_length=_HOP)
    rises = attack_curve(mono)
    onsets = librosa().onset.onset_detect(onset_envelope=strength, sr=_RATE_HZ, hop_length=_HOP, units="time")
    onsets = np.unique(np.round(_snapped(onsets, rises), 4))
    nothing = Grid(onsets, 0.0, None, None, None)
    if not strength.any():
        return nothing
    _, frames = librosa().beat.beat_track(
        onset_envelope=strength, sr=_RATE_HZ, hop_length=_HOP, trim=False, tightness=200
    )
    frames = np.asarray(frames, int)
    if len(frames) < MIN_BEATS:
        return nothing
    beats = _snapped(frames * _HOP / _RATE_HZ, rises)
    weights = strength[np.minimum(frames, len(strength) - 1)] + 1e-3
    first_s, period_s, confidence = straight_line(beats, weights)
    if not np.isfinite(period_s) or period_s <= 0:
        return nothing
    first_s, period_s = _in_range(first_s, period_s, rises)
    bpm = 60 / period_s
    if confidence < STEADY:
        return Grid(onsets, confidence, bpm, None, None)
    first_s += _phase_error(first_s, period_s, rises)
    first_s -= np.floor(first_s / period_s) * period_s
    beat = _bar_start(audio, sample_rate_hz, first_s, period_s)
    bar = _phrase_start(mel, first_s + beat * period_s, 4 * period_s)
    return Grid(onsets, confidence, bpm, bpm, first_s + (beat + 4 * bar - 16) * period_s)


def attack_curve(mono: np.ndarray) -> np.ndarray:
    """How steeply the sound rises, every 2 ms, float32 `[n]`: summed over bins in log level."""
    parts: list[np.ndarray] = []
    before = np.zeros((0, _FINE_FFT // 2 + 1), np.float32)
    # in pieces, so that memory does not grow with the piece; the rise looks 4 frames back
    for block in magnitudes(mono, _FINE_FFT, _FINE_HOP):
        level = np.concatenate([before, np.log1p(_FINE_GAIN * block)])
        parts.append(np.maximum(level[4:] - level[:-4], 0).mean(1))
        before = level[-4:]
    curve = np.concatenate([np.zeros(4), *parts]).astype(np.float32)[: len(mono) // _FINE_HOP + 1]
    # a rise over 4 frames is steepest in their middle
    return np.roll(curve, -2)


def _snapped(times_s: np.ndarray, rises: np.ndarray) -> np.ndarray:
    """Times moved to the steepest rise within 45 ms."""
    step_s = _FINE_HOP / _RATE_HZ
    reach = round(_SNAP_S / step_s)
    offsets = np.arange(-reach, reach + 1)
    at = np.clip(np.round(np.asarray(times_s) / step_s).astype(int)[:, None] + offsets, 0, len(rises) - 1)
    # of equals the nearest
    best = np.argmax(rises[at] * (1 - 0.2 * np.abs(offsets) / reach), axis=1) if len(at) else np.zeros(0, int)
    return at[np.arange(len(at)), best] * step_s


def straight_line(beats_s: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """First beat, period and confidence of the straight line through beats, beats far off counting less and less."""
    gaps = np.diff(beats_s)
    period = float(np.median(gaps))
    first = float(beats_s[0])
    for _ in range(3):
        # each gap counted in whole beats, so that one missed or doubled beat does not shift the rest
        numbers = np.concatenate([[0], np.cumsum(np.round(gaps / period))])
        inside = weights.copy()
        for _ in range(20):
            matrix = np.stack([np.ones_like(numbers), numbers], 1) * np.sqrt(inside)[:, None]
            first, period = (float(v) for v in np.linalg.lstsq(matrix, beats_s * np.sqrt(inside), rcond=None)[0])
            off = beats_s - first - numbers * period
            inside = weights / (1 + (off / ON_LINE_S) ** 2)
    share = float(weights[np.abs(off) <= ON_LINE_S].sum() / weights.sum())
    return first, period, share


def _in_range(first_s: float, period_s: float, rises: np.ndarray) -> tuple[float, float]:
    """Beats halved or doubled until the tempo is in range; of two half-tempo grids the stronger."""
    while 60 / period_s < BPM_RANGE[0]:
        period_s /= 2
    while 60 / period_s > BPM_RANGE[1]:
        strengths = [_on_grid(first_s + k * period_s, 2 * period_s, rises).sum() for k in (0, 1)]
        first_s, period_s = first_s + int(np.argmax(strengths)) * period_s, 2 * period_s
    return first_s, period_s


def _on_grid(first_s: float, period_s: float, rises: np.ndarray, shift: int = 0) -> np.ndarray:
    step_s = _FINE_HOP / _RATE_HZ
    at = np.round(np.arange(first_s % period_s, len(rises) * step_s, period_s) / step_s).astype(int) + shift
    return rises[np.clip(at, 0, len(rises) - 1)]


def _phase_error(first_s: float, period_s: float, rises: np.ndarray) -> float:
    """Where, near the line, attacks are steepest on average: single snaps lean to loud neighbours."""
    shifts = np.arange(-10, 11)
    sums = np.array([_on_grid(first_s, period_s, rises, int(s)).sum() for s in shifts])
    best = int(np.argmax(sums))
    return float(shifts[best]) * _FINE_HOP / _RATE_HZ - _LATE_S


def _bar_start(audio: np.ndarray, sample_rate_hz: int, first_s: float, period_s: float) -> int:
    """Which of the first four beats begins a bar."""
    start, bar = round(first_s * sample_rate_hz), 4 * period_s * sample_rate_hz
    profiles = []
    for index in range(0, int((len(audio) - start) / bar), _BARS_AT_ONCE):
        part = audio[start + round(index * bar) : start + round((index + _BARS_AT_ONCE) * bar)]
        if len(part) >= 2 * bar:
            profiles.append(bar_profile(part, sample_rate_hz, 60 / period_s))
    if not profiles:
        return 0
    low, middle, _, _, harmony, change_2, change_4 = np.mean(profiles, 0).T
    # chords and sections change on one, claps fall on two and four, low notes on one and three
    score = harmony + 0.5 * change_2 + 0.7 * change_4 + 0.3 * low + 0.3 * (np.roll(middle, -4) + np.roll(middle, -12))
    return int(np.argmax(score[::4]))


def _phrase_start(mel: np.ndarray, bar0_s: float, bar_s: float) -> int:
    """Which of the first four bars begins a phrase of four."""
    level = np.log1p(1e3 * mel)
    edges = np.round((bar0_s + np.arange(0, mel.shape[1] * _HOP / _RATE_HZ, bar_s)) * _RATE_HZ / _HOP).astype(int)
    edges = edges[edges < mel.shape[1]]
    if len(edges) < 9:
        return 0
    bars = np.stack([level[:, a:b].mean(1) for a, b in itertools.pairwise(edges)])
    change = np.zeros(len(bars))
    for number in range(1, len(bars)):
        before, after = bars[max(0, number - 2) : number].mean(0), bars[number : number + 2].mean(0)
        change[number] = np.abs(after - before).mean()
    return int(np.argmax([change[k::4].mean() for k in range(4)]))
