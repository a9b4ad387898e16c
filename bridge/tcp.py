"""`TcpSource`: the JSON-lines protocol over TCP, for programs that would rather write lines to a stream."""

from __future__ import annotations

import socket

from bridge.line_server import LineClient, LineServer
from bridge.sockets import bind, check_host, check_port
from bridge.source import Listener, TransportSource
from bridge.udp import WireReceiver
from bridge.wire import PORT, WireMessage, decode, encode

CLIENTS_MAX = 8


class TcpSource(TransportSource):
    """Listens for JSON lines on loopback, or elsewhere if `allow_remote`; at most 8 clients.

    Lines that are malformed, longer than 4096 bytes, too many, or from a second client while the first still
    speaks, are dropped and counted; the connection stays. A client that hangs up is forgotten at once.
    Raises ValueError for a host or port that is none.
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
        super().__init__("tcp", listener)
        self.host = check_host("host", host, allow_remote)
        self._wanted_port = check_port("port", port)
        self._per_s = per_s
        self._receiver = WireReceiver()
        self._server: LineServer | None = None

    def start(self) -> None:
        """Open the port. Raises SourceError if it is taken."""
        if self._server is None:
            bound = bind(socket.SOCK_STREAM, self.host, self._wanted_port, "TCP bridge")
            self._receiver = WireReceiver()
            self._server = LineServer(
                bound, self._line, self._problem, name="bridge-tcp", clients_max=CLIENTS_MAX, per_s=self._per_s,
                on_leave=self._leave,
            )  # fmt: skip
            self._server.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    @property
    def port(self) -> int:
        """The port listened on, once started; before that the one that was asked for."""
        return self._wanted_port if self._server is None else self._server.port

    def _problem(self, kind: str, _client: LineClient | None) -> None:
        self._count(**{kind: 1})

    def _leave(self, client: LineClient) -> None:
        before = self._receiver.transport
        self._receiver.leave(client)
        if self._receiver.transport is not before:
            self._publish(self._receiver.transport)

    def _line(self, client: LineClient, line: bytes, now_s: float) -> None:
        message = decode(line)
        if not self._receiver.take(message, client, now_s):
            self._count(dropped=1)
            return
        self._count(received=1)
        if message.kind == "ping":
            if not client.send(encode(WireMessage("pong", id=message.id)), news=True):
                self._count(dropped=1)  # it does not read its answers; it will be gone or will ask again
        elif message.kind in ("transport", "bye"):
            self._publish(self._receiver.transport)
