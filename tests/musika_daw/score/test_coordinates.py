"""Anchors, coordinates and styles are functions of position and seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.score import coordinates as place

seeds = st.integers(0, 2**64 - 1)


@given(seeds, st.floats(-1000, 100_000))
def test_a_position_has_the_same_coordinates_however_it_is_reached(seed: int, beat: float) -> None:
    alone = place.coordinates(np.array([beat]), seed, 8, 32)[0]
    among = place.coordinates(beat + np.array([-40.0, 0.0, 33.3]), seed, 8, 32)[1]
    np.testing.assert_array_equal(alone, among)


def test_coordinates_pass_through_their_anchors_on_a_straight_line() -> None:
    a, b = place.anchor(7, 3, 8), place.anchor(7, 4, 8)
    got = place.coordinates(np.array([96.0, 104.0, 128.0]), 7, 8, 32)
    np.testing.assert_allclose(got, [a, 0.75 * a + 0.25 * b, b])


def test_anchors_are_normal_and_differ_by_seed_index_and_stream() -> None:
    table = np.array([place.anchor(1, i, 64) for i in range(-50, 50)])
    assert abs(table.mean()) < 0.05
    assert table.std() == pytest.approx(1, abs=0.05)
    assert not np.allclose(place.anchor(1, 0, 64), place.anchor(2, 0, 64))
    assert not np.allclose(place.anchor(1, 0, 64), place.style(1, 64))


@given(st.floats(0, 1))
def test_a_morph_keeps_the_length_of_equal_styles(share: float) -> None:
    a, b = place.style(1, 64), place.style(2, 64)
    b = b / np.linalg.norm(b) * np.linalg.norm(a)
    assert np.linalg.norm(place.morph(a, b, share)) == pytest.approx(np.linalg.norm(a))


def test_a_morph_begins_at_one_style_and_ends_at_the_other() -> None:
    a, b = place.style(1, 16), place.style(2, 16)
    np.testing.assert_allclose(place.morph(a, b, 0), a)
    np.testing.assert_allclose(place.morph(a, b, 1), b)
    np.testing.assert_allclose(place.morph(a, a, 0.4), a)


def test_there_and_back_closes_without_a_jump() -> None:
    beats = np.arange(0, 16, 0.25)
    path = place.there_and_back(beats, 0, 16)
    assert np.abs(np.diff(np.append(path, path[0]))).max() == pytest.approx(0.25)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range_is_named(seed: int) -> None:
    with pytest.raises(ValueError, match=f"seed: {seed}, must be in"):
        place.style(seed, 4)
