"""`Steps`: what holds from which frame of a song on."""

from __future__ import annotations

import bisect
from typing import Generic, TypeVar

from bridge.plugin_link.wire import FRAME_MAX

REGIONS_MAX = 4096

T = TypeVar("T")


class Steps(Generic[T]):
    """A function of the frame that is constant but for steps."""

    def __init__(self, value: T) -> None:
        self._starts: list[int] = []
        self._values: list[T] = [value]

    def at(self, frame: int) -> T:
        """Value at a frame."""
        return self._values[bisect.bisect_right(self._starts, frame)]

    def starts(self, first: int, last: int) -> list[int]:
        """Frames of the steps in first..last, `last` excluded."""
        return self._starts[bisect.bisect_left(self._starts, first) : bisect.bisect_left(self._starts, last)]

    def start_before(self, frame: int) -> int | None:
        """The step that made the value at a frame, or None if it holds from the beginning."""
        index = bisect.bisect_right(self._starts, frame)
        return self._starts[index - 1] if index else None

    def start_after(self, frame: int) -> int:
        """The next step after a frame; a frame that no song reaches if there is none."""
        index = bisect.bisect_right(self._starts, frame)
        return self._starts[index] if index < len(self._starts) else FRAME_MAX

    def since(self, frame: int) -> list[tuple[int, T]]:
        """Steps from a frame on, with what holds from each."""
        index = bisect.bisect_left(self._starts, frame)
        return list(zip(self._starts[index:], self._values[index + 1 :], strict=True))

    def step(self, frame: int, value: T) -> None:
        """From a frame on, up to the next step, the value is another."""
        index = bisect.bisect_left(self._starts, frame)
        if index < len(self._starts) and self._starts[index] == frame:
            self._values[index + 1] = value
        elif len(self._starts) < REGIONS_MAX:
            self._starts.insert(index, frame)
            self._values.insert(index + 1, value)
        else:  # what changes for ever: begin again with what is known here
            self.everywhere(value)
            return
        self._join(index + 1)
        self._join(index)

    def stretch(self, frame: int, value: T) -> None:
        """All of the region that a frame lies in has another value."""
        index = bisect.bisect_right(self._starts, frame)
        self._values[index] = value
        self._join(index)
        self._join(index - 1)

    def everywhere(self, value: T) -> None:
        """There are no steps."""
        self._starts, self._values = [], [value]

    def forget(self, first: int, last: int) -> bool:
        """Take steps in first..last (excluded) away: what was before them goes on. Whether there were any."""
        low, high = bisect.bisect_left(self._starts, first), bisect.bisect_left(self._starts, last)
        if low == high:
            return False
        del self._starts[low:high], self._values[low + 1 : high + 1]
        self._join(low)
        return True

    def _join(self, index: int) -> None:
        """Take a step away that is none: values `index` and `index + 1` are equal."""
        if 0 <= index < len(self._starts) and self._values[index] == self._values[index + 1]:
            del self._starts[index], self._values[index + 1]
