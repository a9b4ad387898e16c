"""The chord of the keys that are held on a keyboard, by rule and without memory.

```
C E G         C         the tones of a chord, its lowest note the root
E G C         C/E       the same with another lowest note: an inversion
F# | C E G    C/F#      a chord over a bass that is not one of its tones
C G, or C     C or Cm   no third: the key says which
C E Bb, ...   C7, ...   anything else: the chord that has most of it and adds least
```
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from functools import lru_cache

from musika_daw.score.chords import QUALITIES
from musika_daw.score.harmony import MINOR, Chord, Key

# what it costs a chord that it has a tone which is not held, by its semitones above the root: fifths are the first to
# be left out, roots the last
_MISSING = {0: 1.6, 3: 0.6, 4: 0.6, 7: 0.25}
_MISSING_OTHER = 1.0
_FOREIGN = 1.1  # and that a tone is held which it has not
_SUSPENDED = 0.6  # nothing is suspended unless all of it is held
_ON_ITS_ROOT, _IN_KEY = 0.4, 0.02
_FIFTH = 7


def chord_of(keys: Iterable[int], key: Key) -> Chord | None:
    """The chord of MIDI keys 0..127 that are held at once, read in a key; None where none are."""
    held = sorted(set(keys))
    if not held:
        return None
    return _chord(held[0] % 12, frozenset(pitch % 12 for pitch in held), key)


@lru_cache(maxsize=1024)
def _chord(low: int, classes: frozenset[int], key: Key) -> Chord:
    upper = classes - {low}
    if not upper:
        return _triad(low, low, key)
    if len(classes) == 2:
        (other,) = upper
        if (other - low) % 12 == _FIFTH:
            return _triad(low, low, key)
        if (low - other) % 12 == _FIFTH:
            return _triad(other, low, key)
    if len(upper) >= 3 and not _spelled(classes, low, key) and (over := _spelled(upper, low, key)):
        return over[0]
    exact = _spelled(classes, low, key)
    return exact[0] if exact else max(_all(low), key=lambda chord: _fit(chord, classes, key))


def _spelled(classes: Set[int], low: int, key: Key) -> list[Chord]:
    """Chords of exactly these tones over a bass, the likeliest first: on its root, then in the key."""
    found = [chord for chord in _all(low) if set(chord.tones) == classes]
    return sorted(found, key=lambda chord: (chord.root != low, chord.root not in key.scale))


@lru_cache(maxsize=12)
def _all(low: int) -> tuple[Chord, ...]:
    """Every chord there is over a bass."""
    return tuple(
        Chord(root, tuple((root + tone) % 12 for tone in tones), None if root == low else low)
        for tones in QUALITIES
        for root in range(12)
    )


def _fit(chord: Chord, classes: frozenset[int], key: Key) -> float:
    tones = set(chord.tones)
    above = {(tone - chord.root) % 12 for tone in tones}
    return (
        len(tones & classes)
        - sum(_MISSING.get((tone - chord.root) % 12, _MISSING_OTHER) for tone in tones - classes)
        - _SUSPENDED * above.isdisjoint((3, 4))
        - _FOREIGN * len(classes - tones)
        + _ON_ITS_ROOT * (chord.low == chord.root)
        + _IN_KEY * sum(tone in key.scale for tone in tones)
    )


def _triad(root: int, low: int, key: Key) -> Chord:
    """Major or minor on a root, as the third lies in the key; where either does or neither, as the key is."""
    minor, major = ((root + third) % 12 in key.scale for third in (3, 4))
    third = 3 if (minor and not major) or (minor == major and key.steps == MINOR) else 4
    return Chord(root, (root, (root + third) % 12, (root + _FIFTH) % 12), None if low == root else low)
