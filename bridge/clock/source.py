"""`TransportSource`: anything that reports a DAW's transport; it reports, it never blocks."""

from __future__ import annotations

import dataclasses
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from bridge.clock.transport import Transport

# CLOCK_MONOTONIC on Linux, mach_absolute_time on macOS, QueryPerformanceCounter on Windows: the clocks
# that JACK and the MIDI systems use as well; time.monotonic has steps of 16 ms on Windows
host_time: Callable[[], float] = time.perf_counter

Listener = Callable[[Transport], None]
Action = Literal["play", "stop"]
logger = logging.getLogger("bridge")


class SourceError(RuntimeError):
    """A source cannot start: a port, a library or a server is missing; the text says which."""


@dataclass(frozen=True)
class Counts:
    """Messages of a source since it was made: understood, without meaning, dropped by a limit."""

    received: int = 0
    malformed: int = 0
    oversized: int = 0
    dropped: int = 0
    listener_errors: int = 0


class TransportSource(ABC):
    """A reporter of a DAW's transport.

    `listener`, if given, is called with every new record, in the source's own thread: it must return
    quickly, and what it raises is counted and logged, never passed on. `latest()` may be called from any
    thread. A source that was stopped can be started again. As a context manager it starts and stops.

    `in_jack`: libjack is behind it, which minds the thread that uses it. `in_server_time`: it counts the frames that
    a JACK server has played, and not time: where the server is held up, it stands still.
    """

    in_jack: bool = False
    in_server_time: bool = False

    def __init__(self, name: str, listener: Listener | None = None, clock: Callable[[], float] = host_time) -> None:
        self.name = name
        self.listener = listener
        self.clock = clock
        self._latest = Transport()
        self._counts = Counts()

    @abstractmethod
    def start(self) -> None:
        """Begin to listen. Raises SourceError if that is impossible."""

    @abstractmethod
    def stop(self) -> None:
        """Stop listening and give everything back; doing it twice is harmless."""

    def revive(self) -> None:
        """Open again what was lost: a server that was restarted, a port that went away and is back.

        Called about once a second by whoever keeps a source for long, from a thread that may wait; a source that
        loses nothing does nothing. Raises SourceError for what is still away.
        """
        return

    @property
    def steers(self) -> bool:
        """Whether `steer` can do anything."""
        return False

    def steer(self, action: Action) -> None:
        """Start or stop the DAW. Raises SourceError where that cannot be done."""
        raise SourceError(f"{self.name}: cannot be told to {action}")

    def take_over(self, beats: float, playing: bool) -> None:
        """Go on where the song is. A clock of our own does; the others have a DAW that says where it is."""
        return

    def latest(self) -> Transport:
        """The newest record; its `host_time_s` tells how old it is. Never waits."""
        return self._latest

    @property
    def counts(self) -> Counts:
        """How many messages came and what became of them."""
        return self._counts

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with what the sender sends, one sentence each, for a person to read."""
        return ()

    def _count(self, **more: int) -> None:
        """Add to the counters; called from the source's own thread only."""
        self._counts = dataclasses.replace(
            self._counts, **{name: getattr(self._counts, name) + n for name, n in more.items()}
        )

    def _publish(self, transport: Transport) -> None:
        self._latest = transport
        if self.listener is None:
            return
        try:
            self.listener(transport)
        except Exception:
            if not self._counts.listener_errors:  # once: a listener that fails 50 times a second fills a disk
                logger.exception("listener of source %s failed", self.name)
            self._count(listener_errors=1)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
