"""A stand-in for JACK-Client, as far as the sources and the clock ask it to."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

POSITION = {
    "usecs": 7_000_000,
    "frame_rate": 48000,
    "frame": 96000,
    "bar": 2,
    "beat": 1,
    "tick": 960.0 * 0,
    "bar_start_tick": 7680.0,
    "beats_per_bar": 4.0,
    "beat_type": 4.0,
    "ticks_per_beat": 1920.0,
    "beats_per_minute": 120.0,
}


class JackClient:
    """Does what JACK-Client does, as far as the sources ask it to."""

    samplerate, blocksize = 48000, 512

    def __init__(self, name: str, no_start_server: bool, servername: str | None) -> None:
        assert no_start_server
        if servername == "nowhere":
            raise JackError("server not found")
        self.name, self.runs = name, False
        self.log: list[Any] = []
        self.state, self.position = 0, dict(POSITION)
        self.events: list[tuple[int, bytes]] = []
        self.since = [0]
        self._frame = self.frame_time = 0
        self.midi_inports = self.midi_outports = Ports(lambda name: self)
        self.written: list[tuple[int, bytes]] = []
        self.torn = False
        self.outputs = ["system:playback_1", "system:playback_2"]
        self.outports = Ports(Port)
        clients.append(self)

    def set_shutdown_callback(self, callback: Callable[..., None]) -> None:
        self.shut_down = callback

    def set_xrun_callback(self, callback: Callable[[float], None]) -> None:
        self.xrun = callback

    def set_process_callback(self, callback: Callable[[int], None]) -> None:
        self.process = callback

    def set_freewheel_callback(self, callback: Callable[[int], None]) -> None:
        self.free_wheel = callback

    @property
    def last_frame_time(self) -> int:
        """Frames of the server; where it `runs` there is another cycle whenever one looks."""
        self._frame += 512 if self.runs else 0
        return self._frame

    @last_frame_time.setter
    def last_frame_time(self, frame: int) -> None:
        self._frame = frame

    @property
    def frames_since_cycle_start(self) -> int:
        return self.since.pop(0) if len(self.since) > 1 else self.since[0]

    def transport_query(self) -> tuple[int, dict[str, Any]]:
        if self.torn:
            raise AssertionError
        return self.state, self.position

    def transport_query_struct(self) -> tuple[int, SimpleNamespace]:
        return self.state, SimpleNamespace(frame=self.position["frame"])

    def incoming_midi_events(self) -> list[tuple[int, memoryview]]:
        return [(offset, memoryview(data)) for offset, data in self.events]

    def clear_buffer(self) -> None:
        """What was written belongs to the cycle before."""

    def write_midi_event(self, offset: int, message: bytes) -> None:
        self.written.append((self.last_frame_time + offset, message))

    def get_ports(self, pattern: str, **_: bool) -> list[str]:
        return [name for name in self.outputs if re.search(pattern, name)]

    def connect(self, source: object, target: object) -> None:
        if isinstance(source, Port):
            source.connections.append(str(target))
        if "no:port" in (source, target):
            raise JackError("no such port")
        self.log.append(("connect", source if isinstance(source, str) else target))

    def transport_locate(self, frames: int) -> None:
        self.log.append(("locate", frames))

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.log.append(name)


class Port:
    """An output of ours."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connections: list[str] = []
        self.block = np.zeros(512, np.float32)

    def get_array(self) -> np.ndarray:
        return self.block


class Ports(list[Any]):
    """Those of one kind."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        self._make = make

    def register(self, name: str) -> Any:
        self.append(self._make(name))
        return self[-1]


class JackError(Exception):
    pass


clients: list[JackClient] = []
