"""Notes are drawn by position, obey density and stay in their chords; the roll says what sounds when."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.score import harmony, roll, score
from musika_daw.score.controls import Controls
from musika_daw.score.density import density_curve, rate_of_density
from musika_daw.score.playing import span_notes, span_roll, wandering_density, written_key
from musika_daw.score.roll import Notes
from musika_daw.score.tempo import TempoMap, TempoPoint

TEMPO = TempoMap.constant(120)
RAMP = TempoMap([TempoPoint(Fraction(0), Fraction(90), True), TempoPoint(Fraction(32), Fraction(150))])
FRAME_S = 2048 / 44_100
seeds = st.integers(0, 2**64 - 1)


def rows(notes: Notes) -> np.ndarray:
    return np.stack([notes.onset, notes.off, notes.key, notes.velocity], 1)


def inside(notes: Notes, first_s: float, stop_s: float) -> np.ndarray:
    table = rows(notes)
    return table[(table[:, 0] >= first_s) & (table[:, 0] < stop_s)]


@given(seeds, st.floats(0, 300), st.floats(0.1, 20), st.sampled_from([TEMPO, RAMP]))
@settings(max_examples=25, deadline=None)
def test_the_same_bars_hold_the_same_notes_however_they_are_reached(
    seed: int, first_s: float, length_s: float, tempo: TempoMap
) -> None:
    controls = Controls(seed)
    alone = span_notes(first_s, first_s + length_s, tempo, controls)
    among = span_notes(max(0.0, first_s - 11), first_s + length_s + 5, tempo, controls)
    np.testing.assert_array_equal(
        inside(alone, first_s, first_s + length_s), inside(among, first_s, first_s + length_s)
    )


@pytest.mark.parametrize("density", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_density_is_obeyed(density: float) -> None:
    for seed in range(4):
        notes = span_notes(0, 60, TEMPO, Controls(seed, density=density))
        times = np.arange(2, 58, 0.1)
        measured = density_curve(notes.onset[notes.onset >= 0], times).mean()
        assert measured == pytest.approx(density, abs=0.04)


def test_a_density_curve_is_followed() -> None:
    asked = lambda seconds: 0.5 + 0.35 * np.sin(np.asarray(seconds) / 4)  # noqa: E731
    notes = span_notes(0, 60, TEMPO, Controls(5, density=asked))
    times = np.arange(2, 58, 0.1)
    assert np.corrcoef(density_curve(notes.onset[notes.onset >= 0], times), asked(times))[0, 1] > 0.95


@given(seeds, st.integers(-50, 50), st.floats(0.05, 0.9))
@settings(max_examples=30, deadline=None)
def test_more_density_adds_onsets_to_those_that_were_there(seed: int, bar: int, density: float) -> None:
    piece = score.piece_of(seed)
    few = score.bar_notes(seed, piece, bar, 2.0, density=np.full(32, density), energy=None)
    many = score.bar_notes(seed, piece, bar, 2.0, density=np.full(32, density + 0.1), energy=None)
    # a note is late by up to 20 ms, and a chord is spread over as much
    slots = [set(np.round((notes.onset - 0.028) * 8).astype(int)) for notes in (few, many)]
    assert slots[0] <= slots[1]


def test_no_density_is_silence_and_none_wanders() -> None:
    assert len(span_notes(0, 20, TEMPO, Controls(1, density=0.0))) == 0
    curve = wandering_density(3, np.arange(0, 600, 1.0))
    assert curve.min() >= 0.2
    assert curve.max() <= 0.9
    assert 0.45 < curve.mean() < 0.75
    np.testing.assert_array_equal(curve[100:110], wandering_density(3, np.arange(100, 110, 1.0)))


@given(seeds, st.floats(30, 240), st.floats(0.02, 1))
@settings(max_examples=30, deadline=None)
def test_notes_can_be_played(seed: int, bpm: float, density: float) -> None:
    notes = span_notes(0, 10, TempoMap.constant(bpm), Controls(seed, density=density))
    assert len(notes)
    assert (notes.off > notes.onset).all()
    assert notes.key.min() >= roll.LOWEST_KEY
    assert notes.key.max() <= roll.HIGHEST_KEY
    assert notes.velocity.min() > 0
    assert notes.velocity.max() <= 1


def test_a_loop_s_bars_come_again() -> None:
    tempo = TempoMap.constant(100)
    turn_s = 4 * 4 * 0.6
    notes = span_notes(-turn_s, 2 * turn_s, tempo, Controls(4), (8, 4))
    first, second = inside(notes, 0, turn_s), inside(notes, turn_s, 2 * turn_s)
    np.testing.assert_allclose(first[:, 0] + turn_s, second[:, 0], atol=1e-9)
    np.testing.assert_array_equal(first[:, 2:], second[:, 2:])


def test_energy_is_how_hard_keys_are_struck() -> None:
    soft, loud = (span_notes(0, 20, TEMPO, Controls(2, energy=e)).velocity.mean() for e in (0.1, 0.9))
    assert loud > soft + 0.2


def test_a_morph_changes_the_key_half_way() -> None:
    a, b = Controls(2, style_seed=1), Controls(2, style_seed=5)
    assert score.piece_of(1).key != score.piece_of(5).key
    near = span_notes(0, 8, TEMPO, replace(a, morph_seed=5, morph=0.4))
    far = span_notes(0, 8, TEMPO, replace(a, morph_seed=5, morph=0.6))
    np.testing.assert_array_equal(rows(near), rows(span_notes(0, 8, TEMPO, a)))
    np.testing.assert_array_equal(rows(far), rows(span_notes(0, 8, TEMPO, b)))
    names = [written_key(controls) for controls in (a, replace(a, morph_seed=5, morph=0.6), b)]
    assert names[0] != names[1] == names[2]


@pytest.mark.parametrize("seed", range(5))
def test_the_key_that_is_told_is_that_of_the_notes(seed: int) -> None:
    name = written_key(Controls(3, style_seed=seed))
    minor, tonic = name.endswith("min"), harmony.NOTES.index(name[:-3])
    scale = {(tonic + step) % 12 for step in (harmony.MINOR if minor else harmony.MAJOR)}
    leading = {(tonic + 11) % 12} if minor else set()  # of the dominant
    played = span_notes(0, 30, TEMPO, Controls(3, style_seed=seed, density=0.5)).key % 12
    assert np.isin(played, list(scale | leading)).all()


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_a_progression_fills_its_phrase_with_chords_of_the_key(seed: int) -> None:
    rng = np.random.default_rng(seed)
    key = harmony.draw_key(rng)
    progression = harmony.draw_progression(rng, key, 0.5)
    starts = [start for start, _ in progression]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert starts[-1] < harmony.SLOTS_PER_PHRASE
    allowed = {*key.scale.tolist(), (key.tonic + 11) % 12}
    assert all(set(chord.tones) <= allowed and chord.root == chord.tones[0] for _, chord in progression)


def test_most_strong_notes_belong_to_the_key() -> None:
    for seed in range(5):
        scale = score.piece_of(seed).key.scale
        notes = span_notes(0, 60, TEMPO, Controls(seed))
        assert np.isin(notes.key % 12, scale).mean() > 0.9


def test_slots_leave_room_for_the_densest_bar() -> None:
    for bar_s in (0.5, 2.0, 2.1, 4.0, 12.0):
        assert score.slots_per_bar(bar_s) >= rate_of_density(1.0) * bar_s
    assert score.slots_per_bar(2.0) == 32


def test_a_strike_s_share_says_where_in_its_frame_it_falls() -> None:
    notes = Notes(np.array([3.25]), np.array([8.0]), np.array([60]), np.array([0.8]))
    told = roll.roll(notes, 12, FRAME_S)
    column = 60 - roll.LOWEST_KEY
    assert told.shape == (12, roll.CHANNELS)
    assert told[3, column] == pytest.approx(0.6)
    assert told[3, roll.KEYS + column] == pytest.approx(0.2)
    sounding = told[:, 2 * roll.KEYS + column]
    assert not sounding[:4].any()
    assert not sounding[8:].any()
    assert (np.diff(sounding[4:8]) < 0).all()
    assert 0.7 < sounding[4] < 0.8


def test_a_string_struck_again_stops_sounding_as_it_did() -> None:
    twice = Notes(np.array([0.0, 4.0]), np.array([20.0, 20.0]), np.array([50, 50]), np.array([0.9, 0.1]))
    sounding = roll.roll(twice, 10, FRAME_S)[:, 2 * roll.KEYS + 29]
    assert sounding[3] > 0.5 > 0.15 > sounding[5]


def test_a_roll_of_a_part_is_part_of_the_roll() -> None:
    notes = span_notes(0, 30, TEMPO, Controls(3))
    index = np.arange(0, 600)
    whole = span_roll(notes, index, FRAME_S)
    near = span_notes(300 * FRAME_S, 400 * FRAME_S, TEMPO, Controls(3))
    np.testing.assert_allclose(span_roll(near, index[300:400], FRAME_S), whole[300:400], atol=1e-6)


@given(st.integers(0, 2**64 - 1), st.sampled_from(["C", "Ebm", "F#maj", "10A"]))
@settings(max_examples=20)
def test_a_take_is_written_in_the_key_that_is_asked(seed: int, key: str) -> None:
    controls, wanted = Controls(seed=seed, key=key), harmony.key_named(key)
    assert written_key(controls) == wanted.name
    played = span_notes(0.0, 20.0, TempoMap.constant(90), controls).key % 12
    # a cadence may have a leading tone, all else is of the scale
    own = np.isin(played, [*wanted.scale, (wanted.tonic + 11) % 12])
    assert own.all()
    assert np.isin(played, wanted.scale).mean() > 0.8
