"""`PluginServer`: the port that plugins in a DAW connect to; who may, what they say, and sending them audio.

One thread serves all connections. What is to be done with what plugins say is up to an `Attendant`, whose methods
run in that thread. Connections are on loopback, need the token of the rendezvous file, and are limited in number.
"""

from __future__ import annotations

import dataclasses
import hmac
import logging
import selectors
import socket
import threading
from dataclasses import dataclass, field

from bridge.clock.source import Counts, SourceError, host_time
from bridge.plugin_link.codes import Verdict
from bridge.plugin_link.instance import Attendant, PluginInstance
from bridge.plugin_link.keys import Keys
from bridge.plugin_link.rendezvous import announce, find_host, new_token, withdraw
from bridge.plugin_link.wire import VERSION, FromPlugin, Hello, PluginReader, PluginTransport, Stats, Welcome, encode
from bridge.sockets.listen import bind

INSTANCES_MAX = 32
STRANGERS_MAX = 8  # connections that have not said hello yet
HELLO_LIMIT_S = 2.0
UNSENT_MAX = 64 << 20  # a plugin whose process stands still for long is given up
BUSY_S, IDLE_S = 0.002, 0.05
logger = logging.getLogger("bridge")


@dataclass(eq=False)
class _Connection:
    socket: socket.socket
    since_s: float
    reader: PluginReader = field(default_factory=PluginReader)
    instance: PluginInstance | None = None
    farewell: bytes = b""


class PluginServer:
    """Listens on loopback, announces itself in the rendezvous file, and serves until stopped.

    `port` 0 takes any. Raises SourceError from `start` if another host runs or the port is taken.
    """

    def __init__(self, attendant: Attendant, port: int = 0, instances_max: int = INSTANCES_MAX) -> None:
        self._attendant, self._wanted_port, self._instances_max = attendant, port, instances_max
        self._server: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._halt = threading.Event()
        self._connections: list[_Connection] = []
        self._token = b""
        self._refused = 0
        self.counts = Counts()

    def start(self) -> None:
        """Open the port and announce it."""
        if self._server is not None:
            return
        running = find_host()
        if running is not None:
            raise SourceError(f"plugin: a host for plugins runs already (process {running.pid})")
        self._server = bind(socket.SOCK_STREAM, "127.0.0.1", self._wanted_port, "plugin host")
        self._server.listen(STRANGERS_MAX)
        self._server.setblocking(False)
        self._token = new_token()
        try:
            announce(self.port, self._token)
        except SourceError:
            self._server.close()
            self._server = None
            raise
        self._halt.clear()
        self._thread = threading.Thread(target=self._run, args=(self._server,), name="plugin-server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Withdraw the announcement, hang up and close the port; doing it twice is harmless."""
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        withdraw(self._token)
        self._halt.set()
        self._thread.join(5)
        server.close()

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        return self._wanted_port if self._server is None else int(self._server.getsockname()[1])

    @property
    def instances(self) -> list[PluginInstance]:
        """The plugins that are connected."""
        return [c.instance for c in list(self._connections) if c.instance is not None]

    def _run(self, server: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(server, selectors.EVENT_READ, None)
            while not self._halt.is_set():
                busy = self._attend()
                for connection in list(self._connections):
                    self._send(connection, selector)
                for key, _ in selector.select(BUSY_S if busy else IDLE_S):
                    if key.data is None:
                        self._accept(server, selector)
                    else:
                        self._read(key.data, selector)
                self._drop_silent(selector)
            for connection in list(self._connections):
                self._close(connection, selector)

    def _attend(self) -> bool:
        try:
            return self._attendant.step(host_time())
        except Exception:  # the plugins play on with what they have; the log says what happened
            self._complain()
            return True

    def _complain(self) -> None:
        if not self.counts.listener_errors:  # once: what fails 500 times a second fills a disk
            logger.exception("the plugin host failed")
        self._count("listener_errors")

    def _accept(self, server: socket.socket, selector: selectors.BaseSelector) -> None:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        if sum(c.instance is None for c in self._connections) >= STRANGERS_MAX:
            connection.close()
            self._count("dropped")
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made = _Connection(connection, host_time())
        self._connections.append(made)
        selector.register(connection, selectors.EVENT_READ, made)

    def _read(self, connection: _Connection, selector: selectors.BaseSelector) -> None:
        if connection.socket.fileno() < 0:  # closed earlier in this round
            return
        try:
            data = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection, selector)
            return
        try:
            for message in connection.reader.feed(data):
                self._take(connection, message)
                self._count("received")
                if connection.farewell:
                    break
        except ValueError as error:
            self._count("malformed")
            logger.warning("plugin: %s", error)
            self._close(connection, selector)
            return
        if connection.farewell:
            try:
                connection.socket.send(connection.farewell)
            except OSError:
                self._count("dropped")
            self._close(connection, selector)

    def _take(self, connection: _Connection, message: FromPlugin) -> None:
        instance = connection.instance
        if isinstance(message, Hello):
            if instance is not None:
                raise ValueError("hello: said twice, must be said once")
            self._welcome(connection, message)
            return
        if instance is None:
            raise ValueError(f"type: {type(message).__name__} before Hello")
        if isinstance(message, Stats):
            instance.stats = message
            return
        now_s = host_time()
        try:
            if isinstance(message, Keys):
                self._attendant.played(instance, message)
            else:
                self._attendant.moved(instance, message, now_s)
        except Exception:
            self._complain()
        if isinstance(message, PluginTransport):
            instance.transport, instance.heard_s = message, now_s

    def _welcome(self, connection: _Connection, hello: Hello) -> None:
        verdict = Verdict.WELCOME
        if hello.version != VERSION:
            verdict = Verdict.WRONG_VERSION
        elif not hmac.compare_digest(hello.token, self._token):
            verdict = Verdict.WRONG_TOKEN
        elif len(self.instances) >= self._instances_max:
            verdict = Verdict.FULL
        if verdict is not Verdict.WELCOME:
            self._refused += 1
            if self._refused <= 10 or self._refused % 100 == 0:  # it tries again every second
                logger.warning("plugin: refused: %s", verdict.name.lower().replace("_", " "))
            self._count("dropped")
            connection.farewell = encode(Welcome(VERSION, verdict, 0))
            return
        instance = PluginInstance(hello, hello.generation % 0xFFFFFFFF + 1, heard_s=host_time())
        instance.unsent += encode(Welcome(VERSION, verdict, instance.generation, self._attendant.abilities))
        connection.instance = instance
        self._attendant.joined(instance)

    def _send(self, connection: _Connection, selector: selectors.BaseSelector) -> None:
        instance = connection.instance
        if instance is None:
            return
        waits = False
        try:
            while instance.unsent:
                with memoryview(instance.unsent) as view:
                    sent = connection.socket.send(view[: 1 << 18])
                del instance.unsent[:sent]
        except BlockingIOError:
            waits = True
        except OSError:
            self._close(connection, selector)
            return
        if len(instance.unsent) > UNSENT_MAX:
            self._count("dropped")
            self._close(connection, selector)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if waits else 0)
        if selector.get_key(connection.socket).events != events:
            selector.modify(connection.socket, events, connection)

    def _drop_silent(self, selector: selectors.BaseSelector) -> None:
        now_s = host_time()
        for connection in list(self._connections):
            if connection.instance is None and now_s - connection.since_s > HELLO_LIMIT_S:
                self._count("dropped")
                self._close(connection, selector)

    def _close(self, connection: _Connection, selector: selectors.BaseSelector) -> None:
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        selector.unregister(connection.socket)
        connection.socket.close()
        if connection.instance is not None:
            try:
                self._attendant.left(connection.instance)
            except Exception:
                self._complain()

    def _count(self, name: str) -> None:
        self.counts = dataclasses.replace(self.counts, **{name: getattr(self.counts, name) + 1})
