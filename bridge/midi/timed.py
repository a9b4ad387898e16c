"""`TimedMidiOut`: MIDI messages sent each at its time, from a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable

from bridge.clock.source import host_time
from bridge.midi.out import Output
from bridge.midi.port import open_output

LOOK_S = 0.001
logger = logging.getLogger("bridge")


class TimedMidiOut:
    """Sends what it is given to a port, by name or virtual, in that order, nothing before its time.

    `put` neither locks nor waits, so an audio callback may call it. What a port refuses, one that was unplugged, is
    counted as `lost`, the first is told, and the rest goes on.
    """

    def __init__(
        self, port: str | None, *, virtual: str | None = None, opener: Callable[..., Output] = open_output
    ) -> None:
        self._port, self._virtual, self._opener = port, virtual, opener
        self._due: deque[tuple[float, bytes]] = deque()
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self._output: Output | None = None
        self.sent = self.lost = 0

    def start(self) -> None:
        """Open the port and begin to send. Raises SourceError."""
        if self._thread is None:
            self._output = output = self._opener(self._port, virtual=self._virtual)
            self._due.clear()
            self._halt.clear()
            self._thread = threading.Thread(target=self._run, args=(output,), name="timed-midi-out", daemon=True)
            self._thread.start()

    def put(self, due_s: float, message: bytes) -> None:
        """Have a message sent at a host time."""
        self._due.append((due_s, message))

    def stop(self, last: Iterable[bytes] = ()) -> None:
        """Send these instead of what is still to come, and close the port, which may be gone."""
        thread, self._thread = self._thread, None
        output, self._output = self._output, None
        if thread is None or output is None:
            return
        self._halt.set()
        thread.join(2)
        try:
            for message in last:
                self._send(output, message)
        finally:
            output.close()

    def _run(self, output: Output) -> None:
        while not self._halt.is_set():
            if not self._due:
                self._halt.wait(LOOK_S)
                continue
            due_s, message = self._due[0]
            wait_s = due_s - host_time()
            if wait_s > 0 and self._halt.wait(wait_s):
                return
            self._due.popleft()
            self.sent += self._send(output, message)

    def _send(self, output: Output, message: bytes) -> bool:
        try:
            output.send(message)
        except Exception as error:  # a driver may raise anything where its device was unplugged
            self.lost += 1
            if self.lost == 1:
                logger.warning("MIDI output port %r: %s", self._port or self._virtual, error)
            return False
        return True
