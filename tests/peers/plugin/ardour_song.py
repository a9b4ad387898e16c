"""Songs that Ardour makes and exports with the plugin on their tracks, by its own Lua and without a screen."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import soundfile

from tests.peers.ardour.ardour_regions import with_regions

LIBRARY = Path("/usr/lib/ardour7")
STARTS = 5
PRESET = "11111111-3133-4694-864b-a1fa50e43348"
FLOAT_FORMAT = "20b4ab09-6452-4cb3-bd66-b921cdbd2942"  # Ardour's own "BWAV 32float Export", at the session's rate
SESSION = re.compile(rb'("session":")[0-9a-f]{16}(")')
IDS = {"LV2": "urn:musika-daw:generator", "VST3": "6D75736B69612D6461772D67656E3031"}
# Ardour connects a new track in a thread of its own: a session that is saved at once lacks that
CONNECTED = """
for try = 1, 1000 do
    if track:output():audio(1):connected() then break end
    ARDOUR.LuaAPI.usleep(10000)
end
assert(track:output():audio(1):connected(), "the track plays to nothing")
"""
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
    {connected}
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
CHORDS = """
AudioEngine:set_backend("None (Dummy)", "", "")
s = create_session("{folder}", "song", 48000)
assert(s)
local plugin = ARDOUR.LuaAPI.new_plugin(s, "{id}", ARDOUR.PluginType.{kind}, "")
assert(not plugin:isnil(), "no plugin")
local midi, sound = ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1), ARDOUR.ChanCount(ARDOUR.DataType("audio"), 2)
local none, last = ARDOUR.PluginInfo(), ARDOUR.PresentationInfo.max_order
local track = s:new_midi_track(
    midi, sound, false, none, nil, nil, 1, "notes", last, ARDOUR.TrackMode.Normal, true):front()
assert(track:add_processor_by_index(plugin, 0, nil, true) == 0)
{connected}
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
            connected=CONNECTED,
        )
        self._lua(song, "song.ardour" if one_session else "out.wav", fresh=True)
        if one_session:
            self._give_all_the_first_session()
            self._lua(LOAD.format(folder=self.song) + export, "out.wav")
        audio, found = soundfile.read(self.song / "out.wav", dtype="float32")
        assert found == rate
        return audio

    def export_chords(self, kind: str, frames: int, midi: Path, beats: int) -> np.ndarray:
        """Export a song at 120 bpm with the plugin on a MIDI track that has a file on it from beat 4 on."""
        song = CHORDS.format(folder=self.song, id=IDS[kind], kind=kind, connected=CONNECTED)
        self._lua(song + SAVE, "song.ardour", fresh=True)
        file = self.song / "song.ardour"
        file.write_text(with_regions(file.read_text(), [], midi, beats))
        export = EXPORT.format(folder=self.song, preset=PRESET, frames=frames)
        self._lua(LOAD.format(folder=self.song) + export, "out.wav")
        return soundfile.read(self.song / "out.wav", dtype="float32")[0]

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
