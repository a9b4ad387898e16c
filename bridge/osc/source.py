"""`OscSource`: any DAW that speaks OSC, by the table of its dialect."""

from __future__ import annotations

import socket
from typing import Any

from bridge.clock.motion import expected, merge
from bridge.clock.source import Action, Listener, TransportSource
from bridge.clock.transport import Transport, Valid
from bridge.osc.codec import decode_whole, encode, encode_bundle
from bridge.osc.dialects import DIALECTS, OWN_PREFIX, OWN_TYPES, Command, Dialect
from bridge.osc.readers import Memory, Reading
from bridge.sockets.listen import Address, Gate, Listens, UdpListener, bind, check_host, check_port


class OscSource(Listens[UdpListener], TransportSource):
    """Listens to one DAW, asks it for its transport, and can steer it.

    `dialect` is a table or its name (ableton, reaper, ardour, bitwig, musika). Ports default to the
    dialect's; it listens on loopback and sends there unless `allow_remote`. `latency_s` is how old the news
    is when it arrives. Raises ValueError for a host, port or dialect that is not valid.
    """

    def __init__(
        self,
        dialect: Dialect | str,
        *,
        host: str = "127.0.0.1",
        listen_port: int | None = None,
        send_host: str = "127.0.0.1",
        send_port: int | None = None,
        allow_remote: bool = False,
        latency_s: float = 0.0,
        listener: Listener | None = None,
    ) -> None:
        if isinstance(dialect, str):
            if dialect not in DIALECTS:
                raise ValueError(f"dialect: {dialect!r:.40}, must be one of {', '.join(DIALECTS)}")
            dialect = DIALECTS[dialect]
        super().__init__(f"osc-{dialect.name}", listener)
        self.dialect = dialect
        listen_port = dialect.listen_port if listen_port is None else listen_port
        self._listen_on(host, listen_port, allow_remote, "listen_port")
        self.send_host = check_host("send_host", send_host, allow_remote)
        self.send_port = check_port("send_port", dialect.send_port if send_port is None else send_port)
        self.latency_s = latency_s
        self._memory = Memory()
        self._heard_s = self._asked_s = float("-inf")

    def _listen(self) -> UdpListener:
        bound = bind(socket.SOCK_DGRAM, self.host, self._wanted_port, f"OSC from {self.dialect.name}")
        self._memory = Memory()
        self._asked_s = float("-inf")
        # a DAW that is asked for everything sends thousands of messages at once
        return UdpListener(bound, self.packet, self._problem, self._renew, gate=Gate(per_s=5000, burst=5000))

    def start(self) -> None:
        """Listen and subscribe. Raises SourceError if the port is taken."""
        super().start()
        self._renew(self.clock())

    def packet(self, data: bytes, sender: Address, now_s: float) -> None:
        """Take one packet. Raises ValueError if something in it is broken; the rest of it still counts."""
        messages, problem = decode_whole(data)
        if problem is not None and not messages:
            raise ValueError(problem)
        self._heard_s = now_s
        reading = Reading(expected(self._latest, now_s - self.latency_s), self._memory, now_s - self.latency_s)
        broken: Exception | None = None if problem is None else ValueError(problem)
        understood = 0
        for message in messages:
            reader = self.dialect.readers.get(message.address)
            if reader is None:
                continue
            try:
                reader(message.arguments, reading)
                understood += 1
            except (ValueError, ArithmeticError, LookupError, TypeError) as error:
                broken = error
        for derive in self.dialect.derive:
            try:
                derive(reading)
            except (ValueError, ArithmeticError) as error:
                broken = error
        self._count(received=understood)
        if reading.news:
            news = Transport.of(**reading.news, host_time_s=now_s - self.latency_s)
            self._publish(merge(self._latest, news))
        if broken is not None:
            raise ValueError(str(broken)) from broken

    def _problem(self, kind: str) -> None:
        self._count(**{kind: 1})

    def _renew(self, now_s: float) -> None:
        """Ask again when the DAW has been silent: it may have been started after us."""
        if now_s - max(self._heard_s, self._asked_s) >= self.dialect.renew_s:
            self._asked_s = now_s
            for command in self.dialect.subscribe:
                self._send(command, {})

    @property
    def steers(self) -> bool:
        """Whether the dialect has messages for play and stop."""
        return {"play", "stop"} <= self.dialect.commands.keys()

    def steer(self, action: Action) -> None:
        """Send the dialect's message. Raises SourceError where it has none, or nothing can be sent."""
        if not self.steers:
            super().steer(action)
        self.command(action)

    def command(self, name: str, **values: Any) -> None:
        """Steer the DAW: play, stop, tempo(bpm=), locate(beats= | seconds= | frames=, roll=), as it can.

        Raises ValueError for a command that the dialect lacks, or a value that is missing.
        """
        if name not in self.dialect.commands:
            able = ", ".join(self.dialect.commands) or "nothing"
            raise ValueError(f"command: {name!r:.40}, {self.dialect.name} can {able}")
        self._send(self.dialect.commands[name], values)

    def _send(self, command: Command, values: dict[str, Any]) -> None:
        arguments = []
        for kind, value in command.arguments:
            if isinstance(value, str):
                if value not in values:
                    raise ValueError(f"{value}: missing, {command.address} needs it")
                value = values[value]
            arguments.append((kind, int(value) if kind in "ih" else float(value)))
        if self._listening is not None and self.send_port:
            try:
                # from the port we listen on: some DAWs answer to where a message came from
                self._listening.socket.sendto(encode(command.address, arguments), (self.send_host, self.send_port))
            except OSError:
                return  # nobody there yet; `_renew` tries again


def own_messages(transport: Transport) -> bytes:
    """One packet with every known field as a message of our own dialect."""
    messages: list[tuple[str, list[tuple[str, Any]]]] = []
    for name, kind in OWN_TYPES.items():
        if transport.knows(Valid[name.upper()]):
            value = getattr(transport, name)
            messages.append((OWN_PREFIX + name, [(kind, float(value) if kind == "d" else int(value))]))
    return encode_bundle(messages)
