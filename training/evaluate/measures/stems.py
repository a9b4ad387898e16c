"""Stems: is every drum heard, is it the same drum, and is it heard nowhere else?"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import ROLES, Notes
from training.compiled import librosa
from training.evaluate.measures.punch import LOW_HZ

SAME_S = 0.03  # onsets nearer than this are one
KICK_S, SHIFT_S = 0.14, 0.006
LEAK_HZ, LEAK_S, LEAK_CLEAR_S = 4000.0, 0.03, 0.08


def drum_onsets_s(notes: Notes) -> np.ndarray:
    """When drums are struck, hits within 30 ms as one, seconds `[n]`."""
    struck = np.sort(notes.onset[notes.roles == ROLES.index("drums")])
    return struck[np.diff(struck, prepend=-np.inf) > SAME_S]


def heard_onsets_s(loop: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Onsets of a loop `[n, 2]` that repeats, by librosa's spectral flux, seconds of the loop."""
    length_s = len(loop) / sample_rate_hz
    twice = np.tile(loop.mean(1), 2)
    strength = librosa().onset.onset_strength(y=twice, sr=sample_rate_hz, hop_length=256, n_fft=1024, max_size=3)
    found = librosa().onset.onset_detect(
        onset_envelope=strength, sr=sample_rate_hz, hop_length=256, units="time", delta=SAME_S, wait=4
    )
    second = found - length_s
    return np.asarray(second[(second >= -SAME_S / 2) & (second < length_s - SAME_S / 2)])


def onset_f(heard_s: np.ndarray, told_s: np.ndarray) -> float:
    """F-measure of onsets, each matched once and within 30 ms; NaN where nothing is told."""
    if not len(told_s):
        return float("nan")
    free = list(told_s)
    hits = 0
    for second in heard_s:
        near = min(free, key=lambda told: abs(told - second), default=None)
        if near is not None and abs(near - second) <= SAME_S:
            free.remove(near)
            hits += 1
    return 2 * hits / (len(heard_s) + len(told_s))


def kick_agreement(loop: np.ndarray, notes: Notes, sample_rate_hz: int) -> float:
    """Median correlation of the 30..120 Hz waves of any two kicks of a loop `[n, 2]`, each moved by up to 6 ms.

    NaN with fewer than two kicks.
    """
    kicks = notes.onset[(notes.roles == ROLES.index("drums")) & (notes.key == DRUMS["kick"])]
    if len(kicks) < 2:
        return float("nan")
    count, shift = round(KICK_S * sample_rate_hz), round(SHIFT_S * sample_rate_hz)
    sos = butter(3, LOW_HZ, "bandpass", fs=sample_rate_hz, output="sos")
    low = sosfiltfilt(sos, np.tile(loop.mean(1), 3))[len(loop) : 2 * len(loop)]
    reach = np.arange(-shift, count + shift)
    waves = [np.take(low, round(kick * sample_rate_hz) + reach, mode="wrap") for kick in kicks]
    found = []
    for at, first in enumerate(waves):
        for second in waves[:at]:
            moved = np.lib.stride_tricks.sliding_window_view(second, count)[:: max(1, shift // 12)]
            still = first[shift : shift + count]
            norms = np.linalg.norm(moved, axis=1) * np.linalg.norm(still)
            found.append(float(np.max(moved @ still / np.maximum(norms, 1e-12))))
    return float(np.median(found))


def leaks_db(line: np.ndarray, drums: np.ndarray, notes: Notes, role: str, sample_rate_hz: int) -> np.ndarray:
    """How much a line rises above 4 kHz where a drum is struck and no note of its own begins, against the median hit of
    the drums there, dB.

    Both stems are `[n, 2]`; one number for each such hit.
    """
    sos = butter(4, LEAK_HZ, "highpass", fs=sample_rate_hz, output="sos")
    own = notes.onset[notes.roles == ROLES.index(role)]
    high, struck = (sosfiltfilt(sos, stem.mean(1)) for stem in (line, drums))
    span = round(LEAK_S * sample_rate_hz)

    def level(wave: np.ndarray, second: float) -> float:
        first = round(second * sample_rate_hz)
        return float(np.sqrt(np.mean(np.square(np.take(wave, np.arange(first, first + span), mode="wrap")))))

    hits = drum_onsets_s(notes)
    usual = max(float(np.median([level(struck, hit) for hit in hits])), 1e-6) if len(hits) else 1.0
    found = []
    for hit in hits:
        if len(own) and np.abs(own - hit).min() < LEAK_CLEAR_S:
            continue
        rise = max(level(high, hit) - level(high, hit - LEAK_S - 0.01), 1e-6)
        found.append(20 * np.log10(rise / usual))
    return np.array(found)
