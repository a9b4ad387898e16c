"""`PositionResampler`: from the model's sample rate to the device's, each output a function of its position alone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

_ZERO_CROSSINGS = 64
_KAISER_BETA = 14.0  # stop band below -130 dB
_CUTOFF = 0.967


class PositionResampler:
    """A polyphase filter whose phase is tied to frame 0 of the timeline.

    Any stretch is resampled from `source_span` frames of the source, and any two stretches that overlap agree
    in what they share, up to float32 rounding. Raises ValueError for rates below 1 Hz.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if min(from_hz, to_hz) < 1:
            raise ValueError(f"from_hz, to_hz: {from_hz}, {to_hz}, must be at least 1")
        ratio = Fraction(to_hz, from_hz)
        self._up, self._down = ratio.numerator, ratio.denominator
        self._taps: np.ndarray | None = None
        self._half = 0
        if ratio != 1:
            half = _ZERO_CROSSINGS * max(self._up, self._down)
            self._half = -(-half // self._down) * self._down  # so that the filter's delay is whole output frames
            self._taps = _lowpass(self._half, _CUTOFF / max(self._up, self._down)) * self._up

    def source_span(self, first: int, last: int) -> tuple[int, int]:
        """Source frames, first and one past the last, needed for output frames first..last."""
        if self._taps is None:
            return first, last
        reach = self._half // self._up + 1
        start = first * self._down // self._up - reach
        # a multiple of `down` source frames is a whole number of output frames, so every stretch has one phase
        return start // self._down * self._down, -(-last * self._down // self._up) + reach + 1

    def __call__(self, source: np.ndarray, first: int, last: int) -> np.ndarray:
        """Output frames first..last, float32 `[last-first, channels]`, from the frames of `source_span`."""
        if self._taps is None:
            return source
        from scipy.signal import upfirdn

        start, _ = self.source_span(first, last)
        out = upfirdn(self._taps, source, self._up, self._down, axis=0)
        skip = first - start // self._down * self._up + self._half // self._down
        return np.asarray(out[skip : skip + last - first], np.float32)


def _lowpass(half: int, cutoff: float) -> np.ndarray:
    """A windowed sinc of unit gain, float32 `[2 * half + 1]`; `cutoff` is in halves of the sample rate."""
    place = np.arange(-half, half + 1)
    taps = cutoff * np.sinc(cutoff * place) * np.kaiser(2 * half + 1, _KAISER_BETA)
    return (taps / taps.sum()).astype(np.float32)
