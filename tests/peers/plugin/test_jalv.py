"""The LV2 in jalv, on the transport of a JACK server."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from plugin_stand_in import left_at

from tests.programs import need
from tests.waiting import wait_for

TAIL = 128  # frames in which what played before a jump dies away


def test_jalv_plays_every_frame_of_the_servers_transport(jack, built: Path, folder: Path, host) -> None:
    need("jalv")
    session = host()
    environment = {"LV2_PATH": f"{built}:/usr/lib/lv2", "MUSIKA_PLUGIN_DIR": str(folder)}
    jack.spawn("jalv", "-n", "musika", "urn:musika-daw:generator", env=environment)
    recorder = jack.record()
    assert wait_for(lambda: session.source.instances)  # active: only now its ports can be connected
    assert wait_for(lambda: recorder.client.get_ports("musika:left"))
    time.sleep(0.5)
    recorder.connect("musika:left")
    master = jack.master(120)
    master.locate(24_000)
    assert wait_for(lambda: session.source.instances[0].stats.state == 4)
    master.play(2)
    master.locate(240_000)
    assert wait_for(lambda: session.source.instances[0].stats.state == 4)
    master.play(1.5)
    time.sleep(0.3)
    cycles = recorder.rolling()
    assert recorder.gaps() == 0
    expected = None
    for cycle in cycles:
        frames = left_at(np.arange(cycle.frame, cycle.frame + len(cycle.audio)))
        begin = 0 if cycle.frame == expected else TAIL
        assert np.array_equal(cycle.audio[begin:], frames[begin:])
        expected = cycle.frame + len(cycle.audio)
    assert len(cycles) > 250
