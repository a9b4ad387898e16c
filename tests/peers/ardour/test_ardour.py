"""Ardour without a screen: its MIDI clock or its OSC leads the host, its OSC starts, locates, loops and stops it, and
its own metronome, recorded in the server, is what the host's clicks are held against."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np

from bridge import OscSource
from tests.peers.recorder import RATE, Recorder
from tests.peers.server import Jack
from tests.programs import end, need
from tests.waiting import wait_for

LIBRARY = Path("/usr/lib/ardour7")
STARTS = 5
TRIES = 4
STEP = 8 * RATE  # from bar 5 on its tempo is 140
LOOP = (2 * RATE, 4 * RATE)  # bar 2
# Ardour 7.3 heeds changes of tempo in its sound and in its positions, not in its MIDI clock or as JACK's timebase
LUA = """
AudioEngine:set_backend("None (Dummy)", "", "")
s = create_session("{folder}", "song", 48000)
{change}
s:save_state("")
close_session()
"""
CHANGE = f"""
local tempi = Temporal.TempoMap.write_copy()
tempi:set_tempo(Temporal.Tempo(140, 140, 4), Temporal.timepos_t({STEP}))
Temporal.TempoMap.update(tempi)
tempi = nil
"""


def _one_core() -> list[str]:
    """Headless Ardour starts far more often when it is held to one core."""
    return ["taskset", "-c", str(min(os.sched_getaffinity(0)))]


def _make_session(home: Path, environment: dict[str, str], change: str) -> Path:
    """A session with the metronome on, listening to OSC and sending MIDI clock."""
    folder = home / "song"
    (home / "make.lua").write_text(LUA.format(folder=folder, change=change))
    for _ in range(STARTS):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(
            [*_one_core(), "ardour7-lua", str(home / "make.lua")],
            env={**os.environ, **environment},
            timeout=60,
            capture_output=True,
            check=False,
        )
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


def _start(jack: Jack, home: Path, change: str = "") -> Recorder:
    """Start Ardour in the server; returns what hears its metronome."""
    need("ardour7-lua", "taskset", *map(str, sorted(LIBRARY.glob("hardour-*")) or [LIBRARY / "hardour"]))
    environment = {
        "HOME": str(home),
        "LD_LIBRARY_PATH": str(LIBRARY),
        "ARDOUR_DATA_PATH": "/usr/share/ardour7",
        "ARDOUR_CONFIG_PATH": "/etc/ardour7",
        "ARDOUR_DLL_PATH": str(LIBRARY),
    }
    folder = _make_session(home, environment, change)
    theirs = jack.record()
    for _ in range(STARTS):
        program = jack.spawn(*_one_core(), str(next(LIBRARY.glob("hardour-*"))), str(folder), "song", env=environment)
        if wait_for(lambda: bool(theirs.client.get_ports("ardour:Click/audio_out 1")), 20):
            break
        end(program)
    return theirs


def _rewind(remote: OscSource) -> None:
    """Stop at the beginning: without a screen Ardour begins to play as soon as it has loaded."""
    assert wait_for(lambda: remote.counts.received > 3)
    time.sleep(1)
    remote.command("stop")
    assert wait_for(lambda: not remote.latest().playing)
    remote.command("locate", frames=0, roll=0)
    assert wait_for(lambda: remote.latest().position_beats == 0)


def _frames(recorder: Recorder, level: float = 0.2, since: int = 0) -> np.ndarray:
    """Server's frame of every click heard since a cycle."""
    return np.array([frame for _, frame, _ in recorder.clicks(level, rolling=False, since=since)])


def _silence(recorder: Recorder, seconds: float) -> float:
    """Loudest sample of some seconds from now on."""
    since = len(recorder.cycles)
    time.sleep(seconds)
    return max(float(np.abs(cycle.audio).max()) for cycle in recorder.cycles[since:])


def test_ardour_leads_by_midi_clock_and_its_own_clicks_are_met(jack: Jack, tmp_path: Path) -> None:
    theirs = _start(jack, tmp_path)
    ours = jack.record()
    # Ardour 7.3 sends song positions that are six times too large, and its clocks two periods after its sound
    session = jack.play(
        "jack-midi:ardour:MIDI Clock out", ours, latency_s_source=2 * 512 / RATE, song_position_divisor=6
    )
    host = session.host

    def play(for_s: float, name: str = "play", **values: int) -> None:
        """Play and stop, again where the server dropped a cycle, and hold the clicks against the metronome."""
        for _ in range(TRIES):
            since = len(ours.cycles)
            remote.command(name, **values)
            assert wait_for(lambda: host.grid.playing)
            time.sleep(for_s)
            remote.command("stop")
            assert wait_for(lambda: not host.grid.playing)
            time.sleep(0.4)
            assert _silence(ours, 0.4) == 0
            if not ours.gaps(since):
                break
        clicks, metronome = _frames(ours, since=since), _frames(theirs, 0.01)
        assert len(clicks) >= 2 * for_s - 2
        off_ms = np.array([np.abs(metronome - click).min() for click in clicks]) / RATE * 1000
        # one may come before the clock is known
        assert off_ms[1:].max() <= 5.0
        assert np.median(off_ms) <= 1.0

    with OscSource("ardour") as remote:
        _rewind(remote)
        theirs.connect("ardour:Click/audio_out 1")  # while it loads it takes connections away again
        time.sleep(0.5)
        play(4)
        play(3)  # continue
        play(4, "locate", frames=20 * RATE, roll=1)
        assert 40 < host.beat < 52
        play(3, "locate", frames=3 * RATE, roll=1)  # and back
        assert 6 < host.beat < 16


def test_ardour_leads_by_osc_through_a_change_of_tempo_and_a_loop(jack: Jack, tmp_path: Path) -> None:
    theirs = _start(jack, tmp_path, CHANGE)
    ours = jack.record()
    session = jack.play("osc:ardour", ours)
    source, host = session.source, session.host
    _rewind(source)
    theirs.connect("ardour:Click/audio_out 1")
    session.live.act("play")
    assert wait_for(lambda: host.grid.playing)
    time.sleep(4)
    session.live.act("stop")
    assert wait_for(lambda: not host.grid.playing)
    time.sleep(0.4)
    assert _silence(ours, 0.4) == 0
    source.command("locate", frames=STEP - 3 * RATE, roll=1)
    assert wait_for(lambda: host.grid.playing and host.beat > 10)
    time.sleep(6)
    assert abs(host.grid.bpm - 140) < 1.4
    source.command("locate", frames=LOOP[0], roll=1)
    assert wait_for(lambda: host.beat < 8)
    source.command("loop", start_frames=LOOP[0], end_frames=LOOP[1])
    source.command("loop_toggle")
    assert wait_for(lambda: source.latest().loop_on)
    places = []
    until_s = time.monotonic() + 7
    since = ours.cycles[-1].counter
    while time.monotonic() < until_s:
        places.append(host.beat)
        time.sleep(0.01)
    source.command("stop")
    assert wait_for(lambda: not host.grid.playing)
    wraps = np.flatnonzero(np.diff(places) < -2)
    assert len(wraps) >= 2
    assert max(places) < 8.5
    assert min(places[int(wraps[0]) :]) > 3.5
    clicks, metronome = _frames(ours), _frames(theirs, 0.01)
    off_ms = np.array([np.abs(metronome - click).min() for click in clicks]) / RATE * 1000
    assert (clicks > since).sum() >= 10
    # positions come every 100 ms, at times of their own: what is told, not when
    assert np.median(off_ms) <= 20.0
