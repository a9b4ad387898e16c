"""A stand-in for JACK-Client, as far as the sources and the clock ask it to."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

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

    samplerate = 48000

    def __init__(self, name: str, no_start_server: bool, servername: str | None) -> None:
        assert no_start_server
        if servername == "nowhere":
            raise JackError("server not found")
        self.log: list[Any] = []
        self.state, self.position = 0, dict(POSITION)
        self.events: list[tuple[int, bytes]] = []
        self.since = [0]
        self.last_frame_time = self.frame_time = 0
        self.midi_inports = self.midi_outports = SimpleNamespace(register=lambda name: self)
        self.written: list[tuple[int, bytes]] = []
        self.torn = False
        clients.append(self)

    def set_shutdown_callback(self, callback: Callable[..., None]) -> None:
        self.shut_down = callback

    def set_process_callback(self, callback: Callable[[int], None]) -> None:
        self.process = callback

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

    def connect(self, source: object, target: object) -> None:
        if "no:port" in (source, target):
            raise JackError("no such port")
        self.log.append(("connect", source if isinstance(source, str) else target))

    def transport_locate(self, frames: int) -> None:
        self.log.append(("locate", frames))

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.log.append(name)


class JackError(Exception):
    pass


clients: list[JackClient] = []
