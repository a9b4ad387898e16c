"""`Interpolator`: reads audio at a rate near 1 between its samples, into arrays made beforehand."""

from __future__ import annotations

import numpy as np

TAPS = 16
PHASES = 512
MARGIN = TAPS // 2
RATE_MAX = 2.0
_KAISER_BETA = 8.0


def _table() -> np.ndarray:
    """Windowed sincs, float32 `[TAPS, PHASES + 1]`; each phase sums to 1, so level does not depend on it."""
    share = np.arange(PHASES + 1) / PHASES
    place = np.arange(TAPS)[:, None] - (MARGIN - 1) - share[None]
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (place / MARGIN) ** 2, 0, 1))) / np.i0(_KAISER_BETA)
    taps = np.sinc(place) * window
    return (taps / taps.sum(0)).astype(np.float32)


class Interpolator:
    """Reads up to `frames` frames at once. `span` tells which source frames `read` needs."""

    def __init__(self, frames: int) -> None:
        self._table = _table()
        self._count = np.arange(frames, dtype=np.float64)
        self._place = np.zeros(frames)
        self._index = np.zeros(frames, np.intp)
        self._phase = np.zeros(frames, np.intp)
        self._weight = np.zeros(frames, np.float32)
        self._value = np.zeros(frames, np.float32)
        self.source = np.zeros((2, int(frames * RATE_MAX) + 2 * TAPS), np.float32)

    @staticmethod
    def span(position: float, rate: float, frames: int) -> tuple[int, int]:
        """First source frame and number of frames needed to read `frames` from `position` on."""
        first = int(position // 1) - (MARGIN - 1)
        last = int((position + rate * (frames - 1)) // 1) + MARGIN
        return first, last - first + 2

    @staticmethod
    def reach() -> int:
        """Source frames needed beyond a position."""
        return MARGIN + 2

    def read(self, position: float, rate: float, frames: int, out: np.ndarray) -> None:
        """Interpolate `source`, filled as `span` says, into out `[2, frames]`."""
        place, index, phase = self._place[:frames], self._index[:frames], self._phase[:frames]
        np.multiply(self._count[:frames], rate, out=place)
        np.add(place, position - (position // 1), out=place)
        np.copyto(index, place, casting="unsafe")  # truncates, and place is not negative
        np.subtract(place, index, out=place)
        np.multiply(place, PHASES, out=place)
        np.rint(place, out=place)
        np.copyto(phase, place, casting="unsafe")
        weight, value = self._weight[:frames], self._value[:frames]
        out[:, :frames] = 0
        for tap in range(TAPS):
            np.take(self._table[tap], phase, out=weight, mode="clip")
            for channel in (0, 1):
                np.take(self.source[channel], index, out=value, mode="clip")
                np.multiply(value, weight, out=value)
                np.add(out[channel, :frames], value, out=out[channel, :frames])
            index += 1
