"""MIDI over JACK, every message with the frame it belongs to.

Needs the extra `jack` (JACK-Client) and a running server, which is never started from here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from bridge.clock.source import SourceError, host_time
from bridge.jack.frames import ServedFrames
from bridge.jack.source import leave, open_client
from bridge.midi.port import CLIENT_NAME, OnMessage


class JackMidiPort:
    """One MIDI port of a client of its own, connected to `connect`, or left to the user to connect.

    `process` is called in every cycle, with its first frame and its length in frames.
    """

    def __init__(
        self,
        client_name: str,
        connect: str | None,
        server: str | None,
        output: bool,
        process: Callable[[int, int], None],
    ) -> None:
        self._client_name, self._connect, self._server, self._output = client_name, connect, server, output
        self._on_cycle = process
        self._client: Any = None
        self._lost = False
        self.port: Any = None
        self.rate_hz = 48000.0
        self.frames = ServedFrames()

    @property
    def is_open(self) -> bool:
        """Whether there is a server to exchange messages with."""
        return self._client is not None and not self._lost

    @property
    def frame(self) -> int:
        """The server's frame of this moment, an estimate between cycles."""
        return self.frames.now(self._client)

    def read(self, clock: Callable[[], float]) -> tuple[int, float] | None:
        """The server's frame of this moment, and the moment by another clock; see `ServedFrames.read`."""
        return self.frames.read(self._client, clock)

    def start(self) -> None:
        """Open the port and connect it. Raises SourceError without the extra, the server or the other port."""
        self.stop()
        client = open_client(self._client_name, self._server)
        self.rate_hz, self.frames = float(client.samplerate), ServedFrames()
        self.port = client.midi_outports.register("out") if self._output else client.midi_inports.register("in")
        self._client, self._lost = client, False
        client.set_process_callback(self._process)
        client.set_shutdown_callback(self._shutdown)
        client.activate()
        try:
            self._join()
        except SourceError:
            self.stop()
            raise

    def stop(self) -> None:
        """Close the port."""
        client, self._client = self._client, None
        if client is not None:
            leave(client, self._lost)

    def revive(self) -> bool:
        """Open or connect the port again; whether it was opened. Raises SourceError while the server or the other
        port is away."""
        if self._lost:
            self.start()
            return True
        if self._client is not None and self._connect is not None and not self.port.connections:
            self._join()
        return False

    def _join(self) -> None:
        if self._connect is not None:
            ends = (self.port, self._connect) if self._output else (self._connect, self.port)
            try:
                self._client.connect(*ends)
            except importlib.import_module("jack").JackError as error:
                raise SourceError(f"JACK MIDI port {self._connect!r}: {error}") from error

    def _shutdown(self, *_: object) -> None:
        self._lost = True

    def _process(self, frames: int) -> None:
        client = self._client
        if client is not None:
            self._on_cycle(self.frames.begin(client, frames), frames)


class JackMidiInput:
    """A JACK MIDI input that calls `on_message(message, host time)`, from the server's thread; for controllers."""

    def __init__(
        self,
        connect: str | None,
        on_message: OnMessage,
        *,
        client_name: str = f"{CLIENT_NAME} control",
        server: str | None = None,
    ) -> None:
        self._on_message = on_message
        self.name = f"jack-midi:{connect or ''}".rstrip(":")
        self._jack = JackMidiPort(client_name, connect, server, False, self._process)
        self._jack.start()

    def revive(self) -> None:
        """Open or connect the port again. Raises SourceError while the server or the other port is away."""
        self._jack.revive()

    def close(self) -> None:
        """Close the port."""
        self._jack.stop()

    def _process(self, _start: int, _frames: int) -> None:
        now_s = host_time()
        for _, event in self._jack.port.incoming_midi_events():
            self._on_message(bytes(event), now_s)
