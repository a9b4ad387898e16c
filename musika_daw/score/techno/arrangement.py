"""Arrangement: which layers play in which bar of an endless track, in blocks of four bars.

A block is a pure function of its number, so bar 17 is bar 17 however it is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from musika_daw.score.techno.grid import STEPS, rng_of
from musika_daw.score.techno.style import Style

Rng = np.random.Generator
BLOCK_BARS = 4
# A long track in blocks of four bars: (kind, intensity). A piece begins anywhere in it and goes round.
TRACK: tuple[tuple[str, float], ...] = (
    ("intro", 0.30),
    ("intro", 0.45),
    ("groove", 0.55),
    ("groove", 0.65),
    ("groove", 0.75),
    ("build", 0.80),
    ("drop", 0.95),
    ("drop", 1.00),
    ("drop", 0.90),
    ("groove", 0.70),
    ("groove", 0.60),
    ("break", 0.35),
    ("drop", 1.00),
    ("drop", 1.00),
    ("drop", 0.95),
    ("groove", 0.80),
    ("groove", 0.70),
    ("break", 0.35),
    ("drop", 1.00),
    ("drop", 0.90),
    ("groove", 0.75),
    ("groove", 0.60),
    ("outro", 0.45),
    ("outro", 0.30),
)


_BREAKS = tuple(i for i, (kind, _) in enumerate(TRACK) if kind == "break")
_PITCHED = ("pad", "stab", "lead", "acid", "noise")
_MADE_OF = {"backbeat", "bass", "acid", "stab", "pad", "lead", "ride", "loop"}


@dataclass(frozen=True)
class Section:
    """What a bar belongs to: the kind of its block and its intensity 0..1."""

    kind: str
    energy: float


@dataclass(frozen=True)
class Arrangement:
    """Where each layer of a piece is heard: from its own intensity on, and in sparse pieces on fewer sixteenths.

    `start` is the block of `TRACK` that bar 0 lies in; `flat` pieces have one intensity with small changes;
    `threshold` is the intensity from which a layer plays; `busy` and `weights` say which sixteenths have room.
    """

    seed: int
    index: int
    start: int
    flat: bool
    threshold: dict[str, float]
    busy: float = 2.0
    weights: tuple[float, ...] = (0.0,) * STEPS

    def section(self, bar: int) -> Section:
        """The section of a bar, which may be negative."""
        return _section(self.seed, self.index, self.start, self.flat, bar // BLOCK_BARS)

    def active(self, layer: str, section: Section) -> bool:
        """Whether a layer plays in a section."""
        if section.kind == "break":
            return layer in _PITCHED and self.threshold.get(layer, 2.0) < 1.5
        return layer == "kick" or section.energy >= self.threshold.get(layer, 2.0)

    def weight(self, step: float) -> float:
        """How early a step makes way, 0..1: the quarters stay, then the eighths."""
        return self.weights[int(step) % STEPS] if float(step).is_integer() else 0.5

    def allows(self, section: Section, bar: int, step: float) -> bool:
        """Whether the groove has room at a position: sparse pieces and calm bars keep few sixteenths.

        This is what makes the density of events differ between pieces and along a piece."""
        ending = 0.12 if bar % BLOCK_BARS == BLOCK_BARS - 1 else 0.0
        return self.weight(step) <= self.busy * (0.45 + 0.55 * section.energy) + ending

    def changed(self, bar: int) -> bool:
        """Whether a section of another kind begins with this bar."""
        return self.section(bar).kind != self.section(bar - 1).kind

    def into_drop(self, bar: int) -> bool:
        """Whether a drop begins right after this bar."""
        return self.section(bar + 1).kind == "drop" != self.section(bar).kind


@lru_cache(maxsize=4096)
def _section(seed: int, index: int, start: int, flat: bool, block: int) -> Section:
    turn, place = divmod(start + block, len(TRACK))
    kind, energy = TRACK[place]
    if kind == "break":  # one of them at most each time round, so that no window of 32 bars has two
        rng = rng_of(seed, index, "breaks", turn)
        stays = rng.choice(_BREAKS) if rng.random() < 0.85 else None
        if stays != place:
            kind, energy = "groove", 0.55
    if flat and kind != "break":
        energy = 0.75 + 0.25 * (energy - 0.6)
    return Section(kind, float(np.clip(energy + rng_of(seed, index, "block", block).normal(0, 0.05), 0.15, 1.0)))


def draw_arrangement(rng: Rng, seed: int, index: int, style: Style, layers: list[str]) -> Arrangement:
    """The arrangement of a piece; layers enter at their own intensity, at least three play in a groove."""
    start = int(rng.integers(len(TRACK)))
    flat = bool(rng.random() < 0.2)  # a tool track
    order = list(layers)
    rng.shuffle(order)
    base = {
        "kick": 0.0,
        "backbeat": 0.45,
        "hat": 0.3,
        "open": 0.5,
        "ride": 0.8,
        "bass": 0.4,
        "acid": 0.5,
        "stab": 0.55,
        "pad": 0.5,
        "lead": 0.65,
        "loop": 0.45,
        "shaker": 0.5,
        "noise": 0.2,
    }
    spread = 0.08 if flat else 0.14
    threshold = {layer: float(np.clip(base.get(layer, 0.55) + rng.normal(0, spread), 0.0, 0.97)) for layer in order}
    threshold["kick"] = 0.0
    first = min((n for n in order if n not in ("kick", "noise")), key=lambda n: threshold[n], default="kick")
    threshold[first] = min(threshold[first], 0.15)  # never a bare kick for long
    if style.acid >= 1.0 and "acid" in threshold:
        threshold["acid"] = min(threshold["acid"], 0.45)
    if style.energy is not None:  # what makes a named style is heard in all of it
        for layer in _MADE_OF & threshold.keys():
            threshold[layer] = min(threshold[layer], style.energy)
    busy = float(rng.uniform(*style.busy))
    spans = ((0.0, 0.0), (0.25, 1.0), (0.0, 0.45), (0.25, 1.0))  # quarters stay, then eighths, then sixteenths
    weights = [float(rng.uniform(*spans[s % 4])) for s in range(STEPS)]
    if style.acid >= 1.0:
        busy = max(busy, 0.5)
    return Arrangement(seed, index, start, flat, threshold, busy, tuple(weights))
