"""The grid of a recording of which nothing is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.hearing.grid import grid_of

RATE_HZ = 22_050


def drums(bpm: float, seconds: float, first_s: float = 0.0, seed: int = 0) -> np.ndarray:
    """Kicks on the beats, hats between them and snares on two and four, `[n, 1]`."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round((seconds + 1) * RATE_HZ))
    time_s = np.arange(RATE_HZ // 4) / RATE_HZ
    kick = np.sin(2 * np.pi * (50 * time_s + 6 * (1 - np.exp(-time_s * 40)))) * np.exp(-time_s * 12)
    noise = rng.standard_normal(len(time_s))
    for half in range(int((seconds - first_s) * bpm / 30) + 1):
        at = round((first_s + half * 30 / bpm) * RATE_HZ)
        sound = kick if half % 2 == 0 else 0.2 * noise * np.exp(-time_s * 80)
        if half % 4 == 2:
            sound = sound + 0.4 * noise * np.exp(-time_s * 20)
        out[at : at + len(sound)] += sound
    return out[: round(seconds * RATE_HZ), None].astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(bpm=st.floats(90, 170), first_s=st.floats(0, 0.3))
def test_tempo_and_first_beat_of_drums_are_heard(bpm: float, first_s: float) -> None:
    grid = grid_of(drums(bpm, 20, first_s), RATE_HZ)
    assert grid is not None
    assert grid.bpm == pytest.approx(bpm, rel=0.003)
    if not grid.loops:
        off_beats = (grid.first_s - first_s) * grid.bpm / 60
        assert abs(off_beats - round(off_beats)) < 0.06


@pytest.mark.parametrize(("bpm", "bars"), [(126, 4), (97.5, 8), (150, 2)])
def test_the_length_of_a_loop_is_its_tempo(bpm: float, bars: int) -> None:
    grid = grid_of(drums(bpm, bars * 240 / bpm), RATE_HZ)
    assert grid is not None
    assert grid.loops
    assert grid.bpm == pytest.approx(bpm, rel=1e-5)
    assert grid.first_s == 0


def test_what_has_no_beat_has_no_grid() -> None:
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((12 * RATE_HZ, 2)).astype(np.float32)
    tone = np.sin(2 * np.pi * 220 * np.arange(12 * RATE_HZ) / RATE_HZ)[:, None].astype(np.float32)
    now_and_then = np.zeros((12 * RATE_HZ, 1), np.float32)
    for at in rng.integers(0, 11 * RATE_HZ, 25):
        now_and_then[at : at + 400, 0] += rng.standard_normal(400).astype(np.float32)
    for sound in (noise, tone, now_and_then, np.zeros((12 * RATE_HZ, 2), np.float32), noise[:100]):
        assert grid_of(sound, RATE_HZ) is None
