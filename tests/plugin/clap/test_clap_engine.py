"""A bounce is what the engine renders of the same bars."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

from musika_daw.host.plugin.session import PluginSession
from musika_daw.instrument.engine import Engine
from musika_daw.score.controls import Controls
from musika_daw.score.following.changes import Changes
from musika_daw.score.tempo import TempoMap
from tests.plugin.chord_notes import Chord, Track
from tests.plugin.clap.clap_host import ClapHost, Song
from tests.plugin.engine_reference import difference_db, of_the_runs

BPM = 128


@pytest.fixture(scope="module")
def engine() -> Engine:
    torch.set_num_threads(1)
    return Engine.load("techno")


def bounce(clap: Callable[..., ClapHost], rate_hz: int, first: int, last: int) -> np.ndarray:
    one = clap(rate_hz, 512, Song(((0.0, float(BPM)),)))
    one.set("seed", 4)
    one.set_offline(True)
    audio = one.play(first, last)
    assert one.status == 1
    return audio


def test_bars_17_to_20_at_the_models_rate_are_those_of_render(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost], engine: Engine
) -> None:
    host(model="techno")
    rate = engine.sample_rate_hz
    first, last = (round(beat * 60 * rate / BPM) for beat in (64, 80))
    audio = bounce(clap, rate, first, last)
    rendered = engine.render(64, 16, TempoMap.constant(BPM), Controls(seed=4))
    assert difference_db(audio, rendered) <= -90
    assert np.abs(rendered).max() > 0.1
    # and bit by bit where both are cut into the same runs
    assert np.array_equal(audio, of_the_runs(engine, BPM, Controls(seed=4, morph_seed=5), rate, first, last))


def test_a_model_slower_than_real_time_gives_the_same_bars(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost], engine: Engine
) -> None:
    host(model="techno", slowness=1.3)
    rate = engine.sample_rate_hz
    first, last = (round(beat * 60 * rate / BPM) for beat in (64, 68))
    begin_s = time.perf_counter()
    audio = bounce(clap, rate, first, last)
    assert time.perf_counter() - begin_s > (last - first) / rate
    assert difference_db(audio, engine.render(64, 4, TempoMap.constant(BPM), Controls(seed=4))) <= -90
    assert np.abs(audio).max() > 0.1


def test_bars_at_another_rate_are_those_of_render_resampled(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost], engine: Engine
) -> None:
    host(model="techno")
    audio = bounce(clap, 48_000, 96_000, 240_000)
    assert np.array_equal(audio, of_the_runs(engine, BPM, Controls(seed=4, morph_seed=5), 48_000, 96_000, 240_000))


def test_in_real_time_what_is_heard_is_what_a_bounce_has(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost], engine: Engine
) -> None:
    host(model="techno")
    one = clap(44_100, 512, Song(((0.0, float(BPM)),)))
    one.set("seed", 4)
    one.process(0, playing=False)
    for frame in range(0, 2 * 44_100, 1024):
        assert one.wait(lambda: one.state == 4, frame)
    assert one.wait(lambda: one.state == 4, 0)
    audio = one.play(0, 44_100, real_time=True)
    assert np.array_equal(audio, of_the_runs(engine, BPM, Controls(seed=4, morph_seed=5), 44_100, 0, 44_100))


@pytest.mark.limit_s(300)
def test_bounces_with_a_chord_track_are_equal_and_those_of_render_with_the_same_chords(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model="parts")
    parts = Engine.load("parts")
    rate, bar = parts.sample_rate_hz, 2 * parts.sample_rate_hz
    track = (Chord("Am", 0, bar - 500), Chord("F", bar, 2 * bar))
    one, other = clap(rate, 512), clap(rate, 256)
    audio = Track(one, track).bounce(0, bar + rate)
    assert np.array_equal(Track(other, track, midi=True).bounce(0, bar + rate), audio)
    assert np.array_equal(Track(one, track).bounce(bar - 8192, bar + rate), audio[bar - 8192 :])
    played: Changes = ((0.0, "Am"), (4.0, "F"))
    both = parts.render(0, 6, TempoMap.constant(120), Controls(changes=played))
    begun = parts.render(0, 4, TempoMap.constant(120), Controls(changes=played[:1]))
    # what is not known yet when a bar is bounced is not heard in it
    assert difference_db(audio[:bar], begun[:bar]) <= -90
    assert difference_db(audio[bar + 256 :], both[bar + 256 :]) <= -90
    assert difference_db(audio[: rate // 2], both[: rate // 2]) <= -90
    assert np.abs(both[:bar]).max() > 0.1
    assert difference_db(audio[bar:], parts.render(4, 2, TempoMap.constant(120), Controls(changes=played[:1]))) > -30
