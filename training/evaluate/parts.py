"""`evaluate parts`: raw loops of a model that plays a score of parts, held against that score.

```
Engine.stems -> their sum -> crest, kicks, key, width     Engine.played -> the notes, as reference
             -> each      -> chroma of its notes, leaks, drum onsets
             -> lines rendered with no drums at all -> what they do by themselves, as reference of the leaks
```
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from musika_daw.hearing.key import chroma as pitch_classes
from musika_daw.hearing.key import key_fits
from musika_daw.hearing.spectra import rms_db
from musika_daw.instrument.engine import Engine
from musika_daw.instrument.played import Loop
from musika_daw.score.controls import Controls
from musika_daw.score.harmony import key_named, relative_of
from musika_daw.score.roll import ROLES, Notes
from training.evaluate.measures.harmony import agreement, chroma, told_chroma
from training.evaluate.measures.keys import PROFILES, KeyFinder
from training.evaluate.measures.pitch import IN_TUNE_CENTS, cents_off
from training.evaluate.measures.punch import crest_db
from training.evaluate.measures.stems import drum_onsets_s, heard_onsets_s, kick_agreement, leaks_db, onset_f
from training.evaluate.report import Row

RATE_HZ = 44_100
REFERENCE = "the notes alone, or without drums"
_QUIET_DB = -60.0  # below it a part rests


@dataclass(frozen=True)
class PartsPlan:
    """What to render: a loop of so many bars of each seed, tempi in turn."""

    bpms: tuple[float, ...] = (124.0, 128.0, 132.0, 140.0)
    seeds: tuple[int, ...] = tuple(range(16))
    bars: int = 8
    energy: float = 0.95


@dataclass(frozen=True)
class PartsFacts:
    """What is measured on one loop; NaN where there was nothing to measure it on."""

    name: str
    crest_db: float
    kicks: float
    side_db: float
    key: str
    key_heard: str
    key_of_notes: str
    told: dict[str, float]
    bass_cents: tuple[float, ...]
    leaks_db: dict[str, float]
    own_rises_db: dict[str, float]
    keys_found: dict[str, str]
    drums_f: float
    real_time: float

    @property
    def in_key(self) -> bool:
        """Whether the key that was meant or its relative is heard."""
        return _akin(self.key_heard, self.key)

    @property
    def written_in_key(self) -> bool:
        """Whether the same finder, told the notes, finds it."""
        return _akin(self.key_of_notes, self.key)


def evaluate_parts(
    engine: Engine, plan: PartsPlan, report: Callable[[str], None] | None = None, find_keys: KeyFinder | None = None
) -> tuple[list[Row], dict[str, Any], list[tuple[str, np.ndarray]]]:
    """Rows of the table, facts of every loop, and the loops; `find_keys` is a finder of others beside our own.

    ValueError for a model without parts."""
    if not engine.parts:
        raise ValueError(f"model: {engine.name!r}, must play a score of parts")
    facts, loops = [], []
    for number, seed in enumerate(plan.seeds):
        bpm = plan.bpms[number % len(plan.bpms)]
        fact, mix = measure_parts(engine, bpm, plan.bars, Controls(seed=seed, energy=plan.energy), find_keys)
        facts.append(fact)
        loops.append((fact.name, mix))
        if report and ((number + 1) % 4 == 0 or number + 1 == len(plan.seeds)):
            report(f"{number + 1} of {len(plan.seeds)} loops measured")
    return rows_of(facts), {"plan": asdict(plan), "loops": facts}, loops


def measure_parts(
    engine: Engine, bpm: float, bars: int, controls: Controls, find_keys: KeyFinder | None = None
) -> tuple[PartsFacts, np.ndarray]:
    """Facts of one loop, and its sound `[n, 2]`."""
    begun = time.perf_counter()
    stems = engine.stems(bpm, bars, controls)
    took_s = time.perf_counter() - begun
    notes = engine.played(Loop(bpm, bars), controls)
    assert notes is not None
    mix = sum(stems.values(), np.zeros((round(bars * 240 / bpm * RATE_HZ), 2), np.float32))
    lines = {role: stem for role, stem in stems.items() if role != "drums" and rms_db(stem) > _QUIET_DB}
    told = {role: _told(stem, notes.at(notes.roles == ROLES.index(role))) for role, stem in lines.items()}
    told["mix"] = _told(mix, notes)
    bass = lines.get("bass")
    cents = [] if bass is None else cents_off(bass, notes.of("bass"), RATE_HZ).tolist()
    drums = stems.get("drums")
    leaks: dict[str, float] = {}
    rises: dict[str, float] = {}
    if drums is not None and lines:
        # lines are rendered without knowing of drums, so most of what rises beside a hit is their own: a filter opens,
        # an echo comes back
        alone = engine.stems(bpm, bars, replace(controls, parts=tuple(lines)))
        leaks, rises = (
            {role: max(found) for role in lines if len(found := leaks_db(stem[role], drums, notes, role, RATE_HZ))}
            for stem in (lines, alone)
        )
    side, middle = mix[:, 0] - mix[:, 1], mix[:, 0] + mix[:, 1]
    fact = PartsFacts(
        f"{bpm:g} bpm, seed {controls.seed}",
        crest_db(mix),
        kick_agreement(mix, notes, RATE_HZ),
        rms_db(side) - rms_db(middle),
        engine.key(controls) or "",
        _best(pitch_classes(mix, RATE_HZ)[0]),
        _best(_written(notes)),
        told,
        tuple(cents),
        leaks,
        rises,
        {} if find_keys is None else find_keys(mix),
        float("nan") if drums is None else onset_f(heard_onsets_s(drums, RATE_HZ), drum_onsets_s(notes)),
        len(mix) / RATE_HZ / took_s,
    )
    return fact, mix


def rows_of(facts: Sequence[PartsFacts]) -> list[Row]:
    """The table of many loops."""
    crests = [fact.crest_db for fact in facts]
    keys = [fact for fact in facts if fact.key_of_notes]
    rows = [
        Row("crest, median", _median(crests), "dB", None, ("<=", 14)),
        Row("crest, highest", max(crests), "dB"),
        Row(
            "30..120 Hz waves of any two kicks, median of loops",
            _median([f.kicks for f in facts]),
            "",
            None,
            (">=", 0.95),
        ),
        Row(
            "key heard is the key meant or its relative",
            _share([fact.in_key for fact in keys]),
            "%",
            _share([fact.written_in_key for fact in keys]),
            (">=", 85),
            "Krumhansl and Kessler",
        ),
    ]
    for profile in PROFILES:
        found = [_akin(fact.keys_found[profile], fact.key) for fact in keys if profile in fact.keys_found]
        if found:
            name = f"key heard is the key meant or its relative, essentia's {profile}"
            rows.append(Row(name, _share(found), "%", None, (">=", 85), f"{len(found)} loops"))
    for role in ("chords", "lead", "bass", "mix"):
        told = [fact.told[role] for fact in facts if role in fact.told]
        rows.append(
            Row(f"told notes against heard chroma, {role}", _median(told), "", None, None, f"{len(told)} loops")
        )
    cents = np.abs([off for fact in facts for off in fact.bass_cents])
    rows.append(
        Row(
            f"low notes of the bass within {IN_TUNE_CENTS:g} cents",
            _share([bool(off <= IN_TUNE_CENTS) for off in cents]),
            "%",
            None,
            (">=", 95),
            f"{len(cents)} notes",
        )
    )
    rows.append(Row("drum onsets found, F, median", _median([fact.drums_f for fact in facts]), "", None, (">=", 0.9)))
    for role in ("bass", "lead", "chords"):
        leaks, rises = (
            max((found[role] for found in all_found if role in found), default=None)
            for all_found in ([fact.leaks_db for fact in facts], [fact.own_rises_db for fact in facts])
        )
        rows.append(Row(f"drums heard in {role}, loudest", leaks, "dB", rises, ("<=", -30)))
    rows.append(Row("width: side against middle, median", _median([fact.side_db for fact in facts]), "dB"))
    rows.append(Row("rendered, times real time, median", _median([fact.real_time for fact in facts])))
    return rows


def _told(stem: np.ndarray, notes: Notes) -> float:
    frames = notes.scaled(RATE_HZ)
    return agreement(told_chroma(frames, len(stem), RATE_HZ), chroma(stem, RATE_HZ))


def _written(notes: Notes) -> np.ndarray:
    """Pitch classes of notes, as long and loud as they are, `[12]`."""
    pitched = notes.at(notes.roles != ROLES.index("drums"))
    return np.bincount(pitched.key.astype(int) % 12, (pitched.off - pitched.onset) * pitched.velocity, 12)


def _best(classes: np.ndarray) -> str:
    if not classes.any():
        return ""
    fits = key_fits(classes)
    return max(fits, key=lambda name: fits[name])


def _akin(heard: str, meant: str) -> bool:
    if not heard or not meant:
        return False
    name = key_named(meant).name
    return heard in (name, relative_of(name))


def _median(values: Sequence[float]) -> float | None:
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else None


def _share(tests: Sequence[bool]) -> float | None:
    return 100 * float(np.mean(tests)) if tests else None
