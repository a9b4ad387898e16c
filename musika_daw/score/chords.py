"""Chord progressions as people type them, `Am | F | C | G7`, one chord a bar, and the key that fits them.

A progression goes round by absolute bar: bar 0 of the timeline has its first chord, whatever is played from where.
"""

from __future__ import annotations

import re
from functools import lru_cache

from musika_daw.score.harmony import MAJOR, MINOR, NOTES, Chord, Key, key_named, pitch_class
from musika_daw.system.refusal import refused

BARS_MAX = 256
TEXT_MAX = 4096
# tones above the root in semitones; one chord may be written in several ways, the first is how it is named
QUALITIES: dict[tuple[int, ...], tuple[str, ...]] = {
    (0, 4, 7): ("", "maj", "M", "major"),
    (0, 3, 7): ("m", "min", "mi", "minor"),
    (0, 3, 6): ("dim", "°", "o"),
    (0, 4, 8): ("aug", "+"),
    (0, 2, 7): ("sus2",),
    (0, 5, 7): ("sus4", "sus"),
    (0, 4, 7, 9): ("6", "maj6"),
    (0, 3, 7, 9): ("m6", "min6"),
    (0, 4, 7, 10): ("7", "dom7"),
    (0, 4, 7, 11): ("maj7", "M7", "Maj7", "Δ", "Δ7"),
    (0, 3, 7, 10): ("m7", "min7", "mi7"),
    (0, 3, 7, 11): ("mmaj7", "mM7", "minmaj7"),
    (0, 3, 6, 10): ("m7b5", "min7b5", "m7♭5", "ø", "ø7"),
    (0, 3, 6, 9): ("dim7", "°7", "o7"),
    (0, 5, 7, 10): ("7sus4", "7sus"),
    (0, 4, 7, 10, 14): ("9",),
    (0, 4, 7, 11, 14): ("maj9", "M9"),
    (0, 3, 7, 10, 14): ("m9", "min9"),
    (0, 4, 7, 14): ("add9",),
    (0, 3, 7, 14): ("madd9", "minadd9"),
}
_TONES = {text: tones for tones, texts in QUALITIES.items() for text in texts}
_NAMES = {tones: texts[0] for tones, texts in QUALITIES.items()}
_CHORD = re.compile(r"([A-Ga-g])([#♯b♭]?)([^/]*)(?:/([A-Ga-g])([#♯b♭]?))?")
_APART = re.compile(r"[\s,–-]+")
ALLOWED = (
    "must be a chord like Am, F#, Bbmaj7 or C/E, or % for the one before: a root A to G with # or b, then nothing, "
    + ", ".join(name for name in _NAMES.values() if name)
    + ", then perhaps a bass after /"
)


def chord_named(text: str) -> Chord | None:
    """The chord of a name like `Am7` or `C/E`; None for what is none."""
    match = _CHORD.fullmatch(text)
    if match is None or match[3] not in _TONES:
        return None
    root = pitch_class(match[1], match[2])
    bass = root if match[4] is None else pitch_class(match[4], match[5])
    return Chord(root, tuple((root + tone) % 12 for tone in _TONES[match[3]]), None if bass == root else bass)


@lru_cache(maxsize=256)
def progression_named(text: str) -> tuple[Chord, ...]:
    """The chords of a text, one a bar: `Am | F | C | G7`, `Am F C G7`, `Am | % | F | %`.

    Raises ValueError that names the bar, what stands there, and what is allowed.
    """
    if len(text) > TEXT_MAX:
        raise refused("chords", text, f"must have at most {TEXT_MAX} characters")
    chords: list[Chord] = []
    for bar, name in enumerate(_bars(text), 1):
        chord = chords[-1] if name == "%" and chords else chord_named(name)
        if chord is None:
            raise refused("chords", name, f"in bar {bar}, {ALLOWED}")
        chords.append(chord)
    if not chords:
        raise refused("chords", text, "must have a chord at least, as in Am | F | C | G7")
    if len(chords) > BARS_MAX:
        raise refused("chords", text, f"has {len(chords)} bars, must have at most {BARS_MAX}")
    return tuple(chords)


def _bars(text: str) -> list[str]:
    """What stands in each bar; without bar lines each word is one."""
    if "|" not in text:
        return [word for word in _APART.split(text) if word]
    bars = [[word for word in _APART.split(bar) if word] for bar in text.strip().strip("|").split("|")]
    for number, words in enumerate(bars, 1):
        if len(words) > 1:
            raise refused("chords", " ".join(words), f"in bar {number}, must be one chord a bar")
    return ["".join(words) for words in bars]


def is_named(chord: Chord) -> bool:
    """Whether there is a name for a chord; a drawn one may have a ninth that none has."""
    return tuple(_above(chord)) in _NAMES


def chord_name(chord: Chord) -> str:
    """A chord as it is named here: `Am7`, `C/E`, in the spelling of `NOTES`."""
    quality = _NAMES[tuple(_above(chord))]
    bass = "" if chord.low == chord.root else f"/{NOTES[chord.low]}"
    return f"{NOTES[chord.root]}{quality}{bass}"


def progression_name(chords: tuple[Chord, ...]) -> str:
    """A progression as it is written here: `Am | F | C | G7`."""
    return " | ".join(map(chord_name, chords))


def _above(chord: Chord) -> list[int]:
    """Tones of a chord in semitones above its root, a ninth as 14."""
    above = [(tone - chord.root) % 12 for tone in chord.tones]
    return [tone + 12 if tone == 2 and place > 2 else tone for place, tone in enumerate(above)]


def asked_key(key: str | None, chords: str | None) -> Key | None:
    """The key that was asked, else the one that fits the chords that were asked; None where neither was."""
    if key is not None:
        return key_named(key)
    return None if chords is None else key_of(progression_named(chords))


@lru_cache(maxsize=256)
def key_of(chords: tuple[Chord, ...]) -> Key:
    """The key that fits a progression best: its scale holds the tones, its tonic is a chord, first and last above all.

    Am F C G is A minor, C Am F G is C major.
    """
    keys = [Key(tonic, steps) for steps in (MAJOR, MINOR) for tonic in range(12)]
    return max(keys, key=lambda key: _fit(chords, key))


def _fit(chords: tuple[Chord, ...], key: Key) -> tuple[float, bool]:
    scale, minor = set(key.scale.tolist()), key.steps == MINOR
    fit = 0.0
    for chord in chords:
        held = scale
        if minor and chord.root in ((key.tonic + 7) % 12, (key.tonic + 11) % 12):
            held = scale | {(key.tonic + 11) % 12}  # the leading tone of a cadence
        fit += sum(tone in held for tone in chord.tones) / len(chord.tones)
    fit /= len(chords)
    third, other = ((key.tonic + step) % 12 for step in ((3, 4) if minor else (4, 3)))
    home = [chord.root == key.tonic and other not in chord.tones for chord in chords]
    # what a piece begins with says more than what it ends with, both more than what it goes through
    fit += 0.12 * home[0] + 0.06 * home[-1] + 0.04 * any(home)
    return fit, third in chords[0].tones
