"""Frames of a JACK server: `FrameCounter`, its counter without the wrap, and `ServedFrames`, those it has played."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

ROLLING = 1  # jack_transport_state_t; STOPPED is 0, STARTING 3: waiting for slow clients, not moving
FRAMES_WRAP = 1 << 32
READING_S = 0.0005  # two clocks that were read further apart than this say nothing about each other
READ_TRIES = 3


class FrameCounter:
    """A server's counter of frames, of 32 bits and wrapping once a day, as one that does not wrap."""

    def __init__(self) -> None:
        self._cycle = (0, 0)

    def begin(self, counter: int) -> int:
        """A cycle begins at this state of the counter; returns its first frame."""
        frame = self.at(counter)
        self._cycle = (counter, frame)
        return frame

    def at(self, counter: int) -> int:
        """The frame of a state of the counter, at most 12 hours from the last cycle."""
        before, ours = self._cycle
        return ours + (counter - before + FRAMES_WRAP // 2) % FRAMES_WRAP - FRAMES_WRAP // 2


class ServedFrames:
    """The frames that a server has played, as one of its clients counts them.

    All programs in a server make their sound and their clocks by the cycles that it runs. Its counter is nearly that:
    but it may go on while a server that was held up runs no cycle, and a callback that is late reads the counter of the
    next one. So frames are taken from the transport where it rolls on from cycle to cycle, else from the counter.
    """

    def __init__(self) -> None:
        self._counter = FrameCounter()
        self._last: tuple[int, int, int | None] | None = None  # counter, served, frame of the transport if it rolls
        # a late callback reads the counter too late as well: of three cycles, the one in the middle is right
        self._latest: deque[int] = deque(maxlen=3)
        self._ahead = 0

    def begin(self, client: Any, frames: int) -> int:
        """A cycle of `frames` begins, in the client's callback; returns its first frame."""
        state, position = client.transport_query_struct()
        place = int(position.frame) if state == ROLLING else None
        counter = self._counter.begin(client.last_frame_time)
        if self._last is None:
            served = counter
        else:
            before, served, place_before = self._last
            went = counter - before
            if place is not None and place_before is not None:
                rolled = place - place_before
                if 0 <= rolled <= went + frames and rolled % frames == 0:  # else it was sent elsewhere
                    went = rolled
            served += went
        self._last = counter, served, place
        self._latest.append(counter - served)
        self._ahead = sorted(self._latest)[len(self._latest) // 2]
        return served

    def now(self, client: Any) -> int:
        """The frame of this moment, an estimate between cycles."""
        return self._counter.at(client.frame_time) - self._ahead

    def read(self, client: Any, clock: Callable[[], float]) -> tuple[int, float] | None:
        """The frame of this moment, and the moment by another clock; None if they could not be read at once."""
        for _ in range(READ_TRIES):
            before_s, frame, after_s = clock(), self.now(client), clock()
            if after_s - before_s < READING_S:
                return frame, (before_s + after_s) / 2
        return None
