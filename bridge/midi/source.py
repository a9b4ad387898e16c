"""`MidiSource`: a transport source that feeds a state machine from a MIDI port."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

from bridge.clock.source import Listener, SourceError, TransportSource, host_time
from bridge.clock.transport import Transport
from bridge.midi.port import InputPort, choose, list_ports, open_input


class Machine(Protocol):
    """Understands one MIDI protocol."""

    def feed(self, message: Sequence[int], time_s: float) -> bool:
        """Take a message; returns whether it belongs to the protocol. Raises ValueError if it is broken."""

    def transport(self, time_s: float) -> Transport:
        """The transport at any moment."""


class MidiSource(TransportSource):
    """A MIDI port, by name or part of one, or a virtual one of our own, and the machine that reads it.

    `api` is "alsa", "core" or "winmm"; without it every system that works is searched. `latency_s`
    is taken off every time stamp. `start` raises SourceError naming the port or the missing MIDI system.
    """

    def __init__(
        self,
        name: str,
        port: str | None = None,
        *,
        virtual: str | None = None,
        api: str | None = None,
        latency_s: float = 0.0,
        listener: Listener | None = None,
        clock: Callable[[], float] = host_time,
        opener: Callable[..., InputPort] = open_input,
    ) -> None:
        if (port is None) == (virtual is None):
            raise ValueError(f"port: {port!r}, virtual: {virtual!r}, exactly one must be given")
        super().__init__(name, listener, clock)
        self.port, self.virtual, self.api, self.latency_s = port, virtual, api, latency_s
        self._opener = opener
        self._input: InputPort | None = None
        self._gone = False
        self._heard = 0

    @property
    @abstractmethod
    def machine(self) -> Machine:
        """The state machine in use."""

    @abstractmethod
    def reset(self) -> None:
        """Make a new state machine."""

    def start(self) -> None:
        """Open the port. Raises SourceError."""
        if self._input is None:
            self.reset()
            self._input = self._opener(self.port, self.message, virtual=self.virtual, api=self.api)

    def stop(self) -> None:
        """Close the port."""
        port, self._input = self._input, None
        if port is not None:
            port.close()

    def revive(self) -> None:
        """Open the port again when it was away and is back; asked only while nothing comes in."""
        heard, before = self.counts.received, self._heard
        self._heard = heard
        if self._input is None or self.port is None or heard != before:
            return
        try:
            there = choose(self.port, [name for _, name in list_ports(api=self.api)]) is not None
        except SourceError:
            there = False
        if there and self._gone:
            self.stop()
            self.start()
        self._gone = not there

    def message(self, message: Sequence[int], time_s: float) -> None:
        """Take a message from the port, or from elsewhere; broken ones are counted."""
        time_s -= self.latency_s
        try:
            ours = self.machine.feed(message, time_s)
        except ValueError:
            self._count(malformed=1)
            return
        if ours:
            self._count(received=1)
            self._publish(self.machine.transport(time_s))

    def latest(self) -> Transport:
        """The transport of this moment, extrapolated between messages and through three missing ones."""
        return self.machine.transport(self.clock())
