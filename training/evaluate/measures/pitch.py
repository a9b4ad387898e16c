"""Pitch: how far off is what a line's notes sound at, where one oscillator sounds?"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

from musika_daw.score.roll import Notes

LOW_HZ = (28.0, 160.0)
IN_TUNE_CENTS = 30.0
# what is measured of a note: from so long after it begins on, at least and at most so long
SETTLED_S, SHORTEST_S, LONGEST_S = 0.03, 0.1, 0.4
_FINE = 1 << 17
_SILENCE = 1e-4


def cents_off(stem: np.ndarray, notes: Notes, sample_rate_hz: int) -> np.ndarray:
    """How far the loudest partial near each low note of a line `[n, 2]` is from where it belongs, cents.

    Notes in seconds, each measured until the next begins; those above 150 Hz, too short or not heard are left out. The
    partial is looked for from three fifths of the note's frequency to eight fifths, within the band.
    """
    sos = butter(4, LOW_HZ, "bandpass", fs=sample_rate_hz, output="sos")
    low = sosfiltfilt(sos, stem.mean(1))
    grid_hz = np.fft.rfftfreq(_FINE, 1 / sample_rate_hz)
    found = []
    begins = np.append(np.unique(notes.onset), np.inf)
    for onset, off, key in zip(notes.onset, notes.off, notes.key):
        hertz = 440 * 2 ** ((int(key) - 69) / 12)
        first, stop = (
            onset + SETTLED_S,
            min(off - 0.01, onset + LONGEST_S, begins[np.searchsorted(begins, onset, "right")]),
        )
        wave = low[round(first * sample_rate_hz) : round(stop * sample_rate_hz)]
        if not LOW_HZ[0] < hertz < 150 or stop - first < SHORTEST_S or len(wave) < SHORTEST_S * sample_rate_hz:
            continue
        if np.sqrt(np.mean(np.square(wave))) < _SILENCE:
            continue
        level = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), _FINE))
        near = (grid_hz > max(LOW_HZ[0], 0.6 * hertz)) & (grid_hz < min(LOW_HZ[1], 1.6 * hertz))
        found.append(1200 * np.log2(grid_hz[np.argmax(level * near)] / hertz))
    return np.array(found)
