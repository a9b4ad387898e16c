"""The LV2 in jalv, on the transport of a JACK server."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from plugin_stand_in import left_at


def test_jalv_plays_every_frame_of_the_servers_transport(jack, need, wait_for, built: Path, host) -> None:
    need("jalv", "jack_transport")
    session = host()
    jack.spawn("jalv", "-n", "musika", "urn:musika-daw:generator", env={"LV2_PATH": f"{built}:/usr/lib/lv2"})
    recorder = jack.record()
    assert wait_for(lambda: bool(recorder.client.get_ports("musika:left")), 20)
    recorder.connect("musika:left")
    assert wait_for(lambda: bool(session.source.instances))
    master = jack.spawn("jack_transport")
    for command in ("master", "tempo 120", "locate 24000"):
        jack.say(master, command)
    assert wait_for(lambda: session.source.instances[0].stats.state == 4)
    jack.say(master, "play")
    time.sleep(2)
    jack.say(master, "locate 240000")
    time.sleep(1.5)
    jack.say(master, "stop")
    time.sleep(0.3)
    cycles = recorder.rolling()
    assert recorder.gaps() == 0
    wrong, before = 0, None
    for cycle in cycles:
        size = len(cycle.audio)
        frames = left_at(np.arange(cycle.frame, cycle.frame + size))
        if before is not None and cycle.frame == before:  # after a jump a tail and a wait are heard
            wrong += not np.array_equal(cycle.audio, frames)
        before = cycle.frame + size
    assert len(cycles) > 250
    assert wrong <= 0.2 * 48_000 / size
