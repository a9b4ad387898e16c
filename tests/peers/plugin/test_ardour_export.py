"""Ardour exports a song with the plugin on a track: LV2 and VST3, without a screen, through its own Lua."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from musika_daw.host.plugin.session import PluginSession
from musika_daw.instrument.engine import Engine
from musika_daw.score.controls import Controls
from musika_daw.score.tempo import TempoMap
from tests.plugin.engine_reference import PLUGIN_GAIN, difference_db, of_the_runs
from tests.plugin.plugin_stand_in import code_of, left_at
from tests.programs import need

LIBRARY = Path("/usr/lib/ardour7")
STARTS = 5
PRESET = "11111111-3133-4694-864b-a1fa50e43348"
FLOAT_FORMAT = "20b4ab09-6452-4cb3-bd66-b921cdbd2942"  # Ardour's own "BWAV 32float Export", at the session's rate
SESSION = re.compile(rb'("session":")[0-9a-f]{16}(")')
IDS = {"LV2": "urn:musika-daw:generator", "VST3": "6D75736B69612D6461772D67656E3031"}
LUA = """
AudioEngine:set_backend("None (Dummy)", "", "")
s = create_session("{folder}", "song", {rate})
assert(s)
local tempo = Temporal.TempoMap.write_copy()
tempo:set_tempo(Temporal.Tempo({bpm}, {bpm}, 4), Temporal.timepos_t(0))
tempo:set_meter(Temporal.Meter({meter}), Temporal.timepos_t(0))
{more}
Temporal.TempoMap.update(tempo)
tempo = nil
for index, seed in ipairs({{{seeds}}}) do
    local plugin = ARDOUR.LuaAPI.new_plugin(s, "{id}", ARDOUR.PluginType.{kind}, "")
    assert(not plugin:isnil(), "no plugin")
    local track = s:new_audio_track(
        1, 2, nil, 1, "music" .. index, ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true):front()
    assert(track:add_processor_by_index(plugin, 0, nil, true) == 0)
    assert(seed == 0 or ARDOUR.LuaAPI.set_processor_param(plugin, 4, seed))
end
{after}
"""
EXPORT = """
local export = s:simple_export()
export:set_preset("{preset}")
export:set_name("out")
export:set_folder("{folder}")
export:set_range(0, {frames})
assert(export:run_export(), "no export")
close_session()
"""
LOAD = """
AudioEngine:set_backend("None (Dummy)", "", "")
s = load_session("{folder}", "song")
assert(s)
"""
SAVE = """
s:save_state("")
close_session()
"""
FIELDS = ("label", "session", "snapshot", "revision")


class Ardour:
    """A home folder with the plugins in it, and exports of songs made there."""

    def __init__(self, home: Path, built: Path) -> None:
        self.home = home
        self.environment = {
            **os.environ,
            "HOME": str(home),
            "LD_LIBRARY_PATH": str(LIBRARY),
            "ARDOUR_DATA_PATH": "/usr/share/ardour7",
            "ARDOUR_CONFIG_PATH": "/etc/ardour7",
            "ARDOUR_DLL_PATH": str(LIBRARY),
        }
        for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "LV2_PATH"):
            self.environment.pop(name, None)
        shutil.copytree(built / "musika-daw.lv2", home / ".lv2" / "musika-daw.lv2")
        bundle = home / ".vst3" / "musika-daw.vst3"
        shutil.copytree(built / "musika-daw.vst3", bundle)
        for file in bundle.rglob("*.so"):
            os.utime(file, (0, 1_500_000_000))  # Ardour trusts only a scan that is younger than the file
        exports = home / ".config" / "ardour7" / "export"
        exports.mkdir(parents=True)
        fields = "".join(f'<Field name="{name}" enabled="0"/>' for name in FIELDS)
        (exports / "float.preset").write_text(
            f'<?xml version="1.0"?><ExportPreset id="{PRESET}" name="float"><ExportFormat id="{FLOAT_FORMAT}"/>'
            f'<ExportFilename><Folder relative="1" path="export"/>{fields}<Field name="timespan" enabled="1"/>'
            '<Field name="time" enabled="0" value="T_None"/><Field name="date" enabled="0" value="D_None"/>'
            "</ExportFilename></ExportPreset>\n"
        )
        self._run(str(LIBRARY / "ardour-vst3-scanner"), "-f", str(bundle))

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        # headless Ardour starts far more often when it is held to one core
        core = str(min(os.sched_getaffinity(0)))
        return subprocess.run(
            ["taskset", "-c", core, *command],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def _lua(self, text: str, made: str, fresh: bool = False) -> None:
        """Run a script, again where Ardour did not start, until a file of the song is there."""
        (self.home / "script.lua").write_text(text)
        said = ""
        for _ in range(STARTS):
            if fresh:
                shutil.rmtree(self.song, ignore_errors=True)
            done = self._run("ardour7-lua", str(self.home / "script.lua"))
            said += done.stdout + done.stderr
            if done.returncode == 0 and (self.song / made).exists():
                return
        raise AssertionError(said)

    @property
    def song(self) -> Path:
        """Folder of the song."""
        return self.home / "song"

    def export(
        self,
        kind: str,
        frames: int,
        rate: int = 48_000,
        bpm: float = 120,
        meter: str = "4, 4",
        more: str = "",
        seeds: tuple[int, ...] = (0,),
        one_session: bool = False,
    ) -> np.ndarray:
        """Make a song with the plugin on tracks and export its beginning, float32 `[frames, 2]`.

        `more` are changes of tempo and meter, `seeds` one for each track (VST3). With `one_session` all tracks have
        the session of the first, as copies of one track have.
        """
        export = EXPORT.format(folder=self.song, preset=PRESET, frames=frames)
        song = LUA.format(
            folder=self.song,
            rate=rate,
            bpm=bpm,
            meter=meter,
            more=more,
            id=IDS[kind],
            kind=kind,
            seeds=", ".join(map(str, seeds)),
            after=SAVE if one_session else export,
        )
        self._lua(song, "song.ardour" if one_session else "out.wav", fresh=True)
        if one_session:
            self._give_all_the_first_session()
            self._lua(LOAD.format(folder=self.song) + export, "out.wav")
        audio, found = soundfile.read(self.song / "out.wav", dtype="float32")
        assert found == rate
        return audio

    def _give_all_the_first_session(self) -> None:
        file = self.song / "song.ardour"
        first: list[bytes] = []

        def same(match: re.Match[str]) -> str:
            state = base64.b64decode(match[1])
            found = SESSION.search(state)
            if found is None:
                return match[0]
            first.append(found[0])
            return f">{base64.b64encode(state.replace(found[0], first[0])).decode()}<"

        file.write_text(re.sub(r">([A-Za-z0-9+/=\s]{40,})<", same, file.read_text()))
        assert len(set(first)) == 2


@pytest.fixture
def ardour(tmp_path: Path, built: Path, folder: Path) -> Ardour:
    need("ardour7-lua", "taskset", str(LIBRARY / "ardour-vst3-scanner"))
    assert str(folder) == os.environ["MUSIKA_PLUGIN_DIR"]  # which Ardour inherits
    return Ardour(tmp_path, built)


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
