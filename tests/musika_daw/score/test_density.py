"""Note density: chords merge, the rate counts onsets, the scale has its documented units."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.score.density import density_curve, density_of_rate, merge_onsets, onset_rate, rate_of_density

seconds = st.lists(st.floats(0, 60), max_size=60)


def exact_rate(onsets: np.ndarray, times: np.ndarray, sigma_s: float = 0.5) -> np.ndarray:
    z = (np.asarray(times)[:, None] - np.asarray(onsets)[None, :]) / sigma_s
    return np.exp(-0.5 * z**2).sum(axis=1) / (sigma_s * np.sqrt(2 * np.pi))


def test_chords_are_one_onset() -> None:
    assert merge_onsets(np.array([0.025, 0.0, 0.03, 0.031, 1.0, 1.01])).tolist() == [0.0, 0.031, 1.0]


@given(seconds)
def test_merged_onsets_are_apart_and_taken_from_the_input(onsets: list[float]) -> None:
    merged = merge_onsets(np.array(onsets))
    assert np.all(np.diff(merged) > 0.03)
    assert set(merged.tolist()) <= set(onsets)
    assert (len(merged) == 0) == (len(onsets) == 0)


@given(seconds)
def test_merging_twice_changes_nothing(onsets: list[float]) -> None:
    once = merge_onsets(np.array(onsets))
    assert merge_onsets(once).tolist() == once.tolist()


@given(seconds, st.lists(st.floats(-5, 65), min_size=1, max_size=20), st.sampled_from([0.1, 0.5, 1.0]))
def test_rate_equals_the_sum_of_gaussians(onsets: list[float], times: list[float], sigma_s: float) -> None:
    at, asked = np.array(onsets), np.array(times)
    wanted = exact_rate(at, asked, sigma_s)
    peak = 1 / (sigma_s * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(onset_rate(at, asked, sigma_s), wanted, atol=1e-4 * peak * (len(onsets) + 1))


@given(st.lists(st.floats(10, 50), min_size=1, max_size=40))
def test_rate_integrates_to_the_number_of_onsets(onsets: list[float]) -> None:
    times = np.arange(0, 60, 0.01)
    assert onset_rate(np.array(onsets), times).sum() * 0.01 == pytest.approx(len(onsets), rel=1e-3)


@pytest.mark.parametrize("rate_hz", [1.0, 4.0, 12.0])
def test_steady_onsets_have_their_rate_up_to_the_edges(rate_hz: float) -> None:
    onsets = (np.arange(int(20 * rate_hz)) + 0.5) / rate_hz
    rate = onset_rate(onsets, np.linspace(0, 20, 201), duration_s=20.0)
    np.testing.assert_allclose(rate, rate_hz, rtol=0.10)
    assert onset_rate(onsets, np.array([0.0]))[0] == pytest.approx(rate_hz / 2, rel=0.15)


def test_long_pieces_are_fast() -> None:
    rng = np.random.default_rng(0)
    onsets, times = np.sort(rng.uniform(0, 3600, 10_000)), np.sort(rng.uniform(0, 3600, 100_000))
    start = time.process_time()
    rate = onset_rate(onsets, times, duration_s=3600.0)
    assert time.process_time() - start < 5
    np.testing.assert_allclose(rate[5000:5100], exact_rate(onsets, times[5000:5100]), atol=1e-3)


@pytest.mark.parametrize(("density", "rate_hz"), [(0, 0.5), (0.25, 1.19), (0.5, 2.83), (0.75, 6.73), (1, 16)])
def test_units_are_those_of_the_table(density: float, rate_hz: float) -> None:
    assert float(rate_of_density(density)) == pytest.approx(rate_hz, rel=0.005)
    assert float(density_of_rate(rate_hz)) == pytest.approx(density, abs=0.002)


@given(st.floats(0, 1))
def test_density_and_rate_are_inverse(density: float) -> None:
    assert float(density_of_rate(rate_of_density(density))) == pytest.approx(density, abs=1e-9)


@given(st.floats(0, 200), st.floats(0, 200))
def test_density_grows_with_rate_and_stays_in_range(a: float, b: float) -> None:
    low, high = density_of_rate(np.sort([a, b]))
    assert 0 <= low <= high <= 1


def test_curve_of_silence_is_zero() -> None:
    assert density_curve(np.zeros(0), np.arange(5.0), 5.0).tolist() == [0, 0, 0, 0, 0]


def test_curve_counts_chords_once() -> None:
    beats = np.arange(0.25, 20, 0.5)
    chords = (beats[:, None] + np.array([0, 0.005, 0.012])).ravel()
    times = np.arange(0, 20, 0.1)
    np.testing.assert_allclose(density_curve(chords, times, 20.0), density_curve(beats, times, 20.0), atol=1e-9)


def test_curve_at_no_times_is_empty() -> None:
    assert density_curve(np.array([1.0]), np.zeros(0), 2.0).shape == (0,)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: merge_onsets(np.zeros(1), -1), "window_s"),
        (lambda: onset_rate(np.zeros(1), np.zeros(1), sigma_s=0), "sigma_s"),
        (lambda: onset_rate(np.zeros(1), np.zeros(1), duration_s=0), "duration_s"),
        (lambda: rate_of_density(1.2), "density"),
    ],
)
def test_arguments_out_of_range_are_named(call: Callable[[], object], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
