"""The sampled piano: zones, layers, pitch and attacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.corpus.piano.sampler import Sampler
from training.corpus.piano.sfz import find_sfz, read_sfz

RATE_HZ = 44_100


def pitch_hz(audio: np.ndarray, near_hz: float) -> float:
    mono = audio.mean(axis=1)[1000:40_000]
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), 1 << 19))
    hz = np.arange(len(spectrum)) * RATE_HZ / (1 << 19)
    band = (hz > near_hz * 0.9) & (hz < near_hz * 1.1)
    return float(hz[band][np.argmax(spectrum[band])])


def test_sfz_defines_includes_and_scopes_are_read(samples: Path) -> None:
    regions = read_sfz(find_sfz(samples))
    assert len(regions) == 8
    assert {r.velocity_high for r in regions} == {64, 127}
    assert all(r.sample.exists() for r in regions)
    assert {r.cutoff_hz for r in regions if r.velocity_high == 64} == {8000.0}
    assert {r.cutoff_hz for r in regions if r.velocity_high == 127} == {None}
    assert {r.key_center for r in regions if r.release_s == 10} == {100}


def test_sfz_reads_note_names_and_offsets(tmp_path: Path) -> None:
    path = tmp_path / "x.sfz"
    path.write_text("<group> key=c4 offset=12 <region> sample=a b.wav volume=-3 <region> key=f#3 sample=c.wav\n")
    first, second = read_sfz(path)
    assert (first.key_low, first.key_high, first.key_center, first.offset_frames) == (60, 60, 60, 12)
    assert (first.sample.name, first.gain_db) == ("a b.wav", -3)
    assert second.key_center == 54


def test_folder_without_sfz_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds 0 \.sfz files"):
        Sampler(tmp_path)


def test_sfz_without_regions_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.sfz").write_text("<global> volume=1\n")
    with pytest.raises(ValueError, match=r"x\.sfz', holds no region"):
        Sampler(tmp_path)


@pytest.mark.parametrize("key", [30, 36, 59, 60, 66, 71, 84, 90])
@pytest.mark.parametrize("layer", [0, 1])
def test_every_key_has_its_pitch(sampler: Sampler, key: int, layer: int) -> None:
    wanted = 440 * 2 ** ((key - 69) / 12)
    cents = 1200 * np.log2(pitch_hz(sampler.voice(key, layer).audio, wanted) / wanted)
    assert abs(cents) < 1.5


@pytest.mark.parametrize("key", [36, 55, 60, 100])
@pytest.mark.parametrize("layer", [0, 1])
def test_voice_begins_at_once_and_ends_in_silence(sampler: Sampler, key: int, layer: int) -> None:
    audio = sampler.voice(key, layer).audio
    level = np.abs(audio).max(axis=1)
    assert np.argmax(level > 0.02 * level.max()) < 0.001 * RATE_HZ
    assert level[0] < 1e-3
    assert level[-10:].max() < 1e-4


def test_stereo_is_as_sampled(sampler: Sampler) -> None:
    audio = sampler.voice(60, 1).audio
    np.testing.assert_allclose(audio[:, 1], 0.7 * audio[:, 0], atol=2e-4)


def test_voices_are_kept(sampler: Sampler) -> None:
    assert sampler.voice(61, 0) is sampler.voice(61, 0)


@given(st.floats(1, 127), st.floats(-6, 6))
def test_crossover_has_constant_power(sampler: Sampler, velocity: float, shift: float) -> None:
    shares = sampler.layers_of(velocity, 4.0, shift)
    assert sum(gain**2 for _, gain in shares) == pytest.approx(1)
    assert len(shares) <= 2


def test_crossover_goes_from_soft_to_loud(sampler: Sampler) -> None:
    assert sampler.layers_of(30, 4.0) == [(0, 1.0)]
    assert sampler.layers_of(100, 4.0) == [(1, 1.0)]
    assert len(sampler.layers_of(64.5, 4.0)) == 2
