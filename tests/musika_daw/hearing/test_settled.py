"""The pitch that a kick settles on: told where there is one, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from musika_daw.hearing.settled import settled_pitch


def kick(end_hz: float, sweep_s: float, decay_s: float, rate_hz: int, click: float = 0.0) -> np.ndarray:
    seconds = np.arange(round(0.8 * rate_hz)) / rate_hz
    phase = np.cumsum(end_hz + 250 * np.exp(-seconds / sweep_s)) / rate_hz
    noise = click * np.random.default_rng(2).standard_normal(len(seconds)) * np.exp(-seconds / 0.02)
    wave = np.sin(2 * np.pi * phase) * np.exp(-seconds / decay_s) + noise
    return np.stack([wave, wave], 1).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
@pytest.mark.parametrize(("hz", "name"), [(55.0, "A1"), (43.65, "F1"), (61.74, "B1"), (51.0, "Ab1")])
def test_a_kick_that_settles_has_the_note_that_it_settles_on(hz: float, name: str, rate_hz: int) -> None:
    pitch = settled_pitch(kick(hz, 0.012, 0.2, rate_hz, click=0.3), rate_hz)
    assert pitch is not None
    assert pitch.name == name
    wanted = 1200 * np.log2(hz / 440) + 6900
    assert 100 * pitch.note + pitch.cents == pytest.approx(wanted, abs=8)


@pytest.mark.parametrize("sweep_s", [0.08, 0.15, 0.3])
def test_a_kick_that_glides_all_the_way_has_none(sweep_s: float) -> None:
    assert settled_pitch(kick(45.0, sweep_s, 0.2, 44_100), 44_100) is None


def test_what_is_too_short_silent_or_noise_has_none() -> None:
    noise = np.random.default_rng(1).standard_normal((30_000, 2)).astype(np.float32)
    for sound in (kick(55, 0.01, 0.02, 44_100), np.zeros((44_100, 2)), np.zeros((0, 2)), np.ones((30, 2)), noise):
        assert settled_pitch(sound, 44_100) is None
