"""The LV2 in jalv, on the transport of a JACK server."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from musika_daw.host.plugin.session import PluginSession
from tests.peers.server import Jack
from tests.plugin.engine_reference import PLUGIN_GAIN
from tests.plugin.plugin_stand_in import left_at
from tests.programs import need
from tests.waiting import wait_for


def _is_at(instance: Any, frame: int) -> bool:
    return bool(instance.transport.frame == frame and instance.holds(frame // 1024 + 20))


def test_jalv_plays_every_frame_of_the_servers_transport(
    jack: Jack, built: Path, folder: Path, host: Callable[..., PluginSession]
) -> None:
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
        assert wait_for(partial(_is_at, instance, frame))
        time.sleep(0.2)
        master.play(seconds)
    time.sleep(0.3)
    # every sample is that of its frame, and the frames go on from cycle to cycle, but where the server says that it
    # did not go round in time
    starts: list[int] = []
    judged, expected = 0, None
    for cycle in recorder.rolling():
        if recorder.is_disturbed(cycle):
            expected = None
            continue
        if cycle.frame != expected and not (starts and expected is None):
            starts.append(cycle.frame)
        expected = cycle.frame + len(cycle.audio)
        assert np.array_equal(cycle.audio, left_at(np.arange(cycle.frame, expected)) * PLUGIN_GAIN)
        judged += 1
    assert judged > 250
    assert starts == [24_000, 240_000] or recorder.xruns
    assert recorder.gaps() == 0 or recorder.xruns
