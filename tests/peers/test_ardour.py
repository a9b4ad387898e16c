"""Ardour without a screen: its MIDI clock leads the host, its OSC starts, locates and stops it, and its own
metronome, recorded in the server, is what the host's clicks are held against."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np

from bridge import OscSource
from tests.peers.recorder import RATE
from tests.peers.server import Jack
from tests.programs import need
from tests.waiting import wait_for

LIBRARY = Path("/usr/lib/ardour7")
STARTS = 5
LUA = """
AudioEngine:set_backend("None (Dummy)", "", "")
s = create_session("{folder}", "song", 48000)
s:save_state("")
close_session()
"""


def _one_core() -> list[str]:
    """Headless Ardour starts far more often when it is held to one core."""
    return ["taskset", "-c", str(min(os.sched_getaffinity(0)))]


def _make_session(home: Path, environment: dict[str, str]) -> Path:
    """A session with the metronome on, listening to OSC and sending MIDI clock."""
    folder = home / "song"
    (home / "make.lua").write_text(LUA.format(folder=folder))
    for _ in range(STARTS):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(
            [*_one_core(), "ardour7-lua", str(home / "make.lua")], env={**os.environ, **environment}, timeout=60,
            capture_output=True, check=False,
        )  # fmt: skip
        if (folder / "song.ardour").exists():
            break
    file = folder / "song.ardour"
    text = re.sub(r'<Option name="(clicking|external-sync)" value="[^"]*"/>', "", file.read_text())
    text = text.replace("<Config>", '<Config>\n    <Option name="clicking" value="1"/>', 1)
    text = text.replace(
        '<Protocol name="Open Sound Control (OSC)" active="0"/>',
        '<Protocol name="Open Sound Control (OSC)" active="1" feedback="0"/>',
    )
    file.write_text(text)
    config = home / ".config" / "ardour7"
    config.mkdir(parents=True, exist_ok=True)
    options = "".join(f'<Option name="{name}" value="1"/>' for name in ("send-midi-clock", "clicking"))
    (config / "config").write_text(f'<?xml version="1.0"?>\n<Ardour><Config>{options}</Config></Ardour>\n')
    return folder


def test_ardour_leads_by_midi_clock_and_its_own_clicks_are_met(jack: Jack, tmp_path: Path) -> None:
    need("ardour7-lua", "taskset", *map(str, sorted(LIBRARY.glob("hardour-*")) or [LIBRARY / "hardour"]))
    environment = {
        "HOME": str(tmp_path), "LD_LIBRARY_PATH": str(LIBRARY), "ARDOUR_DATA_PATH": "/usr/share/ardour7",
        "ARDOUR_CONFIG_PATH": "/etc/ardour7", "ARDOUR_DLL_PATH": str(LIBRARY),
    }  # fmt: skip
    folder = _make_session(tmp_path, environment)
    theirs = jack.record()
    for _ in range(STARTS):
        program = jack.spawn(*_one_core(), str(next(LIBRARY.glob("hardour-*"))), str(folder), "song", env=environment)
        if wait_for(lambda: bool(theirs.client.get_ports("ardour:Click/audio_out 1")), 20):
            break
        program.kill()
    ours = jack.record()
    # Ardour 7.3 sends song positions that are six times too large, and its clocks two periods after its sound
    session = jack.play(
        "jack-midi:ardour:MIDI Clock out", ours, latency_s_source=2 * 512 / RATE, song_position_divisor=6
    )
    remote = OscSource("ardour")
    remote.start()
    try:
        assert wait_for(lambda: remote.counts.received > 3, 20)
        theirs.connect("ardour:Click/audio_out 1")  # while it loads it takes connections away again
        time.sleep(1)
        remote.command("play")
        assert wait_for(lambda: session.host.grid.playing)
        time.sleep(4)
        remote.command("stop")
        assert wait_for(lambda: not session.host.grid.playing)
        time.sleep(0.5)
        silent_from = len(ours.cycles)
        time.sleep(0.5)
        silent_to = len(ours.cycles)
        remote.command("locate", frames=20 * RATE, roll=1)
        assert wait_for(lambda: session.host.grid.playing)
        time.sleep(4)
        remote.command("stop")
        time.sleep(0.5)
    finally:
        remote.stop()
    clicks = np.array([frame for _, frame, _ in ours.clicks(rolling=False)])
    metronome = np.array([frame for _, frame, _ in theirs.clicks(0.01, rolling=False)])
    assert len(clicks) >= 7
    assert len(metronome) >= 7
    assert max(np.abs(c.audio).max() for c in ours.cycles[silent_from:silent_to]) == 0
    off_ms = np.array([np.abs(metronome - click).min() for click in clicks]) / RATE * 1000
    met = np.sort(off_ms)[:-2]  # after each of the two starts one may come before the clock is known
    assert met.max() <= 5.0
    assert np.median(off_ms) <= 1.0
    assert 40 < session.host.beat < 52
