"""The downbeat from energy by sixteenth."""

from __future__ import annotations

import numpy as np
import pytest

from musika_daw.hearing.bar import FEATURES, POSITIONS, bar_profile, downbeat, fit_template, rotations, shifted_profile

RATE_HZ = 22_050


def bar_song(bpm: float, seed: int, bars: int = 4, first_beat: int = 0) -> np.ndarray:
    """Kicks on the beats, claps on 2 and 4, another chord on every bar; `first_beat` is where the bar begins."""
    rng = np.random.default_rng(seed)
    out = rng.normal(0, 1e-3, round(bars * 240 / bpm * RATE_HZ))
    time = np.arange(int(0.2 * RATE_HZ)) / RATE_HZ
    kick = np.sin(2 * np.pi * 55 * time) * np.exp(-time / 0.08)
    clap = rng.normal(0, 0.3, len(time)) * np.exp(-time / 0.05)
    beat_frames = 60 / bpm * RATE_HZ
    for beat in range(bars * 4):
        start, place = round(beat * beat_frames), (beat - first_beat) % 4
        part = out[start : start + len(time)]
        part += (kick + (clap if place % 2 else 0))[: len(part)]
        note = 220 * 2 ** (((beat - first_beat) // 4 * 5 % 12) / 12)
        tone = out[start : round((beat + 1) * beat_frames)]
        tone += 0.2 * np.sin(2 * np.pi * note * np.arange(len(tone)) / RATE_HZ)
    return np.repeat(out[:, None], 2, 1).astype(np.float32)


@pytest.fixture(scope="module")
def template() -> np.ndarray:
    bpms = [118.0 + 3 * s for s in range(12)]
    return fit_template([shifted_profile(bar_song(b, s), RATE_HZ, b, 4, beat=s) for s, b in enumerate(bpms)])


@pytest.mark.parametrize("heard_from", [0, 1, 2, 3])
def test_from_which_beat_a_file_is_heard_does_not_matter(template: np.ndarray, heard_from: int) -> None:
    for first in (0, 2):
        audio = bar_song(127, 50, bars=5, first_beat=first)
        assert downbeat(shifted_profile(audio, RATE_HZ, 127, 5, beat=heard_from), template) == first


@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_the_beat_on_which_the_bar_begins_is_found(template: np.ndarray, shift: int) -> None:
    audio = bar_song(131.7, 99, first_beat=shift)
    assert downbeat(bar_profile(audio, RATE_HZ, 131.7), template) == shift


def test_a_profile_is_standardised_and_deaf_to_level() -> None:
    audio = bar_song(140, 1)
    profile = bar_profile(audio, RATE_HZ, 140)
    assert profile.shape == (POSITIONS, FEATURES)
    assert np.allclose(profile.mean(0), 0, atol=1e-9)
    assert np.allclose(profile, bar_profile(0.1 * audio, RATE_HZ, 140), atol=1e-3)


def test_kicks_stand_on_the_beats() -> None:
    low = bar_profile(bar_song(125, 3), RATE_HZ, 125)[:, 0]
    assert low[::4].min() > np.delete(low, np.arange(0, 16, 4)).max()


def test_rotations_begin_at_each_beat() -> None:
    profile = np.arange(16 * FEATURES, dtype=float).reshape(16, FEATURES)
    turned = rotations(profile)
    assert turned.shape == (4, 16, FEATURES)
    assert [t[0, 0] for t in turned] == [profile[4 * b, 0] for b in range(4)]


def test_less_than_a_bar_and_too_few_songs_are_refused() -> None:
    with pytest.raises(ValueError, match="must hold a bar"):
        bar_profile(np.zeros((1000, 2), np.float32), RATE_HZ, 120)
    with pytest.raises(ValueError, match="at least 8"):
        fit_template([np.zeros((16, FEATURES))] * 7)
