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
    assert wait_for(lambda: session.source.instances)
    assert wait_for(lambda: recorder.client.get_ports("musika:left"))
    time.sleep(0.5)
    recorder.connect("musika:left")
    master = jack.master(None)  # frames alone say where it is
    (instance,) = session.source.instances
    for frame, seconds in ((24_000, 2.0), (240_000, 1.5)):
        master.locate(frame)
        assert wait_for(lambda frame=frame: instance.transport.frame == frame and instance.holds(frame // 1024 + 20))
        time.sleep(0.2)
        master.play(seconds)
    time.sleep(0.3)
    cycles = recorder.rolling()
    # a cycle that the server drops is heard by nobody, and is a jump to the next; all that is heard must be right
    assert recorder.gaps() < 10
    expected = None
    for cycle in cycles:
        frames = left_at(np.arange(cycle.frame, cycle.frame + len(cycle.audio)))
        begin = 0 if cycle.frame == expected else TAIL
        assert np.array_equal(cycle.audio[begin:], frames[begin:])
        expected = cycle.frame + len(cycle.audio)
    assert len(cycles) > 250
