"""Spikes are bent, and nothing else; a level that hangs on them is reached."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.hearing.findings import Findings
from musika_daw.hearing.limits import LEVEL, broken
from pack_builder.plan.chain import PRESETS, chains_of
from pack_builder.plan.options import BuildOptions
from pack_builder.record.manifest import read_manifest
from pack_builder.render.clip import KNEE, bend, soft_clip
from pack_builder.render.finish import CEILING_DBTP, CLIP_ERROR_DB, finish, measure, true_peak
from pack_builder.run.build import build
from tests.pack_builder.pack_helpers import Silent
from tests.pack_builder.pack_stand_in import SOURCE, piano, techno

Small = Callable[..., BuildOptions]


def spiked(loop: np.ndarray, seed: int, spikes: int = 5, size_db: float = 9.0) -> np.ndarray:
    """A loop with clicks of a millisecond far above it."""
    random, wave = np.random.default_rng(seed), loop.copy()
    top = np.abs(loop).max() * 10 ** (size_db / 20)
    for at in random.integers(0, len(loop), spikes):
        click = top * np.sin(np.linspace(0, 4 * np.pi, 44)) * np.hanning(44)
        place = (at + np.arange(44)) % len(loop)
        wave[place] += click[:, None].astype(np.float32)
    return wave


def test_what_lies_below_the_knee_stays_bit_by_bit() -> None:
    wave = np.linspace(-KNEE, KNEE, 1001)
    assert np.array_equal(bend(wave), wave)
    bent = bend(np.linspace(-9, 9, 1001))
    assert np.abs(bent).max() <= 1
    assert (np.diff(bent) >= 0).all()
    quiet = techno(128, 1) * 0.6
    same, error_db = soft_clip(quiet, loops=True)
    assert same is quiet
    assert error_db == -math.inf


@given(st.integers(0, 99), st.booleans(), st.integers(64, 5000))
@settings(max_examples=30, deadline=None)
def test_only_the_neighbourhood_of_a_spike_changes(seed: int, loops: bool, frames: int) -> None:
    random = np.random.default_rng(seed)
    wave = 0.4 * random.uniform(-1, 1, (frames, 2)).astype(np.float32)
    at = int(random.integers(0, frames))
    wave[at] = 2.5
    bent, error_db = soft_clip(wave, loops)
    distance = np.abs(np.arange(frames) - at)
    if loops:
        distance = np.minimum(distance, frames - distance)
    # within the filters' reach of the spike, and of what else may pass the knee between samples
    assert np.array_equal(bent[distance > 200], wave[distance > 200])
    assert true_peak(bent, loops) < 0.7 * true_peak(wave, loops)
    assert -60 < error_db < 10


def test_a_loop_is_bent_as_it_repeats() -> None:
    loop = spiked(techno(128, 1), 1) * 1.5
    bent, _ = soft_clip(loop, loops=True)
    for shift in (1, 64, 7777):
        rolled, _ = soft_clip(np.roll(loop, shift, axis=0), loops=True)
        # bent over other blocks of the same wave: the same to far below 24 bits' last but two
        assert np.abs(np.roll(rolled, -shift, axis=0) - bent).max() < 1e-5


@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_a_level_that_hangs_on_spikes_is_reached(seed: int, loops: bool) -> None:
    raw = spiked(techno(128, 2, seed=seed) if loops else piano(6, 3, seed=seed)[0], seed)
    target_lufs = measure(finish(raw, 44100, 0.0, loops)[0], 44100, loops).loudness_lufs + 5
    held = measure(finish(raw, 44100, target_lufs, loops)[0], 44100, loops)
    assert held.loudness_lufs < target_lufs - 4.9
    samples, _, level = finish(raw, 44100, target_lufs, loops, clip_db=8.0)
    again = measure(samples, 44100, loops)
    assert again.loudness_lufs == pytest.approx(target_lufs, abs=0.2)
    assert again.true_peak_dbtp <= CEILING_DBTP + 0.01
    assert again.loudness_lufs == pytest.approx(level.loudness_lufs, abs=0.02)


def test_the_music_around_the_spikes_does_not_pump() -> None:
    """Everything more than 5 ms from a spike keeps one gain."""
    clean = techno(128, 2, seed=3) * 0.2
    raw = spiked(clean, 3, spikes=3, size_db=12)
    target_lufs = measure(finish(raw, 44100, 0.0, True)[0], 44100, True).loudness_lufs + 5
    samples, gain_db, _ = finish(raw, 44100, target_lufs, True, clip_db=8.0)
    away = np.abs(raw - clean).max(axis=1) == 0
    for shift in range(0, 221, 44):
        away &= np.roll(away, shift) & np.roll(away, -shift)
    assert away.mean() > 0.9
    np.testing.assert_allclose(samples[away], raw[away] * 10 ** (gain_db / 20), atol=1e-5)


def test_music_is_not_bent_by_more_than_a_hundredth_of_its_energy() -> None:
    raw = techno(128, 2)  # flat already: its kicks are its level
    loud = finish(raw, 44100, -3.0, True, clip_db=8.0)[0]
    plain = finish(raw, 44100, -3.0, True)[0]
    assert np.array_equal(loud, plain)
    bent, error_db = soft_clip(raw / true_peak(raw, True) * 2.5, loops=True)
    assert error_db > CLIP_ERROR_DB
    assert len(bent) == len(raw)


@pytest.mark.parametrize(
    ("findings", "lufs", "over"),
    [
        (Findings(False, 0, seam_score=0.0), -14.6, True),
        (Findings(False, 0, seam_score=0.0), -14.4, False),
        (Findings(False, 0, seam_score=0.0), -13.4, True),
        (Findings(False, 0), -14.9, False),
        (Findings(False, 0), -15.1, True),
    ],
)
def test_a_level_that_misses_its_target_is_beyond_the_limits(findings: Findings, lufs: float, over: bool) -> None:
    assert (LEVEL in broken(findings, lufs, -14.0)) == over
    assert LEVEL not in broken(findings, lufs)


def test_chains_that_bend_are_kept_in_the_manifest_and_none_stays_one_gain(small: Small) -> None:
    for preset, chains in PRESETS.items():
        assert all((chain.clip_db > 0) == (preset != "none") for chain in chains.values())
    [(_, chain)] = chains_of("clean", ("techno",))
    assert type(chain).from_json(chain.to_json()) == chain
    before = {name: value for name, value in chain.to_json().items() if name != "clip_db"}
    assert type(chain).from_json(before) == replace(chain, clip_db=0.0)  # packs from before
    options = small(finish="clean", loops_per_bpm="2", takes="1")
    build(options, Silent(), SOURCE)
    for row in read_manifest(options.place.out).rows:
        target_lufs = dict(options.finish.chains)[row.music.kind].loudness_lufs
        assert row.quality.loudness_lufs == pytest.approx(target_lufs, abs=0.5 if row.loops else 1)
        assert row.quality.true_peak_dbtp <= -1
