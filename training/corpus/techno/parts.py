"""Songs of parts: which roles of a song are heard, and what they play."""

from __future__ import annotations

import numpy as np

from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import ROLES as ROLE_NUMBERS
from musika_daw.score.roll import Notes, sorted_notes
from training.corpus.techno.synths import Note

Rng = np.random.Generator
# Roles and the buses on which they sound; noise and effects sound with all of them only.
ROLES = {
    "drums": ("kick", "drums", "tops", "loop"),
    "bass": ("bass",),
    "lead": ("acid", "lead"),
    "chords": ("stab", "pad"),
}
# What is heard of a song of parts: all of it, one role, or some; and how loud parts are.
_ALL, _ONE = 0.45, 0.35
PARTS_LUFS = (-24.0, -11.0)


def draw_roles(rng: Rng, present: list[str]) -> list[str]:
    """Roles of a song of parts: all, one, or some, in their order."""
    kind = rng.random()
    if kind < _ALL or len(present) < 2:
        return present
    count = 1 if kind < _ALL + _ONE else int(rng.integers(1, len(present)))
    chosen = set(rng.choice(len(present), count, replace=False).tolist())
    return [role for i, role in enumerate(present) if i in chosen]


def notes_of(lines: dict[str, list[Note]], hits: dict[str, list[tuple[int, float]]], roles: list[str]) -> Notes:
    """What the heard roles of a song play, sorted by onset, in frames.

    `lines` are notes by role, `hits` (frame, velocity) by drum voice; a hit lasts no time.
    """
    rows = [
        (n.start, n.start + n.frames, round(n.pitch), min(n.velocity, 1.0), ROLE_NUMBERS.index(role))
        for role, notes in lines.items()
        if role in roles
        for n in notes
    ]
    if "drums" in roles:
        number = ROLE_NUMBERS.index("drums")
        rows += [
            (frame, frame, DRUMS[voice], min(velocity, 1.0), number)
            for voice, struck in hits.items()
            for frame, velocity in struck
        ]
    return sorted_notes(rows)
