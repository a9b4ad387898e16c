"""Which pitch a line has at every point of the deep band: that of the note that was struck last."""

from __future__ import annotations

import numpy as np

from musika_daw.score.roll import Notes

# what is coded of an attack may come so much sooner
_SOONER_S = 0.02


def tuning(notes: Notes, index: np.ndarray, frame_s: float, points: int) -> np.ndarray:
    """Pitches in Hz, float64 `[T * points]`, of notes in seconds over latent frames number `index` `[T]`, each
    `frame_s` long and of so many points; NaN before the first note, of a chord its lowest."""
    if not len(notes):
        return np.full(len(index) * points, np.nan)
    order = np.lexsort((-notes.key, notes.onset))
    seconds = ((index[:, None] + (np.arange(points) + 0.5) / points) * frame_s).ravel()
    last = np.searchsorted(notes.onset[order], seconds + _SOONER_S, "right") - 1
    hertz = 440 * 2 ** ((notes.key[order] - 69) / 12)
    return np.where(last >= 0, hertz[np.maximum(last, 0)], np.nan)
