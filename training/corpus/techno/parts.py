"""Songs of parts: which roles of a song are heard, and what they play."""

from __future__ import annotations

import numpy as np

from musika_daw.score.roll import Notes
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


def notes_of(played: list[Note]) -> Notes:
    """Notes of a song, sorted by onset, in frames."""
    onset = np.array([n.start for n in played], float)
    off = onset + np.array([n.frames for n in played], float)
    key = np.array([round(n.pitch) for n in played], np.int64)
    return Notes(onset, off, key, np.array([min(n.velocity, 1.0) for n in played], float))
