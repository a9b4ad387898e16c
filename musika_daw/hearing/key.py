"""Key of a recording and pitch of a single sound, told only where they are clear.

Key: a chroma vector, in which each peak speaks for the notes that it may be a partial of (Gomez 2006), against the
twelve rotations of the major and minor profiles of Krumhansl and Kessler (1982).
Pitch: the first deep minimum of the normalised difference function (YIN, de Cheveigne and Kawahara 2002).
"""

from dataclasses import dataclass

import numpy as np

from musika_daw.hearing.spectra import magnitudes, mono
from musika_daw.score.harmony import NOTES, key_in_text, relative_of

_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
_SIZE = 16384
_LOW_HZ, _HIGH_HZ = 50.0, 1500.0
# a peak may be one of so many partials, each less likely than the one before; loud ones do not count for all
_PARTIALS, _LIKELY, _POWER = 6, 0.6, 0.7
_FIT_LEAST, _LEAD_LEAST, _TUNED_LEAST = 0.82, 0.07, 0.5
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

    def from_note(self, note: int) -> float:
        """Cents above a note, octaves aside (-600..600): what is heard of a tone may be its second harmonic."""
        return round((100 * (self.note - note) + self.cents + 600) % 1200 - 600, 1)


def chroma(samples: np.ndarray, sample_rate_hz: int) -> tuple[np.ndarray, float]:
    """(weight of the twelve pitch classes from C, [12], sum 1; share of it that is in tune) of [frames, channels].

    Only peaks of the spectrum count, so that drums, which have none for long, add little; each is placed between its
    bins by a parabola, and counts for each note of which it may be a partial, the more the nearer it lies to that. In
    tune is within 15 cents of a semitone: 0.3 of anything, most of what is played on notes. Zeros for silence.
    """
    centres = np.arange(_SIZE // 2 + 1) * sample_rate_hz / _SIZE
    inside = np.flatnonzero((centres >= _LOW_HZ) & (centres <= _HIGH_HZ))
    total, tuned, loud = np.zeros(12), 0.0, 0.0
    for block in magnitudes(mono(samples), _SIZE, _SIZE // 4):
        before, here, after = (block[:, inside + step] for step in (-1, 0, 1))
        at, which = np.nonzero((here > before) & (here >= after) & (here > 1e-9))
        left, top, right = (np.log(part[at, which] + 1e-12) for part in (before, here, after))
        shift = 0.5 * (left - right) / np.minimum(left - 2 * top + right, -1e-9)
        place = 12 * np.log2((inside[which] + np.clip(shift, -0.5, 0.5)) * sample_rate_hz / _SIZE / 440.0) + 9
        weights = here[at, which]
        tuned += float(weights[np.abs(place - np.rint(place)) <= 0.15].sum())
        loud += float(weights.sum())
        for partial in range(1, _PARTIALS + 1):
            note = place - 12 * np.log2(partial)
            near = 1 - 2 * np.abs(note - np.rint(note))
            total += _LIKELY ** (partial - 1) * np.bincount(np.rint(note).astype(int) % 12, weights**_POWER * near, 12)
    whole = float(total.sum())
    return (total / whole, tuned / loud) if whole else (total, 0.0)


def key_of(samples: np.ndarray, sample_rate_hz: int) -> tuple[str | None, float]:
    """(`Amin`, fit 0..1) of [frames, channels]; the key is None where it is not certain.

    The fit must be 0.82 or more, no other key as good, and half of what sounds in tune: a hum between two notes has no
    key.
    """
    classes, tuned = chroma(samples, sample_rate_hz)
    if not classes.any():
        return None, 0.0
    fits = key_fits(classes)
    best, second = sorted(fits, key=lambda name: -fits[name])[:2]
    sure = fits[best] >= _FIT_LEAST and fits[best] - fits[second] >= _LEAD_LEAST and tuned >= _TUNED_LEAST
    return best if sure else None, max(0.0, fits[best])


def key_heard(samples: np.ndarray, sample_rate_hz: int, labelled: str) -> str | None:
    """What to say where another key than the one that a file is `labelled` with is heard for certain; else None.

    Its relative has the same notes, and a finder often takes one for the other: that says nothing against the label.
    """
    heard, _ = key_of(samples, sample_rate_hz)
    known = key_in_text(labelled)
    name, same = (labelled, ()) if known is None else (known, (known, relative_of(known)))
    return None if heard is None or heard in same else f"labelled {name}, heard {heard}"


def fit_of(samples: np.ndarray, sample_rate_hz: int, key: str) -> float:
    """How well what is heard of [frames, channels] fits a key, 0..1; the key is spelled as `key_in_text` does."""
    classes, _ = chroma(samples, sample_rate_hz)
    return max(0.0, key_fits(classes)[key]) if classes.any() else 0.0


def key_fits(classes: np.ndarray) -> dict[str, float]:
    """How well the energy of twelve pitch classes from C fits each key by its name, -1..1."""
    return {
        f"{NOTES[tonic]}{mode}": float(np.corrcoef(classes, np.roll(profile, tonic))[0, 1])
        for tonic in range(12)
        for mode, profile in (("maj", _MAJOR), ("min", _MINOR))
    }


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
