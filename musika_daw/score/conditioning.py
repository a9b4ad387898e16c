"""What the generator is told about each latent frame: place in beat, bar and phrase, tempo, density, energy.

The paper conditions on tempo or density alone (sections 5.1 and 5.2). A generator that only knows the tempo
cannot know where the downbeat is, so ours is also told the phase of every frame. Each group carries a
flag; a group that is not given is all zeros, which training shows it often enough (condition dropout).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BEATS_PER_BAR = 4
BEATS_PER_PHRASE = 16
# (beats of one turn): a phrase, half a phrase, a bar, half a bar, a beat, an eighth, a sixteenth
PHASE_PERIODS_BEATS = (16.0, 8.0, 4.0, 2.0, 1.0, 0.5, 0.25)
GROUPS = ("phase", "tempo", "density", "energy")
WIDTHS = {"phase": 2 * len(PHASE_PERIODS_BEATS) + 1, "tempo": 2, "density": 2, "energy": 2}
CHANNELS = sum(WIDTHS.values())


@dataclass(frozen=True)
class Conditions:
    """Curves over latent frames, each `[T]` or None (not given): `beat` (song position), `bpm`,
    `density` and `energy` in 0..1."""

    frames: int
    beat: np.ndarray | None = None
    bpm: np.ndarray | None = None
    density: np.ndarray | None = None
    energy: np.ndarray | None = None

    def features(self) -> np.ndarray:
        """Float32 `[T, CHANNELS]` for the generator."""
        groups = (
            _phase(self.beat),
            None if self.bpm is None else np.log2(np.asarray(self.bpm) / 120.0)[:, None] * 2,
            None if self.density is None else np.asarray(self.density)[:, None] * 2 - 1,
            None if self.energy is None else np.asarray(self.energy)[:, None] * 2 - 1,
        )
        out = np.zeros((self.frames, CHANNELS), np.float32)
        at = 0
        for name, values in zip(GROUPS, groups):
            if values is not None:
                out[:, at : at + WIDTHS[name] - 1] = values
                out[:, at + WIDTHS[name] - 1] = 1
            at += WIDTHS[name]
        return out


def _phase(beat: np.ndarray | None) -> np.ndarray | None:
    if beat is None:
        return None
    # reduced in float64 first: at beat 100,000 a float32 angle would be off by a sixteenth
    turns = np.mod(np.asarray(beat, np.float64)[:, None] / np.array(PHASE_PERIODS_BEATS), 1.0)
    angle = 2 * np.pi * turns
    return np.concatenate([np.sin(angle), np.cos(angle)], 1)


def group_slices() -> dict[str, slice]:
    """Where each group lies among the channels of `Conditions.features`."""
    out, at = {}, 0
    for name in GROUPS:
        out[name] = slice(at, at + WIDTHS[name])
        at += WIDTHS[name]
    return out


def phase_channels(period_beats: float) -> list[int]:
    """Where the sine and the cosine of one period lie among the channels of `Conditions.features`."""
    turn = PHASE_PERIODS_BEATS.index(period_beats)
    return [turn, len(PHASE_PERIODS_BEATS) + turn]
