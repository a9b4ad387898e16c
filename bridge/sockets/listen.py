"""Listening: loopback unless told otherwise, and for UDP sizes and rates limited, drops counted."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from bridge.clock.source import SourceError, host_time

Address = tuple[Any, ...]
OnPacket = Callable[[bytes, Address, float], None]
OnProblem = Callable[[str], None]


def check_host(name: str, host: str, allow_remote: bool) -> str:
    """The host, as a numeric address. Raises ValueError if it is not loopback and that was not allowed."""
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{name}: {host!r:.60}, must be a numeric address such as 127.0.0.1") from None
    if not address.is_loopback and not allow_remote:
        raise ValueError(f"{name}: {host}, must be a loopback address unless remote ones are allowed")
    return host


def check_port(name: str, port: int, least: int = 0) -> int:
    """The port. Raises ValueError if it is none."""
    if not least <= port <= 65535:
        raise ValueError(f"{name}: {port}, must be in {least}..65535")
    return port


class Gate:
    """Lets `per_s` messages a second through, and up to `burst` at once after a pause."""

    def __init__(self, per_s: float = 2000.0, burst: float = 1000.0) -> None:
        self._per_s, self._burst = per_s, burst
        self._left = burst
        self._last_s: float | None = None

    def admits(self, now_s: float) -> bool:
        """Whether one more message may pass now."""
        if self._last_s is not None:
            self._left = min(self._burst, self._left + max(0.0, now_s - self._last_s) * self._per_s)
        self._last_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


def bind(kind: socket.SocketKind, host: str, port: int, what: str) -> socket.socket:
    """A bound socket. Raises SourceError naming what it is for and the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.socket(family, kind)
    except OSError as error:
        raise SourceError(f"{what}: no socket: {error.strerror or error}") from error
    if kind == socket.SOCK_STREAM and os.name == "posix":
        # a program that was ended and started again finds its port held by the old connections for a minute
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        reason = error.strerror or error
        raise SourceError(f"{what}: port {port} on {host} cannot be used: {reason}") from error
    return bound


class Listening(Protocol):
    """An open port with a thread: a `UdpListener` or a `LineServer`."""

    @property
    def port(self) -> int:
        """The port listened on."""

    def start(self) -> None:
        """Begin to listen."""

    def close(self) -> None:
        """Stop and give the port back."""


L = TypeVar("L", bound=Listening)


class Listens(ABC, Generic[L]):
    """What listens on one port from `start` to `stop`, on loopback, or elsewhere if `allow_remote`.

    `_listen_on`, to be called first, raises ValueError for a host or port that is not valid.
    """

    host: str
    _wanted_port: int
    _listening: L | None

    def _listen_on(self, host: str, port: int, allow_remote: bool, name: str = "port") -> None:
        self.host = check_host("host", host, allow_remote)
        self._wanted_port = check_port(name, port)
        self._listening = None

    @abstractmethod
    def _listen(self) -> L:
        """Bind the port. Raises SourceError if it is taken."""

    def start(self) -> None:
        """Open the port. Raises SourceError if it is taken."""
        if self._listening is None:
            self._listening = self._listen()
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


class UdpListener:
    """A UDP socket with a thread that hands over packets.

    `on_packet` gets (data, sender, host time); `on_problem` gets "oversized" or "dropped" for packets longer
    than `size_max` or beyond the rate, or "malformed" if `on_packet` raised ValueError. `on_idle` is called
    about ten times a second. Nothing that arrives ends the thread, which `start` begins.
    """

    def __init__(
        self,
        bound: socket.socket,
        on_packet: OnPacket,
        on_problem: OnProblem,
        on_idle: Callable[[float], None] | None = None,
        *,
        size_max: int = 8192,
        gate: Gate | None = None,
    ) -> None:
        self.socket = bound
        self._on_packet, self._on_problem, self._on_idle = on_packet, on_problem, on_idle
        self._size_max = size_max
        self._gate = gate or Gate()
        self._halt = False
        self._thread = threading.Thread(target=self._run, name="bridge-udp", daemon=True)
        bound.settimeout(0.1)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    @property
    def port(self) -> int:
        """The port listened on."""
        return int(self.socket.getsockname()[1])

    def close(self) -> None:
        """Stop and give the socket back."""
        self._halt = True
        if threading.current_thread() is not self._thread:
            self._thread.join(2)
        self.socket.close()

    def _run(self) -> None:
        idle_s = 0.0
        while not self._halt:
            try:
                data, sender = self.socket.recvfrom(self._size_max + 1)
            except TimeoutError:
                data = None
            except OSError:  # an earlier send was refused (the peer is gone), or the socket was closed
                if self.socket.fileno() < 0:
                    return
                continue
            now_s = host_time()
            if self._on_idle is not None and now_s - idle_s > 0.1:
                idle_s = now_s
                self._on_idle(now_s)
            if data is None:
                continue
            if not self._gate.admits(now_s):
                self._on_problem("dropped")
            elif len(data) > self._size_max:
                self._on_problem("oversized")
            else:
                try:
                    self._on_packet(data, sender, now_s)
                except (ValueError, ArithmeticError, LookupError, TypeError, RecursionError):
                    # the readers raise ValueError; the others are what hostile data may trip a decoder with
                    self._on_problem("malformed")
