"""`Clicks`: a listener in a JACK server that finds clicks block by block, so that no sound is kept."""

from __future__ import annotations

import importlib
from array import array
from typing import Any

import numpy as np

from bridge.jack.frames import FRAMES_WRAP, ROLLING

RATE = 48_000
HEARD = 0.003  # some -50 dB
LOUD = 0.2
APART = 600  # frames of quiet between two clicks


class Clicks:
    """A JACK client that hears one port. `frames` are those of the transport at which clicks began while it rolled,
    `gaps` counts the times that the server's counter went on by more than a cycle."""

    def __init__(self, server: str, port: str) -> None:
        jack = importlib.import_module("jack")
        self.client = jack.Client("listener", no_start_server=True, servername=server)
        self._port = self.client.inports.register("in")
        self._quiet = 10**9
        # in eight bytes each: what is measured is the host's memory, not that of this list
        self.frames = array("q")
        self.gaps = 0
        self._next: int | None = None
        self.loud_at: int | None = None
        self.prepare()
        self.client.set_process_callback(self._process)
        self.client.activate()
        self.client.connect(port, self._port)

    def prepare(self) -> None:
        """Called before the client is activated, when callbacks may still be set."""

    def hear(self, frame: int) -> None:
        """A click began on a frame of the transport. In the server's thread."""
        self.frames.append(frame)

    def cycle(self, state: int, frame: int, missed: bool) -> None:
        """A cycle begins, some before it were missed or none. In the server's thread, before what is heard in it."""

    def _process(self, frames: int) -> None:
        audio = self._port.get_array()
        state, position = self.client.transport_query_struct()
        counter = self.client.last_frame_time
        missed = self._next is not None and counter != self._next
        self.gaps += missed
        self._next = (counter + frames) % FRAMES_WRAP
        self.cycle(state, position.frame, missed)
        loud = np.flatnonzero(np.abs(audio) > LOUD)
        if len(loud):
            if self._quiet + int(loud[0]) > APART and state == ROLLING:
                self.hear(position.frame + int(loud[0]))
            self._quiet = frames - int(loud[-1])
        else:
            self._quiet += frames
        if self.loud_at is None and np.abs(audio).max() > HEARD and state == ROLLING:
            self.loud_at = counter

    def close(self) -> None:
        """Leave the server."""
        self.client.deactivate()
        self.client.close()


def off_beat_ms(frames: Any, beat_frames: float) -> np.ndarray:
    """How late each frame is against the beats counted from the first frame of the transport."""
    frames = np.array(frames, float)
    return np.asarray((frames - np.round(frames / beat_frames) * beat_frames) / RATE * 1000)
