"""Drum tracks of a song: which voice hits when, with fills and phrase marks."""

from __future__ import annotations

from functools import partial

import numpy as np

from musika_daw.score.techno import patterns
from musika_daw.score.techno.arrangement import Arrangement
from musika_daw.score.techno.grid import Hit, rng_of
from musika_daw.score.techno.patterns import Bar
from musika_daw.score.techno.style import Style

PHRASE_BARS = 4


def draw_layers(rng: np.random.Generator, style: Style) -> list[str]:
    """Layers a song has, drums and pitched."""
    layers = ["kick", "hat", "bass"]
    for name, share in (
        ("open", 0.8),
        ("ride", style.ride),
        ("shaker", 0.45),
        ("loop", style.loop),
        ("acid", style.acid),
        ("stab", style.stab),
        ("pad", style.pad),
        ("lead", style.lead),
        ("noise", 0.35),
    ):
        if rng.random() < share:
            layers.append(name)
    if not {"acid", "stab", "pad", "lead"} & set(layers):
        layers.append(str(rng.choice(["stab", "lead", "pad"])))
    count = int(rng.integers(1, style.percussion + 1))
    return layers + ["backbeat"] + [f"perc{i}" for i in range(count)]


def draw_tracks(
    seed: int, index: int, style: Style, arrangement: Arrangement, layers: list[str]
) -> dict[str, list[Hit]]:
    """Hits by kit voice; `kick` on every beat of a bar with a kick for a four-on-the-floor style."""
    rng = rng_of(seed, index, "tracks")
    bars = arrangement.bars
    tracks: dict[str, list[Hit]] = {}
    human_s = float(rng.choice([0.0, 0.0, 0.0015, 0.003]))

    def last(bar: int) -> bool:
        return bar % PHRASE_BARS == PHRASE_BARS - 1

    def add(voice: str, layer: str, motif: Bar, ending: Bar | None = None, chance: float = 1.0) -> None:
        ending = motif if ending is None else ending
        hits = patterns.sequence(
            rng_of(seed, index, f"s {voice}"),
            bars,
            lambda bar: arrangement.active(layer, bar),
            lambda bar: ending if last(bar) else motif,
            chance,
            human_s,
        )
        free = layer in ("kick", "backbeat")
        tracks.setdefault(voice, []).extend(h for h in hits if free or arrangement.allows(h.bar, h.step))

    kick = patterns.kick_bar(rng, style.four_floor)
    kick_end = list(kick)
    if rng.random() < 0.6:
        kick_end.append((float(rng.choice([11, 14, 15])), float(rng.uniform(0.5, 0.9))))
    if not style.four_floor:
        kick = [*kick]
        kick_end = sorted({*patterns.kick_bar(rng, False), (0, 1.0)})
    add("kick", "kick", kick, sorted(kick_end))

    backbeat = style.backbeats[int(rng.integers(len(style.backbeats)))]
    if backbeat != "none":
        beat: Bar = [(4.0, 1.0), (12.0, 1.0)]
        extra = [(float(rng.choice([7, 9, 11, 14, 15])), float(rng.uniform(0.3, 0.7)))]
        add(backbeat, "backbeat", beat, sorted(beat + (extra if rng.random() < 0.7 else [])))
        if rng.random() < 0.3:
            add(backbeat, "backbeat", patterns.ghosts(rng, 0.2))
    if "hat" in layers:
        motif = patterns.hat_bar(rng)
        add("hat", "hat", motif, patterns.vary(rng, motif), float(rng.choice([1.0, 1.0, 0.93, 0.8])))
        if rng.random() < 0.3:
            add("hat", "hat", patterns.ghosts(rng, 0.3))
    if "open" in layers:
        motif = patterns.open_bar(rng)
        ending: Bar = sorted({*motif, (14.0, 1.0), (float(rng.choice([7, 11, 15])), 0.7)})
        add("open", "open", motif, ending if rng.random() < 0.7 else None)
    if "ride" in layers:
        add("ride", "ride", patterns.ride_bar(rng))
    if "shaker" in layers:
        motif = patterns.shaker_bar(rng)
        add("shaker", "shaker", motif, patterns.vary(rng, motif, 0.2), 0.95)
    for name in layers:
        if name.startswith("perc"):
            phrase = patterns.percussion_phrase(rng)
            hits = patterns.sequence(
                rng_of(seed, index, f"s {name}"),
                bars,
                partial(arrangement.active, name),
                phrase,
                float(rng.choice([1.0, 0.9, 0.7])),
                human_s,
            )
            tracks[name] = [h for h in hits if arrangement.allows(h.bar, h.step)]
    if "loop" in layers:
        for part in range(4):
            steps = [(float(s), float(rng.uniform(0.2, 1))) for s in range(16) if rng.random() < 0.22]
            add(f"loop{part}", "loop", steps, patterns.vary(rng, steps, 0.3))
    _phrase_marks(rng, tracks, arrangement)
    _fills(rng, tracks, arrangement, style, backbeat)
    return {voice: sorted(set(hits)) for voice, hits in tracks.items() if hits}


def _phrase_marks(rng: np.random.Generator, tracks: dict[str, list[Hit]], arrangement: Arrangement) -> None:
    """A crash on the first bar of phrases: at section changes always, each 4 or 8 bars in many songs."""
    every = int(rng.choice([4, 8, 16], p=[0.4, 0.4, 0.2]))
    level = float(rng.uniform(0.5, 1.0))
    for bar in range(0, arrangement.bars, PHRASE_BARS):
        changed = bar == 0 or arrangement.kind[bar] != arrangement.kind[bar - 1]
        if (changed and bar) or bar % every == 0:
            tracks.setdefault("crash", []).append(Hit(bar, 0.0, level if changed else level * 0.7))


def _fills(
    rng: np.random.Generator, tracks: dict[str, list[Hit]], arrangement: Arrangement, style: Style, backbeat: str
) -> None:
    """Fills in bar 4, 8 or 16, rolls into drops, and now and then the kick left out before a phrase."""
    every = int(rng.choice([4, 8, 16], p=[0.5, 0.35, 0.15]))
    kinds = [str(k) for k in rng.choice(patterns.FILLS, size=2, replace=False)]
    drop_kick = rng.random() < 0.2
    for bar in range(PHRASE_BARS - 1, arrangement.bars, PHRASE_BARS):
        into_drop = bar + 1 < arrangement.bars and arrangement.kind[bar + 1] == "drop" != arrangement.kind[bar]
        if into_drop and rng.random() < 0.7:
            for back in range(int(rng.choice([1, 2, 4]))):
                gap = 4 if back == 3 else 2 if back else 1
                for step in range(0, 16, gap):
                    level = (1 - back * 0.25) * (0.35 + 0.65 * step / 16)
                    tracks.setdefault("snare", []).append(Hit(bar - back, float(step), level * 0.8))
        elif (bar + 1) % every == 0 and arrangement.kind[bar] != "break" and rng.random() < 0.85:
            for voice, extra in patterns.fill_bar(rng, kinds[(bar // PHRASE_BARS) % 2]).items():
                tracks.setdefault(voice, []).extend(Hit(bar, s, v) for s, v in extra)
        if drop_kick and (bar + 1) % 8 == 0 and style.four_floor and arrangement.kind[bar] != "break":
            tracks["kick"] = [h for h in tracks["kick"] if h.bar != bar or h.step < 12]
