"""`UdpSource`: transport news as JSON datagrams from any local program (docs/bridge-protocol.md)."""

from __future__ import annotations

import socket

from bridge.motion import merge
from bridge.sockets import Address, Gate, UdpListener, bind, check_host, check_port
from bridge.source import Listener, TransportSource, host_time
from bridge.transport import Transport
from bridge.wire import LINE_BYTES_MAX, PORT, WireMessage, decode, encode

HOLD_S = 1.0


class WireReceiver:
    """What to make of wire messages from several senders: one is heard, until it says bye or falls silent."""

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self._speaker: object = None
        self._heard_s = float("-inf")
        self.transport = Transport()

    def take(self, message: WireMessage, sender: object, now_s: float) -> bool:
        """Work one message in; returns whether it was from the one who is heard."""
        if message.kind not in ("transport", "bye"):
            return True
        if sender != self._speaker:
            if now_s - self._heard_s < self._hold_s:
                return False
            # what another sender said is no ground to build this one's news on
            self._speaker, self.transport = sender, Transport()
        self._heard_s = now_s
        if message.kind == "bye":
            self.leave(sender)
            return True
        news = message.news.replace(host_time_s=now_s - message.age_s)
        self.transport = merge(self.transport.without(message.forgotten), news)
        return True

    def leave(self, sender: object) -> None:
        """The sender is gone: nothing is known any more, and anyone may speak."""
        if sender == self._speaker:
            self._speaker, self._heard_s = None, float("-inf")
            self.transport = Transport()


class UdpSource(TransportSource):
    """Listens for JSON datagrams of at most 4096 bytes on loopback, or elsewhere if `allow_remote`.

    Datagrams that are malformed, too long, too many (`per_s`), or from a second sender while the first still
    speaks, are dropped and counted. Raises ValueError for a host or port that is none.
    """

    def __init__(
        self,
        port: int = PORT,
        *,
        host: str = "127.0.0.1",
        allow_remote: bool = False,
        per_s: float = 2000.0,
        listener: Listener | None = None,
    ) -> None:
        super().__init__("udp", listener)
        self.host = check_host("host", host, allow_remote)
        self._wanted_port = check_port("port", port)
        self._per_s = per_s
        self._receiver = WireReceiver()
        self._listening: UdpListener | None = None

    def start(self) -> None:
        """Open the port. Raises SourceError if it is taken."""
        if self._listening is None:
            bound = bind(socket.SOCK_DGRAM, self.host, self._wanted_port, "UDP bridge")
            self._receiver = WireReceiver()
            gate = Gate(self._per_s, self._per_s / 2)
            self._listening = UdpListener(
                bound, self._packet, self._problem, size_max=LINE_BYTES_MAX, gate=gate
            )
            self._listening.start()

    def stop(self) -> None:
        """Close the port."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()

    @property
    def port(self) -> int:
        """The port listened on, once started; before that the one that was asked for."""
        return self._wanted_port if self._listening is None else self._listening.port

    def _packet(self, data: bytes, sender: Address, now_s: float) -> None:
        message = decode(data)
        if message.kind == "ping" and self._listening is not None:
            try:
                self._listening.socket.sendto(encode(WireMessage("pong", id=message.id)), sender)
            except OSError:
                self._count(dropped=1)
                return
        if not self._receiver.take(message, sender, now_s):
            self._count(dropped=1)
            return
        self._count(received=1)
        if message.kind in ("transport", "bye"):
            self._publish(self._receiver.transport)

    def _problem(self, kind: str) -> None:
        self._count(**{kind: 1})


class UdpSender:
    """Tells a `UdpSource` about a transport; for programs that lead, and for tests."""

    def __init__(self, port: int = PORT, host: str = "127.0.0.1") -> None:
        self._address = (host, check_port("port", port, 1))
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, transport: Transport) -> None:
        """Send every known field; the host time becomes an age."""
        has_time = "host_time_s" in transport.known()
        age_s = max(0.0, host_time() - transport.host_time_s) if has_time else 0.0
        self.send_message(WireMessage("transport", transport, age_s=min(age_s, 10.0)))

    def send_message(self, message: WireMessage) -> None:
        """Send any message."""
        self._socket.sendto(encode(message), self._address)

    def close(self) -> None:
        """Say bye and give the socket back."""
        try:
            self.send_message(WireMessage("bye"))
        finally:
            self._socket.close()
