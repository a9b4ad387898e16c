"""Chords that change on the way: from which beat of the timeline on which chord was played.

What was played stays where it was played: the same changes give the same music, played on, located or kept. A beat's
harmony depends on nothing that was played after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from musika_daw.score.chords import ALLOWED, chord_named, key_of
from musika_daw.score.harmony import Chord, Key
from musika_daw.system.refusal import refused

Changes = tuple[tuple[float, str | None], ...]
"""(beat of the timeline, name of the chord from there on, or None for the piece's own), beats ascending."""

CHANGES_MAX = 256
BEAT_MAX = 2.0**40
_KEY_OF_LAST = 8


@dataclass(frozen=True)
class Change:
    """A chord from a beat on, None for the piece's own harmony, and the key that fits it and the last ones before."""

    beat: float
    chord: Chord | None
    key: Key | None


@lru_cache(maxsize=256)
def changes_named(changes: Changes) -> tuple[Change, ...]:
    """The chords of changes, each with its key. Raises ValueError naming the change that is wrong."""
    if len(changes) > CHANGES_MAX:
        raise refused("changes", len(changes), f"must be at most {CHANGES_MAX}")
    found: list[Change] = []
    last: list[Chord] = []
    for beat, name in changes:
        if not -BEAT_MAX <= beat <= BEAT_MAX or (found and beat <= found[-1].beat):
            raise refused("changes", beat, "must be beats, each after the one before")
        chord = None if name is None else chord_named(name)
        if chord is None and name is not None:
            raise refused("changes", name, f"at beat {beat:g}, {ALLOWED}")
        if chord is not None:
            last = [*last[1 - _KEY_OF_LAST :], chord]
        found.append(Change(beat, chord, key_of(tuple(last)) if last else None))
    return tuple(found)


def changed(changes: Changes, beat: float, chord: str | None) -> Changes:
    """Changes with another chord from a beat on, for good: what was played after that beat is forgotten.

    The first of more than `CHANGES_MAX` are forgotten too.
    """
    kept = tuple(change for change in changes if change[0] < beat)
    if (kept[-1][1] if kept else None) != chord:
        kept = (*kept, (beat, chord))[-CHANGES_MAX:]
    return kept


def change_at(changes: Sequence[Change], beat: float) -> Change | None:
    """The change that holds at a beat; None before the first."""
    return next((change for change in reversed(changes) if change.beat <= beat), None)
