"""The VST3 in hosts of others: DawDreamer, which has a transport and bounces, and pedalboard, which has none."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from musika_daw.host.plugin.session import PluginSession
from musika_daw.score.controls import Controls
from tests.plugin.engine_reference import PLUGIN_GAIN
from tests.plugin.plugin_stand_in import code_of, left_at

RATE = 48_000


def expected(first: int, last: int) -> np.ndarray:
    return left_at(np.arange(first, last)) * PLUGIN_GAIN


@pytest.mark.parametrize("slowness", [0.0, 1.3])
def test_a_render_of_dawdreamer_is_exact_even_with_a_slow_renderer(
    slowness: float, built: Path, host: Callable[..., PluginSession]
) -> None:
    dawdreamer = importlib.import_module("dawdreamer")
    host(slowness=slowness)
    engine = dawdreamer.RenderEngine(RATE, 512)
    engine.set_bpm(128.0)
    plugin = engine.make_plugin_processor("musika", str(built / "musika-daw.vst3"))
    engine.load_graph([(plugin, [])])
    bounces = []
    for _ in range(2):
        engine.render(2.0)
        bounces.append(engine.get_audio())
    assert bounces[0].shape[1] >= 2 * RATE
    assert np.array_equal(bounces[0][0], expected(0, bounces[0].shape[1]))
    assert np.all(bounces[0][1] == code_of(Fraction(128), Controls(style_seed=0, morph_seed=1)) * PLUGIN_GAIN)
    assert np.array_equal(bounces[0], bounces[1])


def test_a_chord_track_of_dawdreamer_is_followed_on_its_frames(built: Path, host: Callable[..., PluginSession]) -> None:
    dawdreamer = importlib.import_module("dawdreamer")
    host(model=f"parts:{RATE}:0")
    engine = dawdreamer.RenderEngine(RATE, 512)
    engine.set_bpm(120.0)
    plugin = engine.make_plugin_processor("musika", str(built / "musika-daw.vst3"))
    for name, begins_s in (("Am", 0.0), ("F", 2.0)):
        for key in {"Am": (57, 60, 64), "F": (53, 57, 60)}[name]:
            plugin.add_midi_note(key, 90, begins_s, 1.9)
    engine.load_graph([(plugin, [])])
    bounces = []
    for _ in range(2):
        engine.render(4.0)
        bounces.append(engine.get_audio()[:, : 4 * RATE])
    codes = [code_of(Fraction(120), Controls(style_seed=0, morph_seed=1), name) * PLUGIN_GAIN for name in ("Am", "F")]
    assert np.all(bounces[0][1, : 2 * RATE] == codes[0])
    assert np.all(bounces[0][1, 2 * RATE + 256 :] == codes[1])
    assert np.array_equal(bounces[0], bounces[1])


def test_dawdreamer_sees_the_parameters_and_automates_them(built: Path, host: Callable[..., PluginSession]) -> None:
    dawdreamer = importlib.import_module("dawdreamer")
    host()
    engine = dawdreamer.RenderEngine(RATE, 512)
    plugin = engine.make_plugin_processor("musika", str(built / "musika-daw.vst3"))
    rows = plugin.get_parameters_description()
    assert [row["name"] for row in rows[:8]] == [
        "Density",
        "Energy",
        "Style",
        "Morph",
        "Seed",
        "Gain",
        "Bypass",
        "State",
    ]
    assert [row["isAutomatable"] for row in rows[:8]] == [True] * 7 + [False]
    assert rows[0]["numSteps"] == 102
    assert rows[2]["currentValText"] == "of the seed"
    plugin.set_parameter(4, 7 / 999)
    engine.load_graph([(plugin, [])])
    engine.render(0.5)
    wanted = code_of(Fraction(120), Controls(seed=7, style_seed=7, morph_seed=8)) * PLUGIN_GAIN
    assert np.all(engine.get_audio()[1] == wanted)


def test_pedalboard_takes_a_state_from_one_instance_to_another(built: Path, host: Callable[..., PluginSession]) -> None:
    pedalboard = importlib.import_module("pedalboard")
    first, second = (
        pedalboard.load_plugin(str(built / "musika-daw.vst3"), initialization_timeout=0.2) for _ in range(2)
    )
    first.morph = 25.0
    assert second.morph == 0
    second.raw_state = first.raw_state
    assert second.morph == 25


def test_pedalboard_loads_it_and_is_silent_without_a_transport(built: Path, host: Callable[..., PluginSession]) -> None:
    pedalboard = importlib.import_module("pedalboard")
    host()
    plugin = pedalboard.load_plugin(str(built / "musika-daw.vst3"), initialization_timeout=0.2)
    assert plugin.is_instrument
    first = ["density", "energy", "style", "morph", "seed", "gain_db", "bypass", "state"]
    parts = [f"mute_{part}" for part in ("drums", "bass", "lead", "chords")]
    assert list(plugin.parameters) == [*first, *parts, "chords_at", "no_keys"]
    plugin.density = "40 %"
    assert plugin.density == "40 %"
    audio = plugin([], duration=0.5, sample_rate=RATE)
    assert audio.shape == (2, RATE // 2)
    assert np.all(audio == 0)
