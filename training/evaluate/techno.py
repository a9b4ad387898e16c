"""`evaluate techno`: raw loops over tempi and seeds, and held-out songs measured alike.

```
Engine.loop -> tiled to 24 s -> beat tracker -> tempo, grid        Material -> the same, as reference
            -> one round     -> bar, seam, level, gate             (train) -> what a bar looks like, copies
            -> embeddings    -> diversity, Frechet distance, nearest training song
```
Nothing is drawn again, cut or shifted: what the generator gives first is what counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from musika_daw.hearing.bar import fit_template, shifted_profile
from musika_daw.instrument.played import Loop, Stretch
from musika_daw.score.controls import Controls
from musika_daw.score.roll import Notes
from training.evaluate.loops import RATE_HZ, LoopFacts, loop_rows, measure_loop, tiled
from training.evaluate.material import Excerpt, Material
from training.evaluate.measures.beats import calibrate
from training.evaluate.measures.embedding import Embedder, embedders
from training.evaluate.measures.spread import Scale, frechet, nearest, pairwise_mean, split_half
from training.evaluate.measures.tools import Tracker
from training.evaluate.report import Row

Report = Callable[[str], None]


class LoopMaker(Protocol):
    """What is needed of an engine."""

    def loop(self, bpm: float, bars: int, controls: Controls | None = None, sample_rate_hz: int = 44_100) -> np.ndarray:
        """One round, float32 `[frames, 2]`."""
        ...

    def played(self, stretch: Stretch, controls: Controls | None = None) -> Notes | None:
        """The notes of a stretch, in seconds; None where no score is played."""
        ...


@dataclass(frozen=True)
class TechnoPlan:
    """What to render: every tempo with every seed, lengths in turn. A loop of 16 bars is never tiled.

    A tiled loop repeats exactly, so its tempo is right over many rounds whatever happens inside one: read the
    rows of the longest loops first.
    """

    bpms: tuple[float, ...] = tuple(float(b) for b in range(120, 161, 5))
    seeds: tuple[int, ...] = tuple(range(8))
    bars: tuple[int, ...] = (16, 4)
    spread_seeds: int = 16
    spread_bpm: float = 135.0
    reference_songs: int = 40
    train_songs: int = 120
    truncation: float = 1.0

    def __post_init__(self) -> None:
        for name in ("bpms", "seeds", "bars"):
            if not getattr(self, name):
                raise ValueError(f"{name}: none given, must be at least one")
        if self.spread_seeds < 2:
            raise ValueError(f"spread_seeds: {self.spread_seeds}, must be at least 2")


@dataclass(frozen=True)
class TechnoResult:
    """Rows of the table, facts of every file, and material for the pictures."""

    rows: list[Row]
    details: dict[str, Any]
    loops: list[tuple[str, np.ndarray]] = field(default_factory=list)
    songs: list[tuple[str, np.ndarray]] = field(default_factory=list)
    profiles: tuple[np.ndarray, np.ndarray] | None = None


def evaluate_techno(
    engine: LoopMaker,
    plan: TechnoPlan,
    material: Material,
    track: Tracker,
    *,
    musicnn: Path | None = None,
    compare: Sequence[tuple[str, np.ndarray]] = (),
    report: Report | None = None,
) -> TechnoResult:
    """Render and measure; `compare` is other audio at 44.1 kHz to judge by the same Frechet distance."""
    say = report or (lambda _: None)
    offset_s, floor_ms = calibrate(track, "kicks")
    clicks_s, clicks_floor_ms = calibrate(track, "clicks")
    say(f"tool offset {1000 * offset_s:.1f} ms on kicks ({1000 * clicks_s:.1f} on clicks), floor {floor_ms:.1f} ms")
    lengths = sorted(set(plan.bars))
    profiles = {
        bars: [
            shifted_profile(c.audio, RATE_HZ, c.bpm, bars, beat=number)
            for number, c in enumerate(material.bars("train", bars=bars, limit=200, seed=1))
        ]
        for bars in lengths
    }
    templates = {bars: fit_template(p) if len(p) >= 8 else None for bars, p in profiles.items()}
    say(f"bar template fitted on {len(profiles[lengths[-1]])} songs")
    held_out: list[LoopFacts] = []
    songs: list[Excerpt] = []
    for bars in lengths:
        # of the shorter cuts only the bar is of interest: nobody tracks beats in seven seconds of a song
        listen = track if bars == lengths[-1] else _deaf
        for number, cut in enumerate(material.bars("test", "valid", bars=bars, limit=plan.reference_songs, seed=2)):
            held_out.append(
                measure_loop(
                    cut.name,
                    cut.audio,
                    cut.bpm,
                    bars,
                    track=listen,
                    offset_s=offset_s,
                    template=templates[bars],
                    looped=False,
                    heard_from=number,
                )
            )
            songs += [cut] if bars == lengths[-1] else []
    say(f"{len(held_out)} held-out excerpts measured")
    loops: list[tuple[str, np.ndarray]] = []
    facts: list[LoopFacts] = []
    grid = [(bpm, seed) for seed in plan.seeds for bpm in plan.bpms]
    for number, (bpm, seed) in enumerate(grid):
        bars = plan.bars[number % len(plan.bars)]
        controls = Controls(seed=seed, truncation=plan.truncation)
        audio = engine.loop(bpm, bars, controls)
        name = f"{bpm:g} bpm, seed {seed}, {bars} bars"
        facts.append(
            measure_loop(
                name,
                audio,
                bpm,
                bars,
                track=track,
                offset_s=offset_s,
                template=templates[bars],
                looped=True,
                seed=seed,
                heard_from=number // len(plan.bars),
                notes=engine.played(Loop(bpm, bars), controls),
            )
        )
        loops.append((name, audio))
        if (number + 1) % 8 == 0 or number + 1 == len(grid):
            say(f"{number + 1} of {len(grid)} loops measured")
    rows = loop_rows(facts, held_out, plan.bars)
    spread_rows, spread = _spread(engine, plan, material, embedders(musicnn), loops, songs, compare, say)
    longest = lengths[-1]
    details = {
        "plan": asdict(plan),
        "tool": {
            "offset_ms_kicks": 1000 * offset_s,
            "floor_ms_kicks": floor_ms,
            "offset_ms_clicks": 1000 * clicks_s,
            "floor_ms_clicks": clicks_floor_ms,
            "subtracted_ms": 1000 * offset_s,
        },
        "spread": spread,
        "loops": facts,
        "held_out": held_out,
        "bar_template": templates[longest],
    }
    made = [shifted_profile(a, RATE_HZ, f.bpm, f.bars, beat=0) for (_, a), f in zip(loops, facts) if not f.silent]
    both = (np.mean(made, axis=0), np.mean(profiles[longest], axis=0)) if made and profiles[longest] else None
    return TechnoResult(rows + spread_rows, details, loops[:6], [(c.name, c.audio) for c in songs[-6:]], both)


def _deaf(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """A tracker for what is not tracked."""
    return np.zeros(0)


def _spread(
    engine: LoopMaker,
    plan: TechnoPlan,
    material: Material,
    tools: dict[str, Embedder],
    loops: Sequence[tuple[str, np.ndarray]],
    songs: Sequence[Excerpt],
    compare: Sequence[tuple[str, np.ndarray]],
    say: Report,
) -> tuple[list[Row], dict[str, Any]]:
    """Rows of diversity, Frechet distance and copies, for every embedding."""
    longest = max(plan.bars)
    known: dict[str, list[np.ndarray]] = {name: [] for name in tools}
    names = []
    for cut in material.bars("train", bars=longest, limit=plan.train_songs, seed=3):
        names.append(cut.name)
        for name, embed in tools.items():
            known[name].append(embed(cut.audio, RATE_HZ))
    if len(songs) < 4 or len(names) < 4:
        return [], {}
    seeds = [
        engine.loop(plan.spread_bpm, longest, Controls(seed=s, truncation=plan.truncation))
        for s in range(plan.spread_seeds)
    ]
    rows: list[Row] = []
    details: dict[str, Any] = {}
    for name, embed in tools.items():
        apart = [embed(c.audio, RATE_HZ) for c in songs]
        made = [embed(tiled(a, RATE_HZ), RATE_HZ) for _, a in loops]
        drawn = [embed(tiled(a, RATE_HZ), RATE_HZ) for a in seeds]
        scale = Scale.of(np.concatenate(known[name]))
        sets = {"train": known[name], "held out": apart, "made": made, "seeds": drawn}
        centre = {key: scale(np.stack([w.mean(0) for w in one])) for key, one in sets.items()}
        of_seeds, of_songs = pairwise_mean(centre["seeds"]), pairwise_mean(centre["train"])
        near, which = nearest(centre["made"], centre["train"])
        usual, _ = nearest(centre["held out"], centre["train"])
        far = frechet(np.concatenate(made), np.concatenate(apart))
        floor = split_half(apart)
        rows += [
            Row(
                f"diversity of {plan.spread_seeds} seeds against songs, {name}",
                of_seeds / of_songs,
                "",
                None,
                (">=", 0.7),
            ),
            Row(f"Frechet distance to held-out songs, {name}", far, "", floor, note="beside it: its split-half floor"),
            Row(f"nearest training song, median distance, {name}", float(np.median(near)), "", float(np.median(usual))),
            Row(f"nearest training song, smallest distance, {name}", float(near.min()), "", float(usual.min())),
            Row(
                f"nearer to a training song than any held-out song, {name}",
                100 * float(np.mean(near < usual.min())),
                "%",
            ),
        ]
        details[name] = {
            "pairwise_seeds": of_seeds,
            "pairwise_songs": of_songs,
            "frechet": far,
            "frechet_split_half": floor,
            "frechet_train": frechet(np.concatenate(made), np.concatenate(known[name])),
            "windows": [len(np.concatenate(made)), len(np.concatenate(apart))],
            "closest": [[loops[int(i)][0], names[int(which[i])], near[i]] for i in np.argsort(near)[:5]],
        }
        if compare:
            other = np.concatenate([embed(a, RATE_HZ) for _, a in compare])
            rows.append(Row(f"Frechet distance of the compared audio, {name}", frechet(other, np.concatenate(apart))))
        say(f"spread measured by {name}")
    return rows, details
