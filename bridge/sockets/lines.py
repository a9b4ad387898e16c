"""`LineServer`: a TCP port for programs that write lines; sizes, rates and clients limited, drops counted."""

from __future__ import annotations

import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from bridge.clock.source import host_time
from bridge.sockets.listen import Gate
from bridge.sockets.wire import LINE_BYTES_MAX

UNSENT_BYTES_MAX = 1 << 20
UNSENT_NEWS_BYTES_MAX = 1 << 16
SELECT_S = 0.1


class LineClient:
    """One connection. `send` and `hang_up` may be called from any thread; `data` is the user's."""

    def __init__(self, connection: socket.socket, gate: Gate) -> None:
        self.socket = connection
        self.data: Any = None
        self.gate = gate
        self.lines = 0
        self.buffer = b""
        self.skipping = False  # in a line that is too long, until its end
        self.is_open = True
        self._lock = threading.Lock()
        self._unsent = bytearray()

    def send(self, data: bytes, news: bool = False) -> bool:
        """Send at once, or as soon as the other side reads again; returns whether it will be.

        `news` is what will be told again: it is left out for a client that is behind. One that reads nothing at
        all is hung up on.
        """
        with self._lock:
            if not self.is_open or (news and len(self._unsent) > UNSENT_NEWS_BYTES_MAX):
                return False
            self._unsent += data
        self.flush()
        return self.is_open

    def flush(self) -> None:
        """Send what is waiting, as far as it goes."""
        with self._lock:
            try:
                while self._unsent and self.is_open:
                    del self._unsent[: self.socket.send(self._unsent)]
            except BlockingIOError:
                if len(self._unsent) > UNSENT_BYTES_MAX:
                    self.is_open = False
            except OSError:
                self.is_open = False

    @property
    def is_behind(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._unsent)

    def hang_up(self) -> None:
        """Close after what was sent."""
        self.is_open = False


class LineServer:
    """Serves a bound socket in a thread of its own.

    `on_line` gets (client, line, host time); if it raises ValueError the line is malformed. `on_problem` gets
    "malformed", "oversized" (a line longer than `LINE_BYTES_MAX`; its rest is skipped) or "dropped" (beyond the rate,
    or beyond `clients_max` connections), and the client, or None where there is none yet. `on_join` and `on_leave`
    are told of connections; `on_tick` is called every `tick_s` at the latest. All run in the server's thread.
    """

    def __init__(
        self,
        bound: socket.socket,
        on_line: Callable[[LineClient, bytes, float], None],
        on_problem: Callable[[str, LineClient | None], None],
        *,
        name: str,
        clients_max: int = 8,
        per_s: float = 2000.0,
        on_join: Callable[[LineClient], None] | None = None,
        on_leave: Callable[[LineClient], None] | None = None,
        on_tick: Callable[[float], None] | None = None,
        tick_s: float = SELECT_S,
    ) -> None:
        self._server = bound
        self._on_line, self._on_problem = on_line, on_problem
        self._on_join, self._on_leave, self._on_tick = on_join, on_leave, on_tick
        self._clients_max, self._per_s, self._tick_s = clients_max, per_s, tick_s
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.clients: list[LineClient] = []
        bound.listen(clients_max)
        bound.setblocking(False)

    def start(self) -> None:
        """Begin to serve; who connected before has been waiting."""
        self._thread.start()

    def close(self) -> None:
        """Close the port and every connection."""
        self._halt.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(2)
        self._server.close()

    @property
    def port(self) -> int:
        """The port listened on."""
        return int(self._server.getsockname()[1])

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ, None)
            while not self._halt.is_set():
                for key, events in selector.select(self._tick_s if self.clients else SELECT_S):
                    if key.data is None:
                        self._accept(selector)
                        continue
                    if events & selectors.EVENT_WRITE:
                        key.data.flush()
                    if events & selectors.EVENT_READ:
                        self._read(key.data)
                if self._on_tick is not None:
                    self._on_tick(host_time())
                for client in list(self.clients):
                    if not client.is_open:
                        self._leave(client, selector)
                    else:
                        behind = selectors.EVENT_WRITE if client.is_behind else 0
                        if selector.get_key(client.socket).events != selectors.EVENT_READ | behind:
                            selector.modify(client.socket, selectors.EVENT_READ | behind, client)
            for client in list(self.clients):
                client.socket.close()
            self.clients.clear()

    def _accept(self, selector: selectors.BaseSelector) -> None:
        try:
            connection, _ = self._server.accept()
        except OSError:
            return
        if len(self.clients) >= self._clients_max:
            connection.close()
            self._on_problem("dropped", None)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = LineClient(connection, Gate(self._per_s, self._per_s / 2))
        selector.register(connection, selectors.EVENT_READ, client)
        self.clients.append(client)
        if self._on_join is not None:
            self._on_join(client)

    def _leave(self, client: LineClient, selector: selectors.BaseSelector) -> None:
        selector.unregister(client.socket)
        client.socket.close()
        self.clients.remove(client)
        if self._on_leave is not None:
            self._on_leave(client)

    def _read(self, client: LineClient) -> None:
        try:
            data = client.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            client.hang_up()
            return
        now_s = host_time()
        *lines, client.buffer = (client.buffer + data).split(b"\n")
        queue = deque(lines)
        while queue and client.is_open:
            line = queue.popleft()
            if client.skipping:
                client.skipping = False  # the tail of a line already counted
            elif line.strip():
                self._line(client, line, now_s)
        if len(client.buffer) > LINE_BYTES_MAX:
            if not client.skipping:
                self._on_problem("oversized", client)
            client.buffer, client.skipping = b"", True

    def _line(self, client: LineClient, line: bytes, now_s: float) -> None:
        client.lines += 1
        if not client.gate.admits(now_s):
            self._on_problem("dropped", client)
        elif len(line) > LINE_BYTES_MAX:
            self._on_problem("oversized", client)
        else:
            try:
                self._on_line(client, line, now_s)
            except ValueError:
                self._on_problem("malformed", client)
