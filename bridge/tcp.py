"""`TcpSource`: the JSON-lines protocol over TCP, for programs that would rather write lines to a stream."""

from __future__ import annotations

import selectors
import socket
import threading
from dataclasses import dataclass

from bridge.sockets import Gate, bind, check_host, check_port
from bridge.source import Listener, TransportSource, host_time
from bridge.udp import WireReceiver
from bridge.wire import LINE_BYTES_MAX, PORT, WireMessage, decode, encode

CLIENTS_MAX = 8


@dataclass
class _Client:
    socket: socket.socket
    gate: Gate
    buffer: bytes = b""
    skipping: bool = False  # in a line that is too long, until its end


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
        self._server: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._halt = threading.Event()

    def start(self) -> None:
        """Open the port. Raises SourceError if it is taken."""
        if self._server is None:
            self._server = bind(socket.SOCK_STREAM, self.host, self._wanted_port, "TCP bridge")
            self._server.listen(CLIENTS_MAX)
            self._server.setblocking(False)
            self._receiver = WireReceiver()
            self._halt.clear()
            self._thread = threading.Thread(
                target=self._run, args=(self._server,), name="bridge-tcp", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            self._halt.set()
            self._thread.join(2)
            server.close()

    @property
    def port(self) -> int:
        """The port listened on, once started; before that the one that was asked for."""
        return self._wanted_port if self._server is None else int(self._server.getsockname()[1])

    def _run(self, server: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(server, selectors.EVENT_READ, None)
            while not self._halt.is_set():
                for key, _ in selector.select(0.1):
                    if key.data is None:
                        self._accept(server, selector)
                    else:
                        self._read(key.data, selector)
            for key in list(selector.get_map().values()):
                if key.data is not None:
                    key.data.socket.close()

    def _accept(self, server: socket.socket, selector: selectors.BaseSelector) -> None:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        if len(selector.get_map()) > CLIENTS_MAX:
            connection.close()
            self._count(dropped=1)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = _Client(connection, Gate(self._per_s, self._per_s / 2))
        selector.register(connection, selectors.EVENT_READ, client)

    def _read(self, client: _Client, selector: selectors.BaseSelector) -> None:
        try:
            data = client.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            selector.unregister(client.socket)
            client.socket.close()
            before = self._receiver.transport
            self._receiver.leave(client)
            if self._receiver.transport is not before:
                self._publish(self._receiver.transport)
            return
        now_s = host_time()
        *lines, client.buffer = (client.buffer + data).split(b"\n")
        for line in lines:
            if client.skipping:
                client.skipping = False  # the tail of a line already counted
            else:
                self._line(client, line, now_s)
        if len(client.buffer) > LINE_BYTES_MAX:
            if not client.skipping:
                self._count(oversized=1)
            client.buffer, client.skipping = b"", True

    def _line(self, client: _Client, line: bytes, now_s: float) -> None:
        if not line.strip():
            return
        if not client.gate.admits(now_s):
            self._count(dropped=1)
        elif len(line) > LINE_BYTES_MAX:
            self._count(oversized=1)
        else:
            try:
                message = decode(line)
            except ValueError:
                self._count(malformed=1)
                return
            self._message(client, message, now_s)

    def _message(self, client: _Client, message: WireMessage, now_s: float) -> None:
        if not self._receiver.take(message, client, now_s):
            self._count(dropped=1)
            return
        self._count(received=1)
        if message.kind == "ping":
            try:
                client.socket.send(encode(WireMessage("pong", id=message.id)))
            except OSError:  # it does not read its answers; it will be gone or will ask again
                self._count(dropped=1)
        elif message.kind in ("transport", "bye"):
            self._publish(self._receiver.transport)
