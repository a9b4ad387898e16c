"""Key, chords and progressions of a piece, addressed by musical position.

Chords are degrees of a seven-tone scale; how they follow each other is common-practice harmony, written down as a
table of chances. A phrase (16 beats) is a progression of its own that begins near home and ends before a cadence,
so that the chords of bar 17 are known without those of bars 1 to 16.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

NOTES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
"""Names of the twelve pitch classes as producers spell keys, in names and tags as well."""
OTHER_NAMES = {"Db": "C#", "Eb": "D#", "F#": "Gb", "Ab": "G#", "Bb": "A#"}
MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
# how often each degree (I ii iii IV V vi vii) follows another: rows from, columns to
_AFTER = np.array(
    [
        [1, 3, 1, 6, 5, 5, 0.5],
        [1, 0.5, 0.5, 2, 7, 1, 1],
        [0.5, 1, 0.3, 5, 1, 6, 0],
        [5, 3, 0.5, 0.5, 6, 1, 1],
        [7, 0.5, 0.5, 2, 1, 5, 0],
        [1, 5, 1, 6, 4, 0.5, 0],
        [7, 0, 2, 0, 1, 1, 0],
    ]
)
_FIRST = np.array([6, 0.5, 0.3, 1.5, 0.2, 2.5, 0])
_LAST = np.array([1, 1.5, 0, 3, 6, 0.5, 0.5])
SLOTS_PER_PHRASE = 8  # half bars


_KEY_TEXT = re.compile(r"\s*([A-Ga-g])\s*([#♯b♭]?)\s*(m(?!aj)|min(?:or)?|maj(?:or)?|)\s*", re.IGNORECASE)
_CAMELOT = re.compile(r"\s*0?([1-9]|1[0-2])([ABab])\s*")
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def key_in_text(text: str) -> str | None:
    """A key as `Key.name` spells it from how others do: `Am`, `A minor`, `A#m`, `F#`, `8A`; None for what is none."""
    if wheel := _CAMELOT.fullmatch(text):  # fifths around a clock, 8A is A minor and 8B is C major
        minor = wheel[2] in "Aa"
        return f"{NOTES[((9 if minor else 0) + 7 * (int(wheel[1]) - 8)) % 12]}{'min' if minor else 'maj'}"
    match = _KEY_TEXT.fullmatch(text)
    if match is None:
        return None
    letter, accidental, mode = match.groups()
    minor = mode == "m" or mode.lower().startswith("min")
    return f"{NOTES[pitch_class(letter, accidental)]}{'min' if minor else 'maj'}"


def pitch_class(letter: str, accidental: str = "") -> int:
    """Pitch class 0..11 of a letter A..G and an accidental, one of `#`, `♯`, `b`, `♭` or none."""
    return (_LETTERS[letter.upper()] + {"#": 1, "♯": 1, "b": -1, "♭": -1}.get(accidental.lower(), 0)) % 12


def tonic_of(key: str) -> int:
    """Pitch class 0..11 (C is 0) of the tonic of a key, as `key_named` reads it."""
    return key_named(key).tonic


def other_spelling(key: str) -> str:
    """A key or note by its other name: A#min for Bbmin and the other way round; empty where it has one name only."""
    other = OTHER_NAMES | {name: spelled for spelled, name in OTHER_NAMES.items()}
    return other[key[:2]] + key[2:] if key[:2] in other else ""


@dataclass(frozen=True)
class Key:
    """`tonic` 0..11 (C is 0) and the seven `steps` of its scale in semitones above it."""

    tonic: int
    steps: tuple[int, ...]

    @property
    def name(self) -> str:
        """Like `Amin`, `Bbmin` or `F#maj`."""
        return f"{NOTES[self.tonic]}{'min' if self.steps == MINOR else 'maj'}"

    @property
    def scale(self) -> np.ndarray:
        """Pitch classes of the scale, `[7]`."""
        return (self.tonic + np.array(self.steps)) % 12


def key_named(text: str) -> Key:
    """The key that a text names, as `key_in_text` reads it; ValueError for what is none."""
    name = key_in_text(text)
    if name is None:
        raise ValueError(f"key: {text!r}, must be like Am, F#, Bbmin or 8A")
    return Key(NOTES.index(name[:-3]), MINOR if name.endswith("min") else MAJOR)


def relative_of(key: str) -> str:
    """The key that has the notes of another by its name, as `key_in_text` gives it: `Amin` of `Cmaj`, and back."""
    up, mode = (3, "maj") if key.endswith("min") else (9, "min")
    return NOTES[(NOTES.index(key[:-3]) + up) % 12] + mode


@dataclass(frozen=True)
class Chord:
    """Pitch classes: `root`, `tones` (root, third, fifth, perhaps a seventh, a ninth), a `bass` other than the root."""

    root: int
    tones: tuple[int, ...]
    bass: int | None = None

    @property
    def low(self) -> int:
        """Pitch class of the lowest note."""
        return self.root if self.bass is None else self.bass


def draw_key(rng: np.random.Generator) -> Key:
    """Any tonic; minor a little more often than major."""
    return Key(int(rng.integers(12)), MINOR if rng.random() < 0.55 else MAJOR)


def draw_progression(rng: np.random.Generator, key: Key, colour: float) -> list[tuple[int, Chord]]:
    """(half bar 0..7 it begins on, chord) of one phrase; `colour` 0..1 is how often a chord has more than a triad.

    Chords last a bar in most phrases, half a bar in others and towards the cadence.
    """
    starts = [0, 2, 4, 6] if rng.random() < 0.7 else [0, 2, 4, 5, 6, 7] if rng.random() < 0.6 else list(range(8))
    degrees = [_pick(rng, _FIRST)]
    for _ in starts[2:]:
        weights = _AFTER[degrees[-1]].copy()
        weights[degrees[-1]] *= 0.5
        degrees.append(_pick(rng, weights))
    degrees.append(_pick(rng, _LAST * (0.2 + _AFTER[degrees[-1]])))
    return [(start, _chord(rng, key, degree, colour)) for start, degree in zip(starts, degrees, strict=True)]


def _chord(rng: np.random.Generator, key: Key, degree: int, colour: float) -> Chord:
    steps = key.steps
    places = [degree, degree + 2, degree + 4]
    if rng.random() < colour:
        places.append(degree + (6 if rng.random() < 0.6 else 8))
    tones = [(key.tonic + steps[p % 7]) % 12 for p in places]
    if key.steps == MINOR and degree == 4 and rng.random() < 0.6:
        tones[1] = (key.tonic + 11) % 12  # the leading tone of a cadence
    return Chord(tones[0], tuple(tones))


def _pick(rng: np.random.Generator, weights: np.ndarray) -> int:
    return int(np.searchsorted(np.cumsum(weights) / weights.sum(), rng.random(), side="right"))
