"""`UdpSource`: transport news as JSON datagrams from any local program (docs/bridge-protocol.md)."""

from __future__ import annotations

import socket

from bridge.clock.source import host_time
from bridge.clock.transport import Transport
from bridge.sockets.listen import Address, Gate, UdpListener, bind, check_port
from bridge.sockets.source import WireSource
from bridge.sockets.wire import LINE_BYTES_MAX, PORT, WireMessage, encode


class UdpSource(WireSource[UdpListener]):
    """One message a datagram."""

    kind = "udp"

    def _listen(self) -> UdpListener:
        bound = bind(socket.SOCK_DGRAM, self.host, self._wanted_port, "UDP bridge")
        gate = Gate(self._per_s, self._per_s / 2)
        return UdpListener(bound, self._packet, self._problem, size_max=LINE_BYTES_MAX, gate=gate)

    def _packet(self, data: bytes, sender: Address, now_s: float) -> None:
        self._take(data, sender, now_s, lambda pong: self._answer(pong, sender))

    def _answer(self, data: bytes, sender: Address) -> bool:
        if self._listening is None:
            return False
        try:
            self._listening.socket.sendto(data, sender)
        except OSError:
            return False
        return True

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
