"""`Timeline`: the song's tempo as learned by following it; `TempoChoice`: the tempo to render at."""

from __future__ import annotations

import bisect
from fractions import Fraction

from musika_daw.score.tempo import TempoMap, TempoPoint, exact

POINTS_MAX = 4096
SAME_BPM = 1e-4


class Timeline:
    """Tempo steps by the beat they were met at; what is passed again is learned again.

    A ramp is learned as the steps in which it was seen. Raises ValueError for a tempo outside 1..1000 bpm.
    """

    def __init__(self, bpm: float = 120.0) -> None:
        self._beats: list[float] = [0.0]
        self._bpm: list[float] = [bpm]
        self._here: float | None = None
        self._map: TempoMap | None = None
        self.tempo_map()

    def observe(self, beat: float, bpm: float, playing: bool) -> None:
        """Take what the source says of one moment; play from the last one to here had no other step."""
        beat = max(beat, 0.0)
        going_on = playing and self._here is not None and 0 <= beat - self._here < 4
        if going_on and self._here is not None:
            self._forget(self._here, beat)
        if abs(self.bpm_at(beat) - bpm) > SAME_BPM:
            # a step seen while playing is one there; seen anywhere else it holds for the whole stretch
            at = beat if going_on else self._beats[self._index(beat)]
            self._put(at, bpm)
        self._here = beat if playing else None

    def bpm_at(self, beat: float) -> float:
        """Tempo at a beat as far as known."""
        return self._bpm[self._index(beat)]

    def next_step(self, beat: float) -> tuple[float, float] | None:
        """Beat and tempo of the next step after a beat, or None."""
        index = bisect.bisect_right(self._beats, beat)
        return (self._beats[index], self._bpm[index]) if index < len(self._beats) else None

    def tempo_map(self) -> TempoMap:
        """What is known, as an exact map."""
        if self._map is None:
            points = [
                TempoPoint(exact(round(beat, 6)), exact(round(bpm, 6))) for beat, bpm in zip(self._beats, self._bpm)
            ]
            self._map = TempoMap(points)
        return self._map

    def beat_at_seconds(self, seconds: float) -> float:
        """Beat at a second of the song, for sources that know no beats."""
        import numpy as np

        return float(self.tempo_map().beat_at_seconds(np.array([seconds]))[0])

    def _index(self, beat: float) -> int:
        return max(0, bisect.bisect_right(self._beats, beat) - 1)

    def _put(self, beat: float, bpm: float) -> None:
        self._map = None
        index = bisect.bisect_left(self._beats, beat - 1e-5)
        if index < len(self._beats) and abs(self._beats[index] - beat) < 1e-5:
            self._bpm[index] = bpm
            if index and abs(self._bpm[index - 1] - bpm) <= SAME_BPM:  # no step any more
                del self._beats[index], self._bpm[index]
        elif len(self._beats) < POINTS_MAX:
            self._beats.insert(index, beat)
            self._bpm.insert(index, bpm)
        else:  # a source that ramps for ever: begin again with what is known here
            self._beats, self._bpm = [0.0], [bpm]

    def _forget(self, after: float, until: float) -> None:
        first, last = bisect.bisect_right(self._beats, after), bisect.bisect_right(self._beats, until)
        if last > first:
            kept = self._bpm[last - 1]
            del self._beats[first:last], self._bpm[first:last]
            if abs(self.bpm_at(until) - kept) > SAME_BPM:
                self._put(until, kept)


class TempoChoice:
    """The tempo to render at, from one that may move or be uncertain.

    In between the player bends its rate, so a choice need not follow every tremble: a step of more than 2 % is
    taken at once, less when the tempo has stood still for `settle_s`. A noisy source's tempo is taken for the
    whole number it is within 0.12 bpm of, else for the nearest tenth.
    """

    def __init__(self, noisy: bool = False, settle_s: float = 0.3) -> None:
        self._noisy, self._settle_s = noisy, settle_s
        self._least = 1.5e-3 if noisy else 1e-5
        self._still = 1e-3 if noisy else 1e-6
        self._candidate = 0.0
        self._since_s = 0.0
        self._chosen_s = float("-inf")
        self.chosen: Fraction | None = None

    def update(self, bpm: float, now_s: float) -> Fraction:
        """The choice, given the tempo at `now_s`."""
        if self.chosen is None:
            return self._choose(bpm, now_s)
        if abs(bpm / self._candidate - 1) > self._still if self._candidate else True:
            self._candidate, self._since_s = bpm, now_s
        off = abs(bpm / float(self.chosen) - 1)
        if off > 0.02 and now_s - self._chosen_s > 0.1:
            return self._choose(bpm, now_s)
        if off > self._least and now_s - self._since_s >= self._settle_s and now_s - self._chosen_s > self._settle_s:
            return self._choose(bpm, now_s)
        return self.chosen

    def _choose(self, bpm: float, now_s: float) -> Fraction:
        self.chosen, self._chosen_s = self.rounded(bpm), now_s
        self._candidate, self._since_s = bpm, now_s
        return self.chosen

    def rounded(self, bpm: float) -> Fraction:
        """The tempo that is probably meant."""
        bpm = min(max(bpm, 1.0), 1000.0)
        if not self._noisy:
            return Fraction(round(bpm * 10_000), 10_000)
        if abs(bpm - round(bpm)) < 0.12:
            return Fraction(max(1, round(bpm)))
        return Fraction(round(bpm * 10), 10)
