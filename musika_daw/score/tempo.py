"""`TempoMap`: the exact mapping between beats (quarter notes) and sample frames.

A map is a list of segments. In a constant segment time is a fraction of beats, kept as `Fraction`, so that
a million bars later the grid is where it should be. In a ramp the tempo changes linearly with the beat,
`bpm(b) = bpm0 + k * (b - b0)`, and time is its closed-form integral `60 / k * ln(bpm(b) / bpm0)`.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

Beats = Fraction | int | float
BPM_RANGE = (1, 1000)
FAR_BEATS = 10**9  # sixteen years at 120 bpm, and as far as a bridge tells; far beyond it places in floats run out


def exact(value: Beats | str) -> Fraction:
    """A number as the `Fraction` a person means: 128.1 is 1281/10, not its nearest binary double."""
    return Fraction(str(value)) if isinstance(value, float) else Fraction(value)


def on_timeline(start_beat: Beats) -> Fraction:
    """Where music begins, exact; raises ValueError farther out than places of samples are."""
    beat = exact(start_beat)
    if abs(beat) > FAR_BEATS:
        raise ValueError(f"start_beat: {float(beat):g}, must be in -{FAR_BEATS:g}..{FAR_BEATS:g}")
    return beat


@dataclass(frozen=True)
class TempoPoint:
    """From `beat` on the tempo is `bpm`; with `ramp` it moves linearly over beats to the next point's."""

    beat: Fraction
    bpm: Fraction
    ramp: bool = False


class TempoMap:
    """Beats to seconds or frames and back; beat 0 is second 0, and the first tempo also holds before it.

    Raises ValueError for a tempo outside 1..1000 bpm, no points, or points out of order.
    """

    def __init__(self, points: Sequence[TempoPoint]) -> None:
        if not points or points[0].beat != 0:
            raise ValueError("points: must begin with one at beat 0")
        if any(b.beat <= a.beat for a, b in itertools.pairwise(points)):
            raise ValueError("points: beats must rise")
        for point in points:
            if not BPM_RANGE[0] <= point.bpm <= BPM_RANGE[1]:
                raise ValueError(f"bpm: {float(point.bpm):g}, must be in {BPM_RANGE[0]}..{BPM_RANGE[1]}")
        self.points = tuple(points)
        self._beats = [float(p.beat) for p in points]
        # exact while all is constant so far; a ramp's logarithm makes it a float from there on
        self._seconds: list[Fraction | float] = [Fraction(0)]
        for index in range(len(points) - 1):
            self._seconds.append(self._segment_seconds(index, points[index + 1].beat))
        self._start_s = [float(s) for s in self._seconds]

    @classmethod
    def constant(cls, bpm: Beats) -> TempoMap:
        """One tempo for ever."""
        return cls([TempoPoint(Fraction(0), exact(bpm))])

    def _slope(self, index: int) -> Fraction:
        here = self.points[index]
        if not here.ramp or index + 1 == len(self.points):
            return Fraction(0)
        after = self.points[index + 1]
        return (after.bpm - here.bpm) / (after.beat - here.beat)

    def _segment_seconds(self, index: int, beat: Fraction) -> Fraction | float:
        here, slope = self.points[index], self._slope(index)
        start = self._seconds[index]
        if slope == 0:
            return start + (beat - here.beat) * 60 / here.bpm
        ratio = float(slope * (beat - here.beat) / here.bpm)
        return float(start) + 60 / float(slope) * math.log1p(ratio)

    def _index_at_beat(self, beat: Fraction) -> int:
        index = bisect.bisect_right([p.beat for p in self.points], beat) - 1
        return max(index, 0)

    def bpm_at(self, beat: Beats) -> float:
        """Tempo at a beat."""
        position = exact(beat)
        index = self._index_at_beat(position)
        here = self.points[index]
        offset = max(position - here.beat, Fraction(0))
        return float(here.bpm + self._slope(index) * offset)

    def seconds(self, beat: Beats) -> Fraction | float:
        """Second at a beat: a `Fraction` where no ramp came before it, else a float."""
        position = exact(beat)
        if position <= 0:
            return position * 60 / self.points[0].bpm
        return self._segment_seconds(self._index_at_beat(position), position)

    def frame(self, beat: Beats, sample_rate_hz: int) -> int:
        """Sample frame at a beat, rounded once (halves away from an even grid go to the even frame)."""
        return round(self.seconds(beat) * sample_rate_hz)

    def beat_at_seconds(self, seconds: np.ndarray) -> np.ndarray:
        """Beats at seconds, float64 of the same shape."""
        seconds = np.asarray(seconds, np.float64)
        index = np.clip(np.searchsorted(self._start_s, seconds, side="right") - 1, 0, None)
        beats = np.empty_like(seconds)
        for i in np.unique(index):
            here, slope = self.points[i], float(self._slope(int(i)))
            chosen = index == i
            elapsed = seconds[chosen] - self._start_s[i]
            bpm = float(here.bpm)
            if slope == 0:
                beats[chosen] = float(here.beat) + elapsed * bpm / 60
            else:
                # before beat 0 a ramp has not begun
                inside = np.maximum(elapsed, 0)
                moved = bpm / slope * np.expm1(inside * slope / 60)
                beats[chosen] = float(here.beat) + moved + np.minimum(elapsed, 0) * bpm / 60
        return beats

    def bpm_at_beats(self, beats: np.ndarray) -> np.ndarray:
        """Tempo at beats, float64 of the same shape."""
        beats = np.asarray(beats, np.float64)
        index = np.clip(np.searchsorted(self._beats, beats, side="right") - 1, 0, None)
        bpm = np.array([float(p.bpm) for p in self.points])
        slope = np.array([float(self._slope(i)) for i in range(len(self.points))])
        start = np.array(self._beats)
        return bpm[index] + slope[index] * np.maximum(beats - start[index], 0)

    def seconds_at_beats(self, beats: np.ndarray) -> np.ndarray:
        """Seconds at beats, float64 of the same shape."""
        beats = np.asarray(beats, np.float64)
        index = np.clip(np.searchsorted(self._beats, beats, side="right") - 1, 0, None)
        seconds = np.empty_like(beats)
        for i in np.unique(index):
            here, slope, chosen = self.points[i], float(self._slope(int(i))), index == i
            moved, bpm = beats[chosen] - float(here.beat), float(here.bpm)
            if slope == 0:
                seconds[chosen] = self._start_s[i] + moved * 60 / bpm
            else:
                # before beat 0 a ramp has not begun
                inside = np.maximum(moved, 0)
                ramp_s = 60 / slope * np.log1p(slope * inside / bpm)
                seconds[chosen] = self._start_s[i] + ramp_s + np.minimum(moved, 0) * 60 / bpm
        return seconds
