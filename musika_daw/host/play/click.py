"""`ClickRenderer`: a metronome with the engine's interface, for hearing and measuring whether all is in time."""

from __future__ import annotations

import math

import numpy as np

from musika_daw.score.controls import Controls
from musika_daw.score.tempo import Beats, TempoMap, exact

BEATS_PER_BAR = 4
CLICK_S = 0.02
BEAT_PEAK, BAR_PEAK = 0.4, 0.8


class ClickRenderer:
    """A click that begins at full level on the exact frame of each beat, twice as loud at the start of a bar."""

    kind = "click"
    name = "click"
    weights_hash = "0" * 64
    knows: tuple[str, ...] = ("phase", "tempo")

    def __init__(self, sample_rate_hz: int = 48_000) -> None:
        self.sample_rate_hz = sample_rate_hz
        time_s = np.arange(round(CLICK_S * sample_rate_hz)) / sample_rate_hz
        shape = np.cos(2 * np.pi * 1500 * time_s) * np.exp(-time_s / 0.003)
        self._shape = np.repeat(shape[:, None], 2, 1).astype(np.float32)

    def render(
        self, start_beat: Beats, beats: Beats, tempo_map: TempoMap, controls: Controls | None = None
    ) -> np.ndarray:
        """Audio of a stretch of the timeline, float32 `[frame(end) - frame(start), 2]`."""
        start, end = exact(start_beat), exact(start_beat) + exact(beats)
        first, last = tempo_map.frame(start, self.sample_rate_hz), tempo_map.frame(end, self.sample_rate_hz)
        audio = np.zeros((last - first, 2), np.float32)
        reach = math.ceil(CLICK_S * tempo_map.bpm_at(start) / 60) + 1
        for beat in range(math.floor(start) - reach, math.ceil(end) + 1):
            at = tempo_map.frame(beat, self.sample_rate_hz) - first
            low, high = max(at, 0), min(at + len(self._shape), len(audio))
            if low < high:
                peak = BAR_PEAK if beat % BEATS_PER_BAR == 0 else BEAT_PEAK
                audio[low:high] += peak * self._shape[low - at : high - at]
        return audio
