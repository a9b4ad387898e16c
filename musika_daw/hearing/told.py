"""The onsets of a recording whose notes are told: each is looked for where and on the string that it is told at.

A picker that knows nothing has to take peaks that lie close to each other for one, and of dense music it finds a third
to a half; but whether a string began to sound at a given moment can be heard however many others do.
"""

import numpy as np

from musika_daw.hearing.onsets import note_peaks
from musika_daw.hearing.spectra import mono
from musika_daw.score.density import merge_onsets
from musika_daw.score.roll import Notes

# mean rise of the partials, in nepers above the floor: 95 % of the notes of dense music rise by this, plain synths and
# the piano alike; of notes that are told and not played 7 % on a synth, and 3 to 17 % in six sparse takes of the piano
HEARD_RISE = 0.15
_PARTIALS, _LOUDEST = 8, 4  # a mellow string has few partials, and a struck chord covers some of a bright one
_FRAME_HZ = 400
# steps of 2.5 ms: how far from its place a rise is looked for, 10 ms (a window of 46 ms hears what lies near, too), and
# from where to where it has to rise
_REACH, _LAG = 4, 6
# a peak this much lower than those of the notes is the ripple of a decoded tone: in 22 sparse takes of the piano what
# was picked and not played had up to .13 of the notes' median
_RIPPLE = 0.15
_APART_S = 0.05  # what is heard farther than this from all that is told is an onset of its own


def told_onsets_s(samples: np.ndarray, sample_rate_hz: int, notes: Notes) -> np.ndarray:
    """Times in seconds, float64 `[n]` rising, of the onsets of a recording [frames, channels] that is told to play
    `notes`, in seconds.

    Of those told the ones that are heard: some note of the chord rises at its place, on its own partials. What a picker
    hears besides is added, so that music that plays more than it was told is no thinner for it.
    """
    if not np.abs(samples).max(initial=0.0):
        return np.zeros(0)
    told = merge_onsets(notes.onset)
    heard = told[_rises(samples, sample_rate_hz, notes, told) >= HEARD_RISE]
    picked, strength = note_peaks(samples, sample_rate_hz)
    apart = _away(picked, told) > _APART_S
    usual = np.median(strength[~apart]) if not apart.all() else 0.0
    return np.sort(np.concatenate([heard, picked[apart & (strength >= _RIPPLE * usual)]]))


def _rises(samples: np.ndarray, sample_rate_hz: int, notes: Notes, told: np.ndarray) -> np.ndarray:
    """How much the most audible note of each onset rises, float64 `[n]`."""
    from scipy.fft import rfft

    hop = round(sample_rate_hz / _FRAME_HZ)
    size = 2048 * max(1, round(sample_rate_hz / 44100))
    before = size // 2 + (_REACH + _LAG) * hop
    length = size + 2 * (_REACH + _LAG) * hop
    around = np.pad(mono(samples) / np.abs(samples).max(), length)
    window = np.hanning(size + 1)[:size].astype(np.float32)
    window *= 2 / window.sum()
    of_onset = np.searchsorted(told, notes.onset, side="right") - 1
    rises = np.zeros(len(told))
    for number, onset_s in enumerate(told.tolist()):
        # only what is around an onset: all frames of a long take would fill the memory
        first = round(onset_s * sample_rate_hz) + length - before
        piece = around[first : first + length]
        if len(piece) < length:
            continue  # told beyond the end
        frames = np.lib.stride_tricks.sliding_window_view(piece, size)[::hop] * window
        levels = np.log1p(1000 * np.abs(rfft(frames, axis=1)))
        # against the louder neighbour before, as in `note_strength`: what moves is no onset
        louder = np.maximum(levels, np.maximum(np.roll(levels, 1, axis=1), np.roll(levels, -1, axis=1)))
        rise = np.maximum(levels[2 * _LAG :] - louder[: -2 * _LAG], 0)
        for key in np.unique(notes.key[of_onset == number]).tolist():
            partials_hz = 440 * 2 ** ((key - 69) / 12) * np.arange(1, _PARTIALS + 1)
            bins = np.unique(np.rint(partials_hz[partials_hz < 0.4 * sample_rate_hz] * size / sample_rate_hz))
            most = np.sort(rise[:, bins.astype(int)], axis=1)[:, -_LOUDEST:]
            rises[number] = max(rises[number], float(most.mean(axis=1).max()))
    return rises


def _away(times_s: np.ndarray, told_s: np.ndarray) -> np.ndarray:
    """How far each of the times is from the nearest one that is told."""
    edges = np.concatenate([[-np.inf], told_s, [np.inf]])
    after = np.searchsorted(edges, times_s)
    return np.minimum(times_s - edges[after - 1], edges[after] - times_s)
