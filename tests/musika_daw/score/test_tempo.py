"""Beats, seconds and frames."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.score.tempo import TempoMap, TempoPoint, exact

bpms = st.fractions(min_value=30, max_value=300, max_denominator=100)
beats = st.fractions(min_value=0, max_value=100_000, max_denominator=96)


@st.composite
def tempo_maps(draw: st.DrawFn) -> TempoMap:
    count = draw(st.integers(1, 5))
    gaps = draw(st.lists(st.fractions(min_value=1, max_value=64, max_denominator=4), min_size=count, max_size=count))
    places = np.cumsum([Fraction(0), *gaps[:-1]])
    return TempoMap([TempoPoint(Fraction(b), draw(bpms), draw(st.booleans())) for b in places])


@given(bpms, beats)
def test_constant_tempo_is_exact(bpm: Fraction, beat: Fraction) -> None:
    assert TempoMap.constant(bpm).seconds(beat) == beat * 60 / bpm


def test_a_million_bars_later_the_grid_still_fits() -> None:
    tempo = TempoMap.constant(Fraction("128.37"))
    assert tempo.frame(4_000_000, 44_100) == round(Fraction(4_000_000 * 60 * 44_100) / Fraction("128.37"))


def test_a_float_means_what_is_written() -> None:
    assert exact(128.1) == Fraction(1281, 10)


@given(tempo_maps(), st.lists(st.fractions(min_value=0, max_value=300, max_denominator=16), min_size=2, max_size=6))
def test_seconds_rise_with_beats(tempo: TempoMap, places: list[Fraction]) -> None:
    ordered = sorted(set(places))
    seconds = [float(tempo.seconds(b)) for b in ordered]
    assert all(a < b for a, b in itertools.pairwise(seconds))


@given(tempo_maps(), st.lists(st.fractions(min_value=-8, max_value=300, max_denominator=16), min_size=1))
def test_beat_at_seconds_inverts_seconds(tempo: TempoMap, places: list[Fraction]) -> None:
    seconds = np.array([float(tempo.seconds(b)) for b in places])
    np.testing.assert_allclose(tempo.beat_at_seconds(seconds), [float(b) for b in places], atol=1e-6)


def test_a_ramp_takes_as_long_as_its_integral() -> None:
    tempo = TempoMap([TempoPoint(Fraction(0), Fraction(120), True), TempoPoint(Fraction(16), Fraction(140))])
    steps = np.linspace(0, 16, 200_001)
    middle = (steps[1:] + steps[:-1]) / 2
    assert float(tempo.seconds(16)) == pytest.approx(np.sum(60 / tempo.bpm_at_beats(middle) * np.diff(steps)), abs=1e-9)
    assert tempo.bpm_at(8) == 130
    assert tempo.bpm_at(100) == 140


@pytest.mark.parametrize("bpm", [0, -1, 1001])
def test_tempo_out_of_range_is_named(bpm: int) -> None:
    with pytest.raises(ValueError, match=f"bpm: {bpm}, must be in 1..1000"):
        TempoMap.constant(bpm)


def test_points_must_begin_at_zero_and_rise() -> None:
    point = TempoPoint(Fraction(1), Fraction(120))
    with pytest.raises(ValueError, match="beat 0"):
        TempoMap([point])
    with pytest.raises(ValueError, match="rise"):
        TempoMap([TempoPoint(Fraction(0), Fraction(120)), point, point])
