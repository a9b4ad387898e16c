"""Arrangement: which layers play in which of the 32 bars, in steps of four and eight bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musika_daw.score.techno.grid import STEPS
from musika_daw.score.techno.style import Style

Rng = np.random.Generator
BLOCK_BARS = 4
# A long track in blocks of four bars: (kind, intensity). A song is a window of it, from anywhere.
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


@dataclass(frozen=True)
class Arrangement:
    """Layers by bar: `kind[bar]`, `energy[bar]` 0..1, and where each layer is heard."""

    kind: tuple[str, ...]
    energy: tuple[float, ...]
    threshold: dict[str, float]
    busy: float = 2.0
    weights: tuple[float, ...] = (0.0,) * STEPS

    @property
    def bars(self) -> int:
        """Length in bars."""
        return len(self.kind)

    def active(self, layer: str, bar: int) -> bool:
        """Whether a layer plays in a bar."""
        kind = self.kind[bar]
        if kind == "break":
            return layer in ("pad", "stab", "lead", "acid", "noise", "break drums") and (
                self.threshold.get(layer, 2.0) < 1.5
            )
        if layer == "kick":
            return True
        return self.energy[bar] >= self.threshold.get(layer, 2.0)

    def allows(self, bar: int, step: float) -> bool:
        """Whether the groove has room at a position: sparse songs and calm bars keep few sixteenths.

        This is what makes the density of events differ between songs and along a song."""
        weight = self.weights[int(step) % STEPS] if float(step).is_integer() else 0.5
        ending = 0.12 if bar % BLOCK_BARS == BLOCK_BARS - 1 else 0.0
        return weight <= self.busy * (0.45 + 0.55 * self.energy[bar]) + ending

    def risers(self) -> list[tuple[int, int]]:
        """Spans (first bar, end bar) that lead into a drop."""
        out = []
        for bar in range(BLOCK_BARS, self.bars, BLOCK_BARS):
            if self.kind[bar] == "drop" and self.kind[bar - 1] in ("build", "break"):
                out.append((bar - BLOCK_BARS, bar))
        return out


def draw_arrangement(rng: Rng, style: Style, layers: list[str], bars: int) -> Arrangement:
    """A window of the long track; layers enter at their own intensity, at least three play in a groove."""
    start = int(rng.integers(len(TRACK)))
    flat = rng.random() < 0.2  # a tool track: one intensity, small changes
    kinds: list[str] = []
    energies: list[float] = []
    breaks = 0
    for block in range(-(-bars // BLOCK_BARS)):
        kind, energy = TRACK[(start + block) % len(TRACK)]
        if kind == "break" and (breaks or rng.random() < 0.15):
            kind, energy = "groove", 0.55
        breaks += kind == "break"
        if flat and kind != "break":
            energy = 0.75 + 0.25 * (energy - 0.6)
        energy = float(np.clip(energy + rng.normal(0, 0.05), 0.15, 1.0))
        kinds += [kind] * BLOCK_BARS
        energies += [energy] * BLOCK_BARS
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
    busy = float(rng.uniform(0.08, 1.15))
    spans = ((0.0, 0.0), (0.25, 1.0), (0.0, 0.45), (0.25, 1.0))  # quarters stay, then eighths, then sixteenths
    weights = [float(rng.uniform(*spans[s % 4])) for s in range(STEPS)]
    if style.acid >= 1.0:
        busy = max(busy, 0.5)
    return Arrangement(tuple(kinds[:bars]), tuple(energies[:bars]), threshold, busy, tuple(weights))
