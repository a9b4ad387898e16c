"""`MidiBeside`: a MIDI port in the client that plays the sound, so that both are of one cycle."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bridge import SourceError, host_time
from bridge.jack.midi import join_midi
from musika_daw.host.sinks.sink import Messages

LAST_WORDS_S = 0.5


class MidiBeside:
    """Sends what `take` gives after a block was filled, and what `last` gives before it ends.

    `connect` names the port to connect to; without it the user connects.
    """

    def __init__(self, take: Messages, last: Callable[[], list[bytes]], connect: str | None) -> None:
        self._take, self._last, self._connect = take, last, connect
        self._port: Any = None
        self._unsent: list[tuple[int, bytes]] = []
        self._ending = self._said = self._ended = self._was_there = False

    def open(self, client: Any) -> None:
        """Make the port in a client; whoever hears it lets go of what was played before."""
        self._unsent = [(0, message) for message in self._last()]
        self._ending = self._said = self._ended = False
        self._port = client.midi_outports.register("notes")

    def join(self, client: Any) -> None:
        """Connect the port, if it is not. Raises SourceError, which names the ports there are, the first time; one that
        has gone since is waited for."""
        if self._connect is None or self._port.connections:
            return
        try:
            join_midi(client, self._port, self._connect, output=True)
            self._was_there = True
        except SourceError:
            if not self._was_there:
                raise

    def send(self) -> None:
        """Send the messages of this cycle; what finds no room in it goes out in the next one."""
        port = self._port
        port.clear_buffer()
        if self._said:
            self._ended = True  # the cycle in which others read it is over
            return
        late = [(0, message) for _, message in self._unsent]
        events = [*late, *self._take()]
        if self._ending:
            events = [*late, *((0, message) for message in self._last())]
        sent = 0
        try:
            for at, message in events:
                port.write_midi_event(at, message)
                sent += 1
        except Exception:  # the server's buffer is full
            self._unsent = events[sent:]
            return
        self._unsent = []
        self._said = self._ending

    def end(self) -> None:
        """Let go of all keys; returns once that was sent, or the server runs no more cycles."""
        self._ending = True
        give_up_s = host_time() + LAST_WORDS_S
        while not self._ended and host_time() < give_up_s:
            time.sleep(0.002)
