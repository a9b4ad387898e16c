"""Kicks: told from what swells, and tuned to the key of their piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfiltfilt

from musika_daw.hearing.settled import lasting_pitch, settled_pitch
from musika_daw.instrument.engine import Engine
from musika_daw.instrument.kick import LEAD, late_s, tuned
from musika_daw.score.controls import Controls

RATE_HZ = 44_100


def falling(end_hz: float, sweep_s: float) -> np.ndarray:
    """A hit that glides down to a frequency, `[LEAD + n, 2]`."""
    seconds = np.arange(RATE_HZ) / RATE_HZ
    phase = np.cumsum(end_hz + 200 * np.exp(-seconds / sweep_s)) / RATE_HZ
    wave = np.sin(2 * np.pi * phase) * np.exp(-seconds / 0.2)
    return np.repeat(np.concatenate([np.zeros(LEAD), wave])[:, None], 2, 1).astype(np.float32)


def from_tone(pitch: float, tonic: int) -> float:
    """Semitones from the nearer of tonic and fifth."""
    return min(abs((pitch - tonic - tone + 6) % 12 - 6) for tone in (0, 7))


@pytest.mark.parametrize(("swells_s", "strikes"), [(0.002, True), (0.008, True), (0.05, False), (0.2, False)])
def test_what_swells_is_told_from_what_strikes(swells_s: float, strikes: bool) -> None:
    time = np.arange(RATE_HZ // 2)[:, None] / RATE_HZ
    envelope = np.minimum(1, time / swells_s) * np.exp(-np.maximum(0, time - swells_s) / 0.1)
    hit = np.concatenate([np.zeros((LEAD, 1)), envelope * np.sin(2 * np.pi * 55 * time)])
    assert (late_s(np.repeat(hit, 2, 1), RATE_HZ) <= 0) == strikes


def test_silence_is_not_late() -> None:
    assert late_s(np.zeros((RATE_HZ, 2)), RATE_HZ) == 0


def semitones_up(hit: np.ndarray, played: np.ndarray) -> float:
    """By how much a hit was played faster, by where it is as soft as it is at its end."""
    return 12 * float(np.log2(len(hit[LEAD:]) / len(played[LEAD:])))


@given(st.floats(35, 90), st.floats(0.005, 0.15), st.integers(0, 11))
@settings(max_examples=40, deadline=None)
def test_a_kick_is_played_so_much_faster_that_its_longest_tone_is_in_key(hz: float, sweep_s: float, tonic: int) -> None:
    hit = falling(hz, sweep_s)
    out = tuned(hit, RATE_HZ, tonic)
    lasts = lasting_pitch(hit[LEAD:], RATE_HZ)
    assert lasts is not None
    assert from_tone(lasts + semitones_up(hit, out), tonic) < 0.02
    assert abs(semitones_up(hit, out)) < 3.51
    # it begins where it did; what rings before the first sample of a wave that is cut off is what filters do
    assert np.abs(out[: LEAD - 12]).max() < 0.02
    assert late_s(out, RATE_HZ) == pytest.approx(late_s(hit, RATE_HZ), abs=0.012)


@pytest.mark.parametrize("tonic", range(12))
def test_a_kick_that_settles_is_heard_on_tonic_or_fifth(tonic: int) -> None:
    pitch = settled_pitch(tuned(falling(52.0, 0.012), RATE_HZ, tonic)[LEAD:], RATE_HZ)
    assert pitch is not None
    assert from_tone(pitch.note + pitch.cents / 100, tonic) < 0.15


def test_a_kick_that_is_in_key_already_is_not_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musika_daw.instrument.kick.lasting_pitch", lambda *_: 33.0)
    hit = falling(55.0, 0.01)
    before = hit.copy()
    out = tuned(hit, RATE_HZ, 9)
    assert np.array_equal(out, hit)
    out[:] = 0
    assert np.array_equal(hit, before)


def test_what_has_no_low_tone_stays_as_it_is() -> None:
    noise = np.random.default_rng(3).normal(size=(20_000, 2)).astype(np.float32)
    high = np.diff(noise, 4, axis=0) * np.exp(-np.arange(len(noise) - 4) / 2000)[:, None]
    for hit in (np.zeros((8000, 2), np.float32), high.astype(np.float32)):
        assert np.array_equal(tuned(hit, RATE_HZ, 4), hit)


@pytest.mark.slow
def test_drums_follow_the_key_that_is_asked_and_no_chord_that_is_played() -> None:
    engine = Engine.load("parts")

    def drums(**asked: Any) -> np.ndarray:
        return engine.stems(128, 2, Controls(seed=3002, energy=0.95, parts=("drums",), **asked))["drums"]

    plain = drums(key="Cmin")
    # a major third down, which neither tonic nor fifth is
    other = drums(key="Abmin")
    assert np.array_equal(drums(key="Cmin", changes=((0.0, "Abm"), (4.0, "F#m"))), plain)
    low = butter(4, 120, fs=RATE_HZ, output="sos")
    deep, deeper = (sosfiltfilt(low, part.mean(1)) for part in (plain, other))
    assert np.corrcoef(deep, deeper)[0, 1] < 0.9
    high = butter(4, 6000, "highpass", fs=RATE_HZ, output="sos")
    hats, same = (sosfiltfilt(high, part.mean(1)) for part in (plain, other))
    assert np.corrcoef(hats, same)[0, 1] > 0.8
