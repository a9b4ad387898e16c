"""Levels: the target or the ceiling, one gain, nothing else."""

import math

import numpy as np
import pyloudnorm
import pytest
from scipy.signal import sosfreqz

from musika_daw.hearing.loudness import k_weighting, loudness
from pack_builder.render.finish import CEILING_DBTP, finish, measure, true_peak
from tests.pack_builder.pack_stand_in import piano, techno


@pytest.mark.parametrize("target_lufs", [-30.0, -20.0, -12.0, 0.0])
@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("sample_rate_hz", [44100, 96000])
def test_target_or_ceiling_is_reached(target_lufs: float, loops: bool, sample_rate_hz: int) -> None:
    raw = techno(128, 1, sample_rate_hz) if loops else piano(4, 3, sample_rate_hz)[0]
    samples, gain_db, level = finish(raw, sample_rate_hz, target_lufs, loops)
    again = measure(samples, sample_rate_hz, loops)
    assert again.true_peak_dbtp <= CEILING_DBTP + 1e-3
    assert again.loudness_lufs <= target_lufs + 0.02
    assert math.isclose(again.loudness_lufs, target_lufs, abs_tol=0.02) or math.isclose(
        again.true_peak_dbtp, CEILING_DBTP, abs_tol=0.02
    )
    assert again.loudness_lufs == pytest.approx(level.loudness_lufs, abs=0.02)
    assert again.true_peak_dbtp == pytest.approx(level.true_peak_dbtp, abs=0.02)
    assert np.allclose(samples, raw * 10 ** (gain_db / 20), atol=1e-6)


def test_silence_stays_silence() -> None:
    samples, gain_db, level = finish(np.zeros((1000, 2), np.float32), 44100, -12, loops=True)
    assert not samples.any()
    assert gain_db == 0
    assert level.loudness_lufs == level.true_peak_dbtp == -math.inf


def test_a_peak_between_the_samples_is_seen() -> None:
    """A tone at a quarter of the rate, sampled 45 degrees off its peaks: 3.01 dB are hidden."""
    tone = np.sin(np.pi / 2 * np.arange(4000) + np.pi / 4).astype(np.float32)
    peak = true_peak(np.stack([tone, tone], axis=1), loops=True)
    assert np.abs(tone).max() == pytest.approx(math.sqrt(0.5), abs=1e-6)
    assert 20 * math.log10(peak) == pytest.approx(0.0, abs=0.1)


def test_the_peak_across_the_wrap_is_seen() -> None:
    tone = np.sin(np.pi / 2 * np.arange(4000) + np.pi / 4)
    samples = np.zeros((4000, 2), np.float32)
    samples[:12] = tone[:12, None]
    samples[-12:] = tone[-12:, None]
    assert true_peak(samples, loops=True) > 0.95
    assert true_peak(np.zeros((0, 2), np.float32), loops=True) == 0


@pytest.mark.parametrize("seed", range(4))
def test_the_true_peak_is_that_of_an_oversampled_wave(seed: int) -> None:
    from scipy.signal import resample_poly

    noise = np.random.default_rng(seed).standard_normal((20000, 2)) * np.linspace(1, 0.2, 20000)[:, None]
    whole = np.abs(resample_poly(noise, 4, 1, axis=0)).max()
    # (its filter makes the samples themselves 0.06 % larger)
    assert true_peak(noise.astype(np.float32), loops=False) == pytest.approx(whole, rel=1e-3)
    looped = np.abs(resample_poly(np.tile(noise[:5001], (3, 1)), 4, 1, axis=0)[4 * 5001 : 8 * 5001]).max()
    assert true_peak(noise[:5001].astype(np.float32), loops=True) == pytest.approx(looped, rel=1e-3)


def test_loudness_of_a_sine_is_that_of_the_standard() -> None:
    """BS.1770: a 997 Hz sine at 0 dBFS in one channel of two is -3.01 LUFS."""
    tone = np.sin(2 * np.pi * 997 * np.arange(48000 * 4) / 48000)
    assert loudness(np.stack([tone, 0 * tone], axis=1), 48000, loops=False) == pytest.approx(-3.01, abs=0.05)


def test_a_loop_s_loudness_does_not_depend_on_how_often_it_is_written_out() -> None:
    loop = techno(150, 1)
    assert loudness(loop, 44100, True) == pytest.approx(loudness(np.tile(loop, (4, 1)), 44100, True), abs=0.05)


def test_very_short_sounds_have_a_loudness() -> None:
    assert math.isfinite(loudness(techno(200, 1)[:2000], 44100, loops=False))


def test_the_filters_are_those_of_the_standard_and_hold_at_other_rates() -> None:
    table = [
        [1.53512485958697, -2.69169619938640, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585],
        [1, -2, 1, 1, -1.99004745483398, 0.99007225036621],
    ]
    assert np.allclose(k_weighting(48000), table, atol=1e-12)
    frequencies_hz = np.array([20, 38, 100, 1000, 1682, 4000, 10000])
    wanted = np.abs(sosfreqz(k_weighting(48000), frequencies_hz, fs=48000)[1])
    for rate in (44100, 88200, 96000):
        heard = np.abs(sosfreqz(k_weighting(rate), frequencies_hz, fs=rate)[1])
        assert np.abs(20 * np.log10(heard / wanted)).max() < 0.1


@pytest.mark.parametrize("loops", [True, False])
def test_loudness_is_that_of_another_meter(loops: bool) -> None:
    """pyloudnorm's own filter lies up to 0.08 dB below the standard's for bright sounds."""
    sound = techno(128, 2) if loops else piano(6, 3)[0]
    written_out = np.tile(sound, (6, 1)) if loops else sound
    theirs = pyloudnorm.Meter(44100).integrated_loudness(written_out.astype(np.float64))
    assert loudness(sound, 44100, loops) == pytest.approx(theirs, abs=0.1)


def test_a_loop_s_loudness_does_not_depend_on_where_it_begins() -> None:
    loop = techno(150, 1)
    rolled = [loudness(np.roll(loop, shift, axis=0), 44100, True) for shift in (0, 7777, 44100)]
    assert max(rolled) - min(rolled) < 0.05
