"""A renderer outlives a host that was killed by a while, so that the next host need not load a model again.

```
host 1 --pipe--> renderer        killed: the pipe ends without a word
                 renderer        says in a file where it listens, and what it has loaded
host 2 --pipe--> renderer        reads that and goes on with it; without a next host the renderer ends
```
The file is for this user alone and holds the key without which nobody is answered.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import threading
import time
from dataclasses import asdict, dataclass
from multiprocessing import AuthenticationError, resource_tracker
from multiprocessing.connection import Client, Connection, Listener
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

from bridge.plugin_link.rendezvous import write_private

ORPHAN_FILE = "plugin-renderer"
ORPHAN_S = 30.0
GREETING_S = 1.0
FILE_BYTES_MAX = 4096
KEY_BYTES = 16


@dataclass(frozen=True)
class Notice:
    """What an orphan says of itself: where it listens, the key, its process, what it has loaded."""

    port: int
    key: str
    pid: int
    loaded: str


@dataclass(frozen=True)
class Task:
    """What a renderer renders into: shared memory of a host, in so many slots."""

    memory_name: str
    slots: int


def parse_notice(text: str) -> Notice:
    """The contents of an orphan's file. Raises ValueError if it is none."""
    try:
        notice = Notice(**json.loads(text))
        whole = type(notice.port) is int and type(notice.pid) is int and isinstance(notice.loaded, str)
        good = whole and 0 < notice.port < 1 << 16 and 0 < notice.pid < 1 << 32
        good = good and len(bytes.fromhex(notice.key)) == KEY_BYTES
    except (TypeError, ValueError, RecursionError):
        good = False
    if not good:
        raise ValueError(f"{ORPHAN_FILE}: {text!r:.60}, must be what a renderer wrote")
    return notice


class Adopted:
    """The process of an orphan, as far as a host that did not start it can see to it."""

    def __init__(self, pid: int, pipe: Connection) -> None:
        self.pid, self._pipe = pid, pipe
        self._gone = False

    def join(self, timeout_s: float) -> None:
        """Wait for it to end, which ends its pipe."""
        end_s = time.monotonic() + timeout_s
        try:
            while self._pipe.poll(max(0.0, end_s - time.monotonic())):
                self._pipe.recv()
        except (EOFError, OSError):
            self._gone = True

    def is_alive(self) -> bool:
        """Whether it is not known to have ended."""
        return not self._gone

    def terminate(self) -> None:
        """Have it end."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGTERM)


def adopt(file: Path, loaded: str) -> tuple[Connection, Adopted] | None:
    """A renderer that a killed host left and that has `loaded` what is wanted, or None."""
    try:
        with file.open("rb") as opened:
            notice = parse_notice(opened.read(FILE_BYTES_MAX).decode("ascii"))
        if notice.loaded != loaded or not _greets(notice.port):
            return None
        pipe = Client(("127.0.0.1", notice.port), authkey=bytes.fromhex(notice.key))
    except (OSError, ValueError, EOFError, AuthenticationError):
        return None
    _send_at_once(pipe)
    return pipe, Adopted(notice.pid, pipe)


def _greets(port: int) -> bool:
    """Whether somebody speaks at once who is connected to, as a renderer does: for another who has its port now
    (it may have been killed as well) `Client` would wait for ever."""
    with socket.create_connection(("127.0.0.1", port), GREETING_S) as there:
        return bool(there.recv(1))


def wait_for_host(file: Path, loaded: str, limit_s: float = ORPHAN_S) -> Connection | None:
    """In the renderer: be found by the next host; None, or the end of the process, if none comes in time."""
    key = secrets.token_bytes(KEY_BYTES)
    try:
        listener = Listener(("127.0.0.1", 0), authkey=key)
        notice = Notice(listener.address[1], key.hex(), os.getpid(), loaded)
        write_private(file, json.dumps(asdict(notice)))
    except OSError:
        return None

    def give_up() -> None:  # the thread that waits cannot be told
        _withdraw(file, notice)
        os._exit(0)

    timer = threading.Timer(limit_s, give_up)
    timer.daemon = True
    timer.start()
    try:
        while True:
            try:
                pipe = listener.accept()
            except (AuthenticationError, EOFError, ConnectionError):
                continue  # a stranger
            except OSError:
                return None
            _send_at_once(pipe)
            return pipe
    finally:
        timer.cancel()
        listener.close()
        _withdraw(file, notice)


def attach(task: Task) -> SharedMemory:
    """In an adopted renderer: the memory of a host that did not start it. Raises OSError if there is none."""
    memory = SharedMemory(task.memory_name)
    if os.name == "posix":  # the tracker of the dead host would free it with this process
        resource_tracker.unregister(f"/{memory.name}", "shared_memory")
    return memory


def bury(memory: SharedMemory) -> None:
    """Free the memory of the host that started this process and was killed: the tracker that they share lives on in
    this process. (That of a host which did not start it has gone with it, and has freed its memory.)"""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            memory.unlink()


def _withdraw(file: Path, notice: Notice) -> None:
    with contextlib.suppress(OSError, ValueError):
        if parse_notice(file.read_text("ascii")) == notice:
            file.unlink()


def _send_at_once(pipe: Connection) -> None:
    """Small messages are not held back until the last one was acknowledged."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(pipe.fileno())) as shared:
        shared.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
