"""Chunks, resampling, cache, interpolation and clocks: the parts under the player."""

from __future__ import annotations

import errno
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.host.play.cache import SHARED_FOLDER, ChunkCache
from musika_daw.host.play.click import ClickRenderer
from musika_daw.host.play.device_clock import DeviceClock
from musika_daw.host.play.effects import EffectChain, parse_effect
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.interpolate import MARGIN, Interpolator
from musika_daw.host.play.piece import CHUNK_FRAMES, Piece, chunk_of
from musika_daw.host.play.render import ChunkRenderer, load_renderer
from musika_daw.host.play.resample import PositionResampler
from musika_daw.score.controls import Controls
from tests.host.playing import NoiseRenderer

DB_90 = 10 ** (-90 / 20)


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 22_050])
def test_a_chunk_is_the_same_whichever_run_it_was_rendered_in(noise: NoiseRenderer, rate: int) -> None:
    chunks = ChunkRenderer(type(noise)(44_100))
    piece = Piece(Fraction(1283, 10), Controls(), rate)
    together = chunks.chunks(piece, -2, 6)
    alone = chunks.chunks(piece, 1, 1)
    part = together[:, 3 * CHUNK_FRAMES : 4 * CHUNK_FRAMES]
    assert together.shape == (2, 6 * CHUNK_FRAMES)
    assert np.abs(part - alone).max() < DB_90


def test_the_engine_gives_the_same_chunk_in_any_run(tiny_model: Path) -> None:
    chunks = ChunkRenderer(load_renderer(str(tiny_model)))
    piece = Piece(Fraction(120), Controls(seed=3), 48_000)
    together, alone = chunks.chunks(piece, 4, 3), chunks.chunks(piece, 5, 1)
    part = together[:, CHUNK_FRAMES : 2 * CHUNK_FRAMES]
    assert np.abs(part - alone).max() < DB_90 * np.abs(part).max()


@given(f_hz=st.floats(100, 19_000), first=st.integers(-50_000, 50_000), rate=st.sampled_from([48_000, 88_200, 32_000]))
@settings(max_examples=20, deadline=None)
def test_a_tone_is_resampled_to_the_tone(f_hz: float, first: int, rate: int) -> None:
    if f_hz > 0.45 * rate:
        f_hz = 0.4 * rate
    resampler = PositionResampler(44_100, rate)
    start, stop = resampler.source_span(first, first + 500)
    source = np.sin(2 * np.pi * f_hz * np.arange(start, stop) / 44_100)[:, None].astype(np.float32)
    want = np.sin(2 * np.pi * f_hz * np.arange(first, first + 500) / rate)
    assert np.abs(resampler(source, first, first + 500)[:, 0] - want).max() < 1e-4


def test_rates_and_tempi_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match=r"from_hz, to_hz: 0, 48000, must be at least 1"):
        PositionResampler(0, 48_000)
    with pytest.raises(ValueError, match=r"bpm: 1001, must be in 1\.\.1000"):
        Piece(Fraction(1001), Controls(), 48_000)
    with pytest.raises(ValueError, match=r"sample_rate_hz: 7, must be in"):
        Piece(Fraction(100), Controls(), 7)


def test_clicks_lie_on_exact_frames() -> None:
    from musika_daw.score.tempo import TempoMap

    renderer = ClickRenderer(48_000)
    tempo = TempoMap.constant(127.3)
    audio = renderer.render(Fraction(-3, 2), 12, tempo)[:, 0]
    first = tempo.frame(Fraction(-3, 2), 48_000)
    for beat in range(-1, 10):
        at = tempo.frame(beat, 48_000) - first
        assert abs(audio[at]) > 0.3
        assert audio[at - 1] == 0 or abs(audio[at - 1]) < 1e-3
    assert load_renderer("click").name == "click"


def test_frames_and_beats_are_inverse() -> None:
    piece = Piece(Fraction(120), Controls(), 48_000)
    assert piece.frame_at(8) == 192_000
    assert piece.beat_at(piece.frame_at(-3.25)) == -3.25
    assert [chunk_of(f) for f in (-1, 0, CHUNK_FRAMES - 0.5, CHUNK_FRAMES)] == [-1, 0, 0, 1]


def _filled(cache: ChunkCache, piece: Piece, chunks: range) -> None:
    generation = cache.generation(piece)
    for chunk in chunks:
        (slot,) = cache.claim(1, lambda g, c: 0.5)
        cache.views[slot].fill(chunk)
        cache.publish(generation, chunk, slot)


def test_the_cache_gives_up_what_is_wanted_least_and_only_after_a_rest() -> None:
    played = [0]
    cache = ChunkCache(8, blocks_played=lambda: played[0])
    piece = Piece(Fraction(120), Controls(), 48_000)
    _filled(cache, piece, range(8))
    generation = cache.generation(piece)
    assert cache.claim(2, lambda g, c: 1.0) == []
    assert cache.claim(2, lambda g, c: 0.1 if c in (3, 5) else 0.9) == []  # they rest
    assert generation.has(0, 2)
    assert not generation.has(3, 3)
    played[0] = 2
    slots = cache.claim(2, lambda g, c: 1.0)
    assert len(slots) == 2
    cache.publish(generation, 3, slots[0])
    cache.release(slots[1:])
    assert 3 in generation.chunks
    cache.drop(generation)
    assert not cache.generations
    cache.publish(generation, 9, cache.claim(1, lambda g, c: 0)[0] if cache.claim(0, lambda g, c: 0) else 0)
    assert not cache.generations
    with pytest.raises(ValueError, match="slots: 3, must be at least 8"):
        ChunkCache(3)


@pytest.mark.skipif(not SHARED_FOLDER.is_dir(), reason="shared memory has no folder on this system")
def test_shared_memory_that_is_not_there_is_told_before_play(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {item.name for item in SHARED_FOLDER.iterdir()}
    asked: list[int] = []

    def full(number: int, start: int, size: int) -> None:
        asked.append(size)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="the host needs 13 megabytes of shared memory") as told:
        ChunkCache(192, shared=True)
    assert told.value.filename == "/dev/shm"
    assert asked == [192 * 2 * CHUNK_FRAMES * 4]
    assert {item.name for item in SHARED_FOLDER.iterdir() if item.name.startswith("psm_")} <= before


def test_shared_memory_is_there_from_the_start() -> None:
    cache = ChunkCache(64, shared=True)
    assert cache.memory_name is not None
    if SHARED_FOLDER.is_dir():  # else a page is missing until it is written to
        held = (SHARED_FOLDER / cache.memory_name).stat().st_blocks * 512
        assert held >= 64 * 2 * CHUNK_FRAMES * 4
    cache.close()


def test_shared_memory_is_given_back() -> None:
    from multiprocessing.shared_memory import SharedMemory

    cache = ChunkCache(8, shared=True)
    name = cache.memory_name
    assert name is not None
    _filled(cache, Piece(Fraction(120), Controls(), 48_000), range(2))
    cache.close()
    cache.close()
    with pytest.raises(FileNotFoundError):
        SharedMemory(name)


@given(rate=st.floats(0.9, 1.1), start=st.floats(20, 30), f_hz=st.floats(50, 9000))
@settings(max_examples=30, deadline=None)
def test_reading_between_samples_gives_the_wave_there(rate: float, start: float, f_hz: float) -> None:
    interpolator = Interpolator(512)
    first, count = interpolator.span(start, rate, 400)
    interpolator.source[:, :count] = np.sin(2 * np.pi * f_hz * np.arange(first, first + count) / 48_000)
    out = np.zeros((2, 512), np.float32)
    interpolator.read(start, rate, 400, out)
    want = np.sin(2 * np.pi * f_hz * (start + np.arange(400) * rate) / 48_000)
    assert np.abs(out[0, :400] - want).max() < 0.003
    assert Interpolator.reach() >= MARGIN


def test_a_grid_goes_round_its_loop_and_stands_still_when_stopped() -> None:
    grid = Grid(True, 10.0, 14.0, 2.0, 8.0, 16.0)
    assert grid.beat_at(10.5) == 15
    assert grid.beat_at(11.0) == 8
    assert grid.beat_at(11 + 4 * 3 + 0.25) == 8.5
    assert Grid(False, 10.0, 14.0).beat_at(99) == 14
    assert Grid(True, 0.0, 20.0, 2.0, 8.0, 16.0).beat_at(1) == 22, "play beyond a loop goes on"
    assert grid.bpm == 120


@given(ppm=st.floats(-300, 300), seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_the_device_clock_follows_a_crystal_through_late_pairs(ppm: float, seed: int) -> None:
    late = np.random.default_rng(seed).uniform(0, 0.002, 6000)
    clock = DeviceClock(48_000)
    for index in range(6000):
        frame = index * 512
        clock.observe(frame, 100 + frame / 48_000 * (1 + ppm * 1e-6) + late[index])
    want = 100 + frame / 48_000 * (1 + ppm * 1e-6) + 0.001
    assert abs(clock.time_s(frame) - want) < 0.0006
    clock.observe(frame + 512, 500.0)  # another clock
    assert clock.time_s(frame + 512) == 500
    with pytest.raises(ValueError, match="no pair"):
        DeviceClock(48_000).time_s(0)


@given(step_ms=st.sampled_from([-9.0, 3.0, 10.67, 21.33]), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_a_device_that_stood_still_is_a_step_and_no_slower_crystal(step_ms: float, seed: int) -> None:
    chance = np.random.default_rng(seed)
    late = chance.exponential(0.0001, 2000)  # as a sound server wakes up, and at times much later
    late[chance.random(2000) < 0.02] += 0.004
    clock = DeviceClock(48_000, step_s=0.001)
    off_ms = []
    for index in range(2000):
        stood_s = step_ms / 1000 if index >= 1000 else 0.0
        clock.observe(index * 512, 100 + index * 512 / 48_000 + stood_s + late[index])
        off_ms.append((clock.time_s(index * 512) - 100 - index * 512 / 48_000 - stood_s) * 1000)
    assert np.abs(off_ms[200:1000]).max() < 1
    assert np.abs(off_ms[1020:]).max() < 1, "a fifth of a second after the step"


def test_effects_are_lines_and_a_chunk_does_not_depend_on_what_was_played(noise: NoiseRenderer) -> None:
    chunks = ChunkRenderer(noise)
    piece = Piece(Fraction(120), Controls(), 48_000, ("gain gain_db=-6", "delay delay_seconds=0.1 mix=0.3"))
    together, alone = chunks.chunks(piece, 4, 3), chunks.chunks(piece, 5, 1)
    assert np.abs(together[:, CHUNK_FRAMES : 2 * CHUNK_FRAMES] - alone).max() < DB_90
    dry = chunks.chunks(Piece(Fraction(120), Controls(), 48_000), 5, 1)
    assert np.abs(dry - alone).max() > 0.05


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "effect: empty"),
        ("rever", "must be plugin or one of"),
        ("gain 3", "must be like parameter=0.5"),
        ("plugin", "must be followed by its file"),
        ("gain 'x", "No closing quotation"),
        ("gain loudness=3", "gain has no parameter 'loudness'"),
        ("gain gain_db=loud", "effect: gain gain_db=loud"),
        ("plugin /no/such.vst3", "effect: plugin /no/such.vst3"),
    ],
)
def test_a_wrong_effect_is_named(line: str, message: str) -> None:
    with pytest.raises(ValueError, match="effect") as error:
        EffectChain((line,))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_plugin_line_keeps_its_path_and_values() -> None:
    effect = parse_effect("plugin '/a b/c.vst3' drive=0.5 mode=Warm")
    assert str(effect.path) == "/a b/c.vst3"
    assert effect.values == {"drive": 0.5, "mode": "Warm"}
