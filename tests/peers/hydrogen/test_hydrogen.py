"""Hydrogen as timebase master: play, tempo, stop and relocate by its OSC, held against the grid.

Its ticks count a whole bar as one beat; the frames of the transport are right, and are what the host follows.
"""

from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from bridge.osc.codec import encode
from tests.peers.recorder import RATE
from tests.peers.server import Jack
from tests.programs import need
from tests.waiting import wait_for

BEAT = RATE // 2
DATA = Path("/usr/share/hydrogen/data")
OSC_PORT = 9000


def _prepare(home: Path) -> None:
    """Preferences under which Hydrogen follows JACK, leads its bars and beats; it listens to OSC anyway."""
    text = (DATA / "hydrogen.default.conf").read_text()
    for tag, value in (("jack_timebase_enabled", "true"), ("jack_transport_mode_master", "USE_JACK_TIME_MASTER")):
        text = re.sub(f"<{tag}>[^<]*</{tag}>", f"<{tag}>{value}</{tag}>", text)
    folder = home / ".hydrogen"
    folder.mkdir()
    (folder / "hydrogen.conf").write_text(text)


@pytest.mark.quick
def test_play_tempo_stop_and_relocate_are_followed(jack: Jack, tmp_path: Path) -> None:
    need("h2cli", str(DATA / "demo_songs/GM_kit_demo1.h2song"))
    _prepare(tmp_path)
    environment = {"HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(tmp_path)}
    recorder = jack.record()
    jack.spawn("h2cli", "-d", "jack", "-s", str(DATA / "demo_songs/GM_kit_demo1.h2song"), env=environment)
    assert wait_for(lambda: bool(recorder.client.get_ports("[Hh]ydrogen")), 30), os.listdir(tmp_path)
    session = jack.play("jack", recorder)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

        def osc(name: str, value: float) -> None:
            sender.sendto(encode(f"/Hydrogen/{name}", [("f", value)]), ("127.0.0.1", OSC_PORT))

        def set_to_120() -> bool:
            osc("JACK_TRANSPORT_ACTIVATION", 1)
            osc("JACK_TIMEBASE_MASTER_ACTIVATION", 1)
            osc("BPM", 120)  # again and again: it listens some seconds after its ports are there
            return bool(recorder.cycles[-1].bpm == 120)

        assert wait_for(set_to_120, 20)
        assert wait_for(lambda: session.host.scheduler.is_ready(0))
        time.sleep(0.5)
        osc("PLAY", 1)
        time.sleep(2.9)
        osc("BPM", 140)
        time.sleep(2.7)
        osc("STOP", 1)
        time.sleep(0.3)
        parted = len(recorder.cycles)
        osc("RELOCATE", 2)
        time.sleep(0.5)
        osc("PLAY", 1)
        time.sleep(1.8)
        osc("PAUSE", 1)
        assert wait_for(lambda: not session.host.grid.playing)
        time.sleep(0.4)
        paused = recorder.cycles[-1]
        osc("PLAY", 1)  # continue
        time.sleep(1.7)
        osc("STOP", 1)
        time.sleep(0.4)
    beat_140 = RATE * 60 / 140
    parts = recorder.cycles[:parted], recorder.cycles[parted:]
    step = next(c.frame for c in parts[0] if c.state == 1 and abs(c.bpm - 140) < 0.01)
    recorder.cycles = parts[0]
    frames = np.array([frame for frame, _, _ in recorder.clicks()])
    before, after = frames[frames < step], frames[frames > step + beat_140]
    assert len(before) >= 5
    assert np.abs((before / BEAT - np.round(before / BEAT)) * BEAT).max() / RATE <= 0.001
    assert len(after) >= 4
    assert np.abs(np.diff(after) - beat_140).max() / RATE < 0.001
    recorder.cycles = parts[1]
    located = np.array([frame for frame, _, _ in recorder.clicks()])
    assert len(located) >= 6
    assert paused.state == 0
    assert any(paused.frame < frame < paused.frame + 1.2 * beat_140 for frame in located)
    late = located / beat_140 - np.round(located / beat_140)
    assert np.abs(late).max() * beat_140 / RATE <= 0.001
    assert 8 * beat_140 - 48 <= located[0] <= 9 * beat_140 + 48
    assert session.host.player.underruns == 0
