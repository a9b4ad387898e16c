"""The notes that `Engine.played` names are those that the generator is told when the sound is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.instrument.engine import Engine
from musika_daw.instrument.played import Bars, Loop, Take
from musika_daw.instrument.player import Player
from musika_daw.instrument.scores import check_known
from musika_daw.score.chords import progression_named
from musika_daw.score.controls import Controls
from musika_daw.score.parts import PARTS
from musika_daw.score.roll import ROLES, Notes
from musika_daw.score.tempo import TempoMap, TempoPoint

SEEDS = st.integers(0, 1 << 20)
BPM = st.fractions(60, 200, max_denominator=100)
DENSITY = st.none() | st.floats(0, 1)
CHORDS = st.sampled_from([None, "Am | F | C/E | G7", "Ebm Bb7 Cdim"])
KEYS = st.sampled_from([None, "Am", "Bbmaj"])


@contextmanager
def listening(engine: Engine) -> Iterator[set[tuple[float, ...]]]:
    """All notes that the engine plays from meanwhile, of the parts that are asked for, as rows."""
    player, score = engine.player, engine.score
    found: set[tuple[float, ...]] = set()
    assert score is not None

    def notes(
        first_s: float, stop_s: float, tempo_map: TempoMap, controls: Controls, turn: tuple[int, int] | None = None
    ) -> Notes:
        made = score.notes(first_s, stop_s, tempo_map, controls, turn)
        asked = range(len(ROLES)) if controls.parts is None else [ROLES.index(part) for part in controls.parts]
        found.update(row for row in rows_of(made) if row[4] in asked)
        return made

    engine.player = replace(player, score=replace(score, notes=notes))
    try:
        yield found
    finally:
        engine.player = player


def rows_of(notes: Notes) -> list[tuple[float, ...]]:
    """Onset, end, key, velocity and role of every note."""
    columns = (notes.onset, notes.off, notes.key, notes.velocity, notes.roles)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def same(played: Notes | None, told: set[tuple[float, ...]], start_s: float, end_s: float, speed: float = 1.0) -> bool:
    """Whether what is played is all that was told and begins within two seconds, `speed` times as long.

    Chunks are told their common notes twice, each time the same but for rounding.
    """
    assert played is not None
    assert ((played.onset >= 0) & (played.onset < (end_s - start_s) * speed)).all()
    table = np.array(sorted(told)).reshape(-1, 5)
    table = table[(table[:, 0] >= start_s - 1e-9) & (table[:, 0] < end_s - 1e-9)]
    table[:, :2] = (table[:, :2] - start_s) * speed
    one, two = (np.unique(np.round(rows, 6), axis=0) for rows in (table, np.array(rows_of(played)).reshape(-1, 5)))
    return one.shape == two.shape and bool(np.abs(one - two).max(initial=0.0) < 2e-6)


@pytest.fixture(scope="module", params=["piano", "parts"])
def engine(request: pytest.FixtureRequest, piano_model: Path, parts_model: Path) -> Engine:
    return Engine.load(piano_model if request.param == "piano" else parts_model)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it sounds like does not matter here."""
    monkeypatch.setattr(Player, "stems", lambda *_, **__: {})


def controls_of(engine: Engine, data: st.DataObject) -> Controls:
    parts: Any = None
    if engine.config.score == "parts":
        parts = data.draw(st.none() | st.lists(st.sampled_from(PARTS), min_size=1, unique=True).map(tuple))
    seed, density, key = data.draw(SEEDS), data.draw(DENSITY), data.draw(KEYS)
    chords = data.draw(CHORDS)
    return Controls(seed, style_seed=data.draw(SEEDS), density=density, key=key, parts=parts, chords=chords)


@given(data=st.data(), bpm=BPM, bars=st.sampled_from([1, 2, 4]), start_bar=st.integers(0, 40))
@settings(max_examples=20, deadline=None)
@pytest.mark.usefixtures("silent")
def test_a_loop_plays_what_its_generator_is_told(
    engine: Engine, data: st.DataObject, bpm: Fraction, bars: int, start_bar: int
) -> None:
    controls, loop = controls_of(engine, data), Loop(bpm, bars, 4 * start_bar)
    with listening(engine) as told:
        engine.loop(bpm, bars, controls, engine.sample_rate_hz, 4 * start_bar)
    frame_s = Fraction(engine.r_time, engine.sample_rate_hz)
    turn_s, length_s = float(loop.circle(frame_s)[0] * frame_s), bars * 240 / float(bpm)
    assert same(engine.played(loop, controls), told, 0.0, turn_s, length_s / turn_s)


@given(data=st.data(), seconds=st.floats(1, 20), start_s=st.sampled_from([0.0, 3.5]), bpm=st.none() | BPM)
@settings(max_examples=20, deadline=None)
@pytest.mark.usefixtures("silent")
def test_a_take_plays_what_its_generator_is_told(
    engine: Engine, data: st.DataObject, seconds: float, start_s: float, bpm: Fraction | None
) -> None:
    controls, take = controls_of(engine, data), Take(seconds, start_s, bpm)
    with listening(engine) as told:
        engine.take(seconds, controls, engine.sample_rate_hz, start_s, bpm)
    assert same(engine.played(take, controls), told, start_s, start_s + seconds)


@given(data=st.data(), start_bar=st.integers(0, 8), bars=st.integers(1, 4), bpm=BPM, later=BPM)
@settings(max_examples=10, deadline=None)
@pytest.mark.usefixtures("silent")
def test_bars_play_what_their_generator_is_told(
    engine: Engine, data: st.DataObject, start_bar: int, bars: int, bpm: Fraction, later: Fraction
) -> None:
    tempo = TempoMap([TempoPoint(Fraction(0), bpm, ramp=True), TempoPoint(Fraction(8), later)])
    controls = controls_of(engine, data)
    with listening(engine) as told:
        engine.render(4 * start_bar, 4 * bars, tempo, controls)
    start_s, end_s = (float(tempo.seconds(4 * bar)) for bar in (start_bar, start_bar + bars))
    assert same(engine.played(Bars(4 * start_bar, 4 * bars, tempo), controls), told, start_s, end_s)


def test_some_notes_are_played_and_none_by_a_model_without_a_score(engine: Engine, tiny_model: Path) -> None:
    for stretch in (Loop(128, 4), Take(20.0), Bars(0, 16, TempoMap.constant(100))):
        notes = engine.played(stretch, Controls(3, density=0.6))
        assert notes is not None
        assert len(notes) > 10
        assert Engine.load(tiny_model).played(stretch, Controls(3)) is None
    with pytest.raises(ValueError, match="key: Am, but tiny plays no score"):
        Engine.load(tiny_model).played(Loop(128, 4), Controls(key="Am"))


def test_the_parts_that_are_asked_for_are_played(parts_model: Path) -> None:
    engine = Engine.load(parts_model)
    all_of, some = (engine.played(Loop(128, 8), Controls(5, parts=parts)) for parts in (None, ("bass", "drums")))
    assert all_of is not None
    assert some is not None
    assert {ROLES[role] for role in some.roles.tolist()} == {"bass", "drums"}
    assert len(some) == int(np.isin(all_of.roles, [ROLES.index("bass"), ROLES.index("drums")]).sum())


@pytest.mark.parametrize("bpm", ["131.7", "90", "174"])
def test_kicks_lie_on_the_beats_of_the_loop(parts_model: Path, bpm: str) -> None:
    """Not on those of the circle of whole latent frames that it is made on."""
    engine = Engine.load(parts_model)
    kicks = [
        notes.onset[notes.key == 36] * float(bpm) / 60
        for seed in range(6)
        if (notes := engine.played(Loop(Fraction(bpm), 4), Controls(seed, parts=("drums",)))) is not None
    ]
    beats = np.concatenate(kicks)
    assert len(beats) > 20
    assert (np.abs(beats - np.rint(beats)) < 1e-6).mean() > 0.5


@given(start_bar=st.integers(0, 40), bars=st.integers(1, 8), seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_loop_is_on_the_chord_of_each_of_its_bars(engine: Engine, start_bar: int, bars: int, seed: int) -> None:
    text = "Am | Dm7 | C/E | E7 | Fmaj7"
    progression, controls = progression_named(text), Controls(seed, chords=text)
    notes = engine.played(Loop(120, bars, 4 * start_bar), controls)
    assert engine.key(controls) == "Amin"
    assert notes is not None
    for bar in range(bars):
        chord = progression[(start_bar + bar) % len(progression)]
        inside = notes.at((notes.onset > 2 * bar - 0.02) & (notes.onset < 2 * bar + 1.98))
        assert set((inside.of("chords").key % 12).tolist()) <= set(chord.tones)
        bass = inside.of("bass")
        assert not len(bass) or bass.key[np.argmin(bass.onset)] % 12 == chord.low


def test_chords_are_refused_by_a_model_without_a_score(tiny_model: Path) -> None:
    with pytest.raises(ValueError, match="chords: 'Am', but tiny plays no score, which would follow them"):
        Engine.load(tiny_model).loop(128, 4, Controls(chords="Am"))


def test_density_and_energy_are_refused_where_nothing_heeds_them(engine: Engine) -> None:
    assert {"density", "energy"} <= set(engine.knows)
    check_known(Controls(density=0.5, energy=np.ones_like), engine.knows, "all")
    for controls, line in (
        (Controls(density=0.5), "density: 0.5, but little knows no density"),
        (Controls(energy=np.ones_like), "energy: a curve, but little knows no energy"),
    ):
        with pytest.raises(ValueError, match=f"^{line}$"):
            check_known(controls, ("phase", "tempo"), "little")
