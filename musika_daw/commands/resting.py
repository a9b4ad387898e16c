"""Parts that have nothing to play in a stretch, and where they would have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from musika_daw.instrument.played import Take

if TYPE_CHECKING:
    from musika_daw.instrument.engine import Engine
    from musika_daw.instrument.played import Stretch
    from musika_daw.score.controls import Controls

BARS_AHEAD = 64
SEEDS_AHEAD = 16


def resting(engine: Engine, stretch: Stretch, controls: Controls, written: list[str] | None = None) -> list[str]:
    """A line on the parts that were asked for and have no note, and one on those that were not among the stems that
    were `written`."""
    asked = list(controls.parts or ())
    rest = [part for part in asked if _rests(engine, stretch, replace(controls, parts=(part,)))]
    lines = []
    if rest:
        what = "silence" if rest == asked else "the others sound"
        hints = "; ".join(_hint(engine, stretch, replace(controls, parts=(part,)), part) for part in rest)
        lines.append(f"parts: {', '.join(rest)}: no note in this stretch, {what} ({hints})")
    if written is not None and (lacking := [part for part in asked or engine.parts if part not in written]):
        lines.append(f"stems: {', '.join(lacking)}: no note in this loop, no file")
    return lines


def _rests(engine: Engine, stretch: Stretch, controls: Controls) -> bool:
    notes = engine.played(stretch, controls)
    return notes is not None and not len(notes)


def _hint(engine: Engine, stretch: Stretch, controls: Controls, part: str) -> str:
    """The next bar, else the next seed, at which a part has notes: looked for, not guessed."""
    if not isinstance(stretch, Take):
        begin = round(stretch.start_beat / 4)
        for bar in range(begin + 1, begin + BARS_AHEAD + 1):
            if not _rests(engine, replace(stretch, start_beat=bar * 4), controls):
                return f"{part} has some with --start-bar {bar + 1}"
    for seed in range(controls.seed + 1, controls.seed + SEEDS_AHEAD + 1):
        # a style of its own stays; one that is the seed's goes with it
        if not _rests(engine, stretch, replace(controls, seed=seed)):
            return f"{part} has some with --seed {seed}"
    far = f"{SEEDS_AHEAD} seeds on" if isinstance(stretch, Take) else f"{BARS_AHEAD} bars or {SEEDS_AHEAD} seeds on"
    return f"{part} has none {far} either"
