"""Pitch that a falling sound, such as a kick, settles on: told only where two measurements of it agree. And where it
lasts longest, which is no note that anybody would name, but that by which it fits a key or not.

Most kicks glide all their way and have no note. Where the periods of the body stay alike for long enough, and are loud
enough to be what is heard, their length is the pitch, if `key.pitch_of` hears the same one there.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from musika_daw.hearing.key import Pitch, pitch_of
from musika_daw.hearing.spectra import mono

_LEAST_HZ, _LOW_PASS_HZ = 25.0, 200.0
_ATTACK_S, _LATEST_S, _LONG_S = 0.04, 0.22, 0.12
_BEGINS_DB, _ENDS_DB = -10.0, -18.0
_ALIKE_CENTS, _AGREED_CENTS = 45.0, 25.0


def settled_pitch(samples: np.ndarray, sample_rate_hz: int) -> Pitch | None:
    """Pitch that one low sound [frames, channels] settles on, or None where it never does.

    A stretch of 120 ms or more, begun within 220 ms of the start and at most 10 dB below the loudest period, in which
    no period is further than 45 cents from the middle one, by periods and by YIN within 25 cents.
    """
    begins_s, hz, level_db = _periods(mono(samples).astype(np.float64), sample_rate_hz)
    best: tuple[float, int, int] | None = None
    for first in range(len(hz)):
        if not _ATTACK_S <= begins_s[first] <= _LATEST_S or level_db[first] < _BEGINS_DB:
            continue
        last = first
        while last < len(hz) and level_db[last] >= _ENDS_DB and _alike(hz[first : last + 1]):
            last += 1
        long_s = float(begins_s[last] - begins_s[first])
        if long_s >= _LONG_S and (best is None or long_s > best[0]):
            best = long_s, first, last
    if best is None:
        return None
    _, first, last = best
    number = 69 + 12 * float(np.log2(np.median(hz[first:last]) / 440))
    part = samples[round(begins_s[first] * sample_rate_hz) : round(begins_s[last] * sample_rate_hz)]
    heard = pitch_of(_low(part, sample_rate_hz), sample_rate_hz)
    if heard is None or abs(100 * (heard.note - number) + heard.cents) > _AGREED_CENTS:
        return None
    return Pitch(round(number), round(100 * (number - round(number)), 1))


def lasting_pitch(samples: np.ndarray, sample_rate_hz: int) -> float | None:
    """Where one low sound [frames, channels] lasts longest, as a MIDI number with its fraction; None where it has no
    low tone.

    That is what it settles on, or else the middle of what it glides through after its attack, by energy.
    """
    settled = settled_pitch(samples, sample_rate_hz)
    if settled is not None:
        return settled.note + settled.cents / 100
    begins_s, hz, level_db = _periods(mono(samples).astype(np.float64), sample_rate_hz)
    body = (begins_s[: len(hz)] >= _ATTACK_S) & (level_db > _ENDS_DB) & (hz > _LEAST_HZ) & (hz < _LOW_PASS_HZ)
    if body.sum() < 2:
        return None
    hz, energy = hz[body], 10 ** (level_db[body] / 10) / hz[body]
    order = np.argsort(hz)
    before = energy[order].cumsum()
    return 69 + 12 * float(np.log2(hz[order][np.searchsorted(before, before[-1] / 2)] / 440))


def _alike(hz: np.ndarray) -> bool:
    return bool(np.abs(1200 * np.log2(hz / np.median(hz))).max() <= _ALIKE_CENTS)


def _periods(signal: np.ndarray, sample_rate_hz: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Begin in seconds `[n + 1]` (the last is the end) of each period of the low part of a signal, its frequency and
    its level against the loudest."""
    low = _low(signal[:, None], sample_rate_hz)[:, 0]
    before = np.flatnonzero((low[:-1] < 0) & (low[1:] >= 0))
    if len(before) < 2:
        return np.zeros(1), np.zeros(0), np.zeros(0)
    crossed = before - low[before] / (low[before + 1] - low[before])
    loud = np.array([np.abs(low[a : b + 1]).max() for a, b in pairwise(before)])
    return (
        crossed / sample_rate_hz,
        sample_rate_hz / np.diff(crossed),
        20 * np.log10(np.maximum(loud / loud.max(), 1e-9)),
    )


def _low(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Samples [frames, channels] without what lies above: its pitch is not heard by that."""
    from scipy.signal import butter, sosfiltfilt

    if len(samples) < 64:
        return samples
    filters = butter(4, _LOW_PASS_HZ, fs=sample_rate_hz, output="sos")
    return np.asarray(sosfiltfilt(filters, samples, axis=0))
