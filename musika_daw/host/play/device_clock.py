"""`DeviceClock`: when a frame of a sound device is heard, by the host's clock."""

from __future__ import annotations

import math
from collections import deque

STEP_PAIRS, STRAY_PAIRS = 8, 1


class DeviceClock:
    """Host times of device frames, from pairs that come late by a little that varies.

    A loop of second order: `rate` follows the device's crystal slowly, so that one late pair moves nothing by
    more than a few hundredths of what it is late. A device that stood still, as a sound server does where it drops a
    cycle, is a step and no slower crystal: eight pairs in a row that agree, to `step_s`, on being off by more than
    that are the new line, at the old rate. Without `step_s`, for pairs that are themselves in steps, they are not.
    Pairs off by more than `reset_s` start afresh.
    """

    def __init__(
        self, sample_rate_hz: float, bandwidth_hz: float = 0.1, reset_s: float = 0.05, step_s: float = math.inf
    ) -> None:
        self.nominal_s = 1.0 / sample_rate_hz
        self._omega = 2 * math.pi * bandwidth_hz
        self._reset_s, self._step_s = reset_s, step_s
        self._line: tuple[int, float, float] | None = None
        self._pairs = 0
        # the line as it was before the latest pairs that are off it on one side, and by how much they are
        self._old_line: tuple[int, float, float] | None = None
        self._off: deque[float] = deque(maxlen=STEP_PAIRS)

    @property
    def is_set(self) -> bool:
        """Whether a pair has been seen."""
        return self._line is not None

    def observe(self, frame: int, host_s: float) -> None:
        """Take one pair."""
        if self._line is None:
            self._restart(frame, host_s)
            return
        last, at_s, period_s = self._line
        elapsed = frame - last
        if elapsed <= 0:
            return
        foretold_s = at_s + elapsed * period_s
        error_s = host_s - foretold_s
        if abs(error_s) > self._reset_s:
            self._restart(frame, host_s)
            return
        if self._stepped(frame, host_s, error_s):
            return
        self._pairs += 1
        span_s = elapsed * self.nominal_s
        # the mean of the first pairs, then the loop: otherwise the first pair's lateness stays for seconds
        gain = max(min(1.0, 1.4142 * self._omega * span_s), 1.0 / self._pairs)
        period_s += self.nominal_s * min(1.0, (self._omega**2) * span_s) * error_s if self._pairs > 100 else 0.0
        limit = self.nominal_s * 0.002
        period_s = min(max(period_s, self.nominal_s - limit), self.nominal_s + limit)
        self._line = (frame, foretold_s + gain * error_s, period_s)

    def time_s(self, frame: int) -> float:
        """Host time of a frame. Raises ValueError before the first pair."""
        line = self._line
        if line is None:
            raise ValueError("frame: no pair of frame and time was observed yet")
        return line[1] + (frame - line[0]) * line[2]

    def _restart(self, frame: int, host_s: float) -> None:
        self._line, self._pairs = (frame, host_s, self.nominal_s), 1
        self._old_line = None

    def _stepped(self, frame: int, host_s: float, error_s: float) -> bool:
        """Whether the latest pairs lie on a line beside this one; then that is the line."""
        if abs(error_s) < self._step_s or (self._old_line is not None and error_s * self._off[-1] < 0):
            self._old_line = None
            return False
        if self._old_line is None:
            self._old_line = self._line
            self._off.clear()
        assert self._old_line is not None
        at_frame, at_s, period_s = self._old_line
        foretold_s = at_s + (frame - at_frame) * period_s
        self._off.append(host_s - foretold_s)
        agreeing = sorted(self._off)[STRAY_PAIRS:-STRAY_PAIRS]
        if len(self._off) < STEP_PAIRS or agreeing[-1] - agreeing[0] > self._step_s:
            return False
        self._line = frame, foretold_s + agreeing[len(agreeing) // 2], period_s
        self._old_line = None
        return True
