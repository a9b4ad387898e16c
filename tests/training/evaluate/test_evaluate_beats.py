"""Beats to tempo and grid errors, with beat lists whose answer is known."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluate.measures import tools
from training.evaluate.measures.beats import calibrate, drum_track, fit_beats
from training.evaluate.measures.tools import EXTRA, MissingTool, beat_tracker, finer, onset_detector, versions

BPM = st.floats(100, 180)


def grid(bpm: float, beats: int = 48) -> np.ndarray:
    return np.arange(beats) * 60 / bpm


@given(BPM, st.floats(-0.05, 0.05), st.integers(8, 90))
def test_exact_beats_have_no_error_once_the_offset_is_known(bpm: float, offset: float, beats: int) -> None:
    fit = fit_beats(grid(bpm, beats) + offset, bpm, offset)
    assert fit is not None
    assert abs(fit.tempo_error_pct) < 1e-6
    assert fit.anchored_mae_ms < 1e-6
    assert fit.phase_free_mae_ms < 1e-6
    assert not fit.off_beat


@given(BPM, st.floats(-0.03, 0.03))
def test_a_shift_is_seen_by_the_anchored_error_alone(bpm: float, shift: float) -> None:
    fit = fit_beats(grid(bpm) + shift, bpm)
    assert fit is not None
    assert fit.anchored_mae_ms == pytest.approx(1000 * abs(shift), abs=1e-6)
    assert fit.phase_free_mae_ms < 1e-6


@given(BPM, st.floats(-2, 2))
def test_tempo_error_is_signed_and_in_percent(bpm: float, error_pct: float) -> None:
    fit = fit_beats(grid(bpm * (1 + error_pct / 100)), bpm)
    assert fit is not None
    assert fit.tempo_error_pct == pytest.approx(error_pct, abs=1e-6)


@given(BPM, st.sets(st.integers(1, 46), max_size=6))
def test_left_out_beats_do_not_change_the_tempo(bpm: float, gaps: set[int]) -> None:
    fit = fit_beats(np.delete(grid(bpm), sorted(gaps)), bpm)
    assert fit is not None
    assert abs(fit.tempo_error_pct) < 1e-6


@given(BPM)
def test_counting_off_beats_is_an_error_that_eighths_forgive(bpm: float) -> None:
    fit = fit_beats(grid(bpm) + 30 / bpm, bpm)
    assert fit is not None
    assert fit.off_beat
    assert fit.anchored_mae_ms == pytest.approx(30_000 / bpm)
    assert fit.folded_mae_ms < 1e-6


def test_too_few_beats_are_no_fit() -> None:
    assert fit_beats(grid(120, 7), 120) is None
    assert fit_beats(np.zeros(0), 120) is None


def tracker(late_s: float) -> Callable[[np.ndarray, int], np.ndarray]:
    """Finds the first loud sample after 150 ms without one, and says so a little late."""

    def track(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        loud = np.flatnonzero(np.abs(audio) > 0.2 * np.abs(audio).max())
        first = np.diff(loud, prepend=-sample_rate_hz) > 0.15 * sample_rate_hz
        return loud[first] / sample_rate_hz + late_s

    return track


@pytest.mark.parametrize("kind", ["kicks", "clicks"])
@pytest.mark.parametrize("late_s", [-0.013, 0.02])
def test_calibration_finds_a_tracker_s_constant_offset(kind: str, late_s: float) -> None:
    offset, floor = calibrate(tracker(late_s), kind)
    assert offset == pytest.approx(late_s, abs=0.003)
    assert floor < 2


def test_calibration_refuses_a_tracker_that_hears_nothing() -> None:
    with pytest.raises(ValueError, match="found no beat"):
        calibrate(lambda audio, rate: np.zeros(0))


def test_drum_track_has_its_beats_on_the_grid() -> None:
    audio = drum_track(120, 4, "clicks")
    for beat in range(8):
        start = beat * 22_050
        assert np.abs(audio[start : start + 100]).max() > 0.2
        assert np.abs(audio[start - 200 : start]).max(initial=0.0) < 0.01


@given(st.floats(-0.45, 0.45))
def test_finer_finds_the_top_between_frames(shift: float) -> None:
    frames = np.arange(40)
    activation = np.exp(-0.5 * ((frames - 20 - shift) / 2.0) ** 2)
    assert finer(np.array([0.20]), activation)[0] == pytest.approx(0.20 + shift / 100, abs=3e-4)


def test_finer_never_moves_a_beat_by_more_than_half_a_frame() -> None:
    rng = np.random.default_rng(0)
    beats = rng.integers(0, 300, 50) / 100
    assert np.abs(finer(beats, rng.uniform(0, 1, 300)) - np.clip(beats, 0.01, 2.98)).max() <= 0.015


@pytest.mark.parametrize("make", [beat_tracker, onset_detector])
def test_a_missing_tool_is_one_line_that_names_the_extra(
    make: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n == "madmom" or n.startswith("madmom.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "madmom", None)
    with pytest.raises(MissingTool) as error:
        make()
    assert EXTRA in str(error.value)
    assert "\n" not in str(error.value)


def test_onsets_are_picked_as_the_detectors_own_program_picks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """madmom is no dependency of the tests; its program `CNNOnsetDetector` sets these, its class other defaults."""
    told: dict[str, float] = {}
    madmom = SimpleNamespace(CNNOnsetProcessor=lambda: None, OnsetPeakPickingProcessor=lambda **kw: told.update(kw))
    monkeypatch.setattr(tools, "tool", lambda name: madmom)
    detect = onset_detector()
    assert told == {"threshold": 0.54, "smooth": 0.05, "combine": 0.03, "pre_max": 0.01, "post_max": 0.01, "fps": 100}
    assert len(detect(np.zeros(100, np.float32), 44_100)) == 0


def test_versions_name_what_numbers_depend_on() -> None:
    assert {"python", "numpy", "scipy", "torch"} <= versions().keys()
