"""Ardour exports a song with the plugin on a track: LV2 and VST3, without a screen, through its own Lua."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch

from musika_daw.host.plugin.session import PluginSession
from musika_daw.instrument.engine import Engine
from musika_daw.score.controls import Controls
from musika_daw.score.tempo import TempoMap
from tests.peers.plugin.ardour_song import IDS, Ardour
from tests.plugin.engine_reference import PLUGIN_GAIN, difference_db, of_the_runs
from tests.plugin.plugin_stand_in import code_of, left_at


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("slowness", [0.0, 1.3])
def test_an_export_is_exact_even_with_a_renderer_slower_than_real_time(
    kind: str, slowness: float, ardour: Ardour, host: Callable[..., PluginSession]
) -> None:
    host(slowness=slowness)
    frames = 480_000 if slowness == 0 else 144_000
    audio = ardour.export(kind, frames)
    assert np.array_equal(audio[:, 0], left_at(np.arange(frames)) * PLUGIN_GAIN)


@pytest.mark.parametrize("kind", IDS)
def test_an_export_in_seven_eight_is_exact(kind: str, ardour: Ardour, host: Callable[..., PluginSession]) -> None:
    host()
    audio = ardour.export(kind, 240_000, bpm=97, meter="7, 8")
    assert np.array_equal(audio[:, 0], left_at(np.arange(240_000)) * PLUGIN_GAIN)
    assert len(np.unique(audio[:, 1])) == 1


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize(("meter", "frames"), [("2, 4", 48_000), ("7, 8", 84_000)])
def test_an_export_with_a_bar_of_another_meter_is_exact(
    kind: str, meter: str, frames: int, ardour: Ardour, host: Callable[..., PluginSession]
) -> None:
    host()
    change = "tempo:set_meter(Temporal.Meter({}), Temporal.timepos_t({}))\n"
    bar = 192_000  # the third, at 120 bpm
    audio = ardour.export(kind, 624_000, more=change.format(meter, bar) + change.format("4, 4", bar + frames))
    assert np.array_equal(audio[:, 0], left_at(np.arange(624_000)) * PLUGIN_GAIN)


def test_a_duplicated_track_with_another_seed_plays_its_own_music(
    ardour: Ardour, host: Callable[..., PluginSession]
) -> None:
    host()
    frames = 480_000
    audio = ardour.export("VST3", frames, seeds=(3, 8), one_session=True)
    assert np.array_equal(audio[:, 0], 2 * (left_at(np.arange(frames)) * PLUGIN_GAIN))
    codes = (code_of(Fraction(120), Controls(seed=s, style_seed=s, morph_seed=s + 1)) for s in (3, 8))
    both = sum(np.float32(code) * PLUGIN_GAIN for code in codes)
    assert np.all(audio[:, 1] == both)


@pytest.mark.limit_s(300)
@pytest.mark.parametrize("kind", IDS)
def test_two_exports_are_equal_and_are_what_the_engine_renders(
    kind: str, ardour: Ardour, host: Callable[..., PluginSession]
) -> None:
    host(model="techno")
    torch.set_num_threads(1)
    engine = Engine.load("techno")
    rate, bpm = engine.sample_rate_hz, 128
    frames = round(16 * 60 * rate / bpm)
    first, second = (ardour.export(kind, frames, rate, bpm) for _ in range(2))
    assert np.array_equal(first, second)
    rendered = engine.render(0, 16, TempoMap.constant(bpm), Controls()) * PLUGIN_GAIN
    assert difference_db(first, rendered) <= -90
    assert np.abs(rendered).max() > 0.1 * PLUGIN_GAIN
    exact = of_the_runs(engine, bpm, Controls(style_seed=0, morph_seed=1), rate, 0, frames)
    assert np.array_equal(first, exact * PLUGIN_GAIN)


@pytest.mark.limit_s(300)
@pytest.mark.parametrize("kind", IDS)
def test_an_export_of_a_model_slower_than_real_time_is_what_the_engine_renders(
    kind: str, ardour: Ardour, host: Callable[..., PluginSession]
) -> None:
    host(model="techno", slowness=1.3)
    torch.set_num_threads(1)
    engine = Engine.load("techno")
    rate, bpm = engine.sample_rate_hz, 128
    frames = round(8 * 60 * rate / bpm)
    audio = ardour.export(kind, frames, rate, bpm)
    rendered = engine.render(0, 8, TempoMap.constant(bpm), Controls()) * PLUGIN_GAIN
    assert difference_db(audio, rendered) <= -90
    assert np.abs(rendered).max() > 0.1 * PLUGIN_GAIN
