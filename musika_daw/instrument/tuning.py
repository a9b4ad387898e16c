"""Which pitch a line has at every point of the deep band: that of the note that was struck last, while it rings."""

from __future__ import annotations

import numpy as np

from musika_daw.score.roll import Notes

# what is coded of an attack may come so much sooner
_SOONER_S = 0.02
# a note rings so long after its end; longer, and a stretch that begins in a rest would not know what the whole piece
# does, since it is told the notes of one bar before it
_RINGS_S = 0.5


def tuning(notes: Notes, index: np.ndarray, frame_s: float, points: int) -> np.ndarray:
    """Pitches in Hz, float64 `[T * points]`, of notes in seconds over latent frames number `index` `[T]`, each
    `frame_s` long and of so many points; of a chord its lowest, NaN in rests."""
    if not len(notes):
        return np.full(len(index) * points, np.nan)
    order = np.lexsort((-notes.key, notes.onset))
    onset, off, key = (part[order] for part in (notes.onset, notes.off, notes.key))
    seconds = ((index[:, None] + (np.arange(points) + 0.5) / points) * frame_s).ravel()
    number = np.searchsorted(onset, seconds + _SOONER_S, "right") - 1
    last = np.maximum(number, 0)
    rings = (number >= 0) & (seconds < off[last] + _RINGS_S)
    return np.where(rings, 440 * 2 ** ((key[last] - 69) / 12), np.nan)
