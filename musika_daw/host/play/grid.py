"""`Grid`: where the song is at any time, as the audio callback needs it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """A straight line through time and beats, valid until the next one is published.

    At `at_s` the song is at `beat` and moves by `beats_per_s` while `playing`. In a loop (`loop_end` above
    `loop_start`) it goes back at the end. Before `floor_beat` nothing sounds (a count-in). `jumps` counts
    discontinuities: a position that moved by itself is corrected smoothly, one that was sent elsewhere at once.
    `start_beat` is where play began, or was sent to last: it may be heard from a moment later on only.
    """

    playing: bool = False
    at_s: float = 0.0
    beat: float = 0.0
    beats_per_s: float = 2.0
    loop_start: float = 0.0
    loop_end: float = -math.inf
    floor_beat: float = -math.inf
    jumps: int = 0
    start_beat: float = -math.inf

    @property
    def bpm(self) -> float:
        """Tempo."""
        return self.beats_per_s * 60

    @property
    def loops(self) -> bool:
        """Whether there is a loop that play will come to the end of."""
        return self.loop_end > self.loop_start and self.beat < self.loop_end

    def beat_at(self, at_s: float) -> float:
        """Beat at a time; stands still while not playing."""
        if not self.playing:
            return self.beat
        return self.fold(self.beat + (at_s - self.at_s) * self.beats_per_s)

    def fold(self, beat: float) -> float:
        """The beat with passes of the loop taken off."""
        if self.loops and beat >= self.loop_end:
            return self.loop_start + math.fmod(beat - self.loop_start, self.loop_end - self.loop_start)
        return beat
