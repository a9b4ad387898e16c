"""What a user sets: seeds, style morph, density, energy, truncation, parts, key and chords."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from musika_daw.score.chords import progression_named
from musika_daw.score.following.changes import Changes, changes_named
from musika_daw.score.harmony import key_named
from musika_daw.score.parts import ALL_PARTS, PARTS, checked_voices
from musika_daw.score.techno.catalogue import start_named

Curve = float | Callable[[np.ndarray], np.ndarray]
"""A constant, or a function of seconds on the song's timeline, float64 `[T]` to `[T]`."""

DEFAULT_GAIN_DB = -15.0
"""Headroom of what plays: of 20 techno seeds at 0 dB the loudest peaked at +14.3 dBFS, half of them beyond +8.4."""


def headroom_db(scored: bool) -> float:
    """The gain in dB for a model to stay below full scale: what plays a score does so by itself.

    Piano takes peak at -4 to -12 dBFS, and the desk of parts holds its peaks at -1.
    """
    return 0.0 if scored else DEFAULT_GAIN_DB


def live_gain_db(scored: bool) -> float:
    """The gain in dB at which a model begins to play live: with room for what is heard on top, such as a loop.

    Peaks of `parts` lie at -7 dBFS then, as those of techno do in the median of 20 seeds.
    """
    return -6.0 if scored else DEFAULT_GAIN_DB


@dataclass(frozen=True)
class Controls:
    """Everything but the position that a sound depends on.

    `seed` keys the anchors, `style_seed` the style (None: the same number); `morph_seed` and `morph` (0..1)
    move the style towards another. `density` and `energy` in 0..1 or None (left to the model); `truncation`
    0..1 draws style and anchors towards the typical. `parts` are the roles that sound, of `score.parts.PARTS`, or
    parts of a piano, of `PIANO_PARTS` (None: all), but for those `muted`; `key` like `Am` or `Bbmaj` is what a score is
    written in (None: that which fits the chords, else one of its own), `chords` like `Am | F | C | G7` are its harmony,
    one a bar, round and round from bar 0 of the timeline (None: its own). `changes` are chords that were played on the
    way: each holds from its beat on, in place of those (see `score.following.changes`). `voices` are style seeds of
    some of `score.parts.VOICES`, in place of the piece's: a kind of drum before all drums. `style` names a starting
    point of `score.techno.catalogue`, which the score and what sounds are drawn near (None: anywhere). Raises
    ValueError naming what is out of range.
    """

    seed: int = 0
    style_seed: int | None = None
    morph_seed: int | None = None
    morph: float = 0.0
    density: Curve | None = None
    energy: Curve | None = None
    truncation: float = 1.0
    parts: tuple[str, ...] | None = None
    muted: tuple[str, ...] = ()
    key: str | None = None
    chords: str | None = None
    changes: Changes = ()
    voices: tuple[tuple[str, int], ...] = ()
    style: str | None = None

    def __post_init__(self) -> None:
        for name in ("seed", "style_seed", "morph_seed"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1 << 64:
                raise ValueError(f"{name}: {value}, must be in 0..2**64-1")
        for name in ("morph", "density", "energy", "truncation"):
            value = getattr(self, name)
            if isinstance(value, int | float) and not 0 <= value <= 1:
                raise ValueError(f"{name}: {value:g}, must be in 0..1")
        if self.parts is not None and (not self.parts or set(self.parts) - set(ALL_PARTS)):
            raise ValueError(f"parts: {', '.join(self.parts) or 'none'}, must be some of {', '.join(ALL_PARTS)}")
        if set(self.muted) - set(PARTS):
            raise ValueError(f"muted: {', '.join(self.muted)}, must be some of {', '.join(PARTS)}")
        if self.key is not None:
            key_named(self.key)
        if self.chords is not None:
            progression_named(self.chords)
        if self.changes:
            changes_named(self.changes)
        if self.voices:
            checked_voices(self.voices)
        if self.style is not None:
            start_named(self.style)

    def voiced(self, *names: str) -> int | None:
        """Style seed of the first of these voices that has one of its own, else of the first that its named style has
        one for."""
        own = dict(self.voices)
        if (seed := next((own[name] for name in names if name in own), None)) is not None or self.style is None:
            return seed
        start, style_seed = start_named(self.style), self.seed if self.style_seed is None else self.style_seed
        found = (start.voiced(name, style_seed) for name in names)
        return next((seed for seed in found if seed is not None), None)

    def hears(self, role: str) -> bool:
        """Whether a role sounds."""
        return role not in self.muted and (self.parts is None or role in self.parts)


def sample_curve(curve: Curve | None, seconds: np.ndarray) -> np.ndarray | None:
    """Values of a curve at seconds `[T]`, kept in 0..1, or None where the curve is None."""
    if curve is None:
        return None
    values = curve(seconds) if callable(curve) else np.full(len(seconds), float(curve))
    return np.clip(np.asarray(values, np.float64), 0, 1)
