"""`TcpSource`: the JSON-lines protocol over TCP, for programs that would rather write lines to a stream."""

from __future__ import annotations

import socket

from bridge.sockets.lines import LineClient, LineServer
from bridge.sockets.listen import bind
from bridge.sockets.source import WireSource

CLIENTS_MAX = 8


class TcpSource(WireSource[LineServer]):
    """One message a line, of at most 8 clients; the connection stays where a line is dropped.

    A client that hangs up is forgotten at once.
    """

    kind = "tcp"

    def _listen(self) -> LineServer:
        bound = bind(socket.SOCK_STREAM, self.host, self._wanted_port, "TCP bridge")
        return LineServer(
            bound,
            self._line,
            self._problem,
            name="bridge-tcp",
            clients_max=CLIENTS_MAX,
            per_s=self._per_s,
            on_leave=self._leave,
        )

    def _line(self, client: LineClient, line: bytes, now_s: float) -> None:
        self._take(line, client, now_s, lambda pong: client.send(pong, news=True))

    def _problem(self, kind: str, _client: LineClient | None) -> None:
        self._count(**{kind: 1})

    def _leave(self, client: LineClient) -> None:
        before = self._receiver.transport
        self._receiver.leave(client)
        if self._receiver.transport is not before:
            self._publish(self._receiver.transport)
