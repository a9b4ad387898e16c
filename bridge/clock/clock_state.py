"""`ClockState`: tempo and phase of a filtered clock at one moment."""

from __future__ import annotations

from dataclasses import dataclass

MISSING_MAX = 3


@dataclass(frozen=True)
class ClockState:
    """What a `ClockFilter` knew after its latest tick; safe to hand to another thread.

    Ticks are numbered from 0, `last_tick` is -1 before the first one, `period_s` None before six.
    """

    ticks_per_beat: int = 24
    last_tick: int = -1
    last_time_s: float = 0.0
    line_time_s: float = 0.0  # when the line passes `last_tick`
    period_s: float | None = None
    jitter_s: float = 0.0

    @property
    def tempo_bpm(self) -> float | None:
        """Tempo, or None before six ticks; held while ticks are missing."""
        return None if self.period_s is None else 60 / (self.period_s * self.ticks_per_beat)

    def position(self, time_s: float) -> float:
        """Ticks, with fraction, since the first tick, at any time; extrapolates through gaps."""
        if self.period_s is None:
            return float(self.last_tick)
        return self.last_tick + (time_s - self.line_time_s) / self.period_s

    def is_running(self, time_s: float) -> bool:
        """Whether at most three ticks in a row are missing at `time_s`."""
        period_s = self.period_s or 0.125
        late_s = time_s - self.last_time_s
        return self.last_tick >= 0 and late_s <= (MISSING_MAX + 1) * period_s + self.jitter_s
