"""The time grid of a song: bars and sixteenths to exact sample frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from musika_daw.score.density import merge_onsets

SAMPLE_RATE_HZ = 44_100
STEPS = 16  # sixteenths in a bar of 4/4


class Hit(NamedTuple):
    """A sequenced event: bar, position in sixteenths (fractions allowed), velocity 0..1, lateness."""

    bar: int
    step: float
    velocity: float
    late_s: float = 0.0


class Tone(NamedTuple):
    """A sequenced note: bar, position and length in sixteenths, MIDI pitch, velocity 0..1, how a 303 plays it."""

    bar: int
    step: float
    length: float
    pitch: float
    velocity: float
    accent: bool = False
    slide: bool = False


@dataclass(frozen=True)
class Grid:
    """Tempo and length of a song; `swing` delays the odd sixteenths by that share of a sixteenth."""

    bpm: float
    bars: int
    swing: float = 0.0

    @property
    def frames(self) -> int:
        """Length of the song, rounded once."""
        return round(self.bars * 4 * self.beat_frames)

    @property
    def beat_frames(self) -> float:
        """Frames a beat, not rounded."""
        return 60.0 / self.bpm * SAMPLE_RATE_HZ

    def frame(self, bar: float, step: float = 0.0, late_s: float = 0.0) -> int:
        """Exact frame of a position; swing and lateness apply to odd whole sixteenths only."""
        exact = (bar * 4 + swung_beats(step, self.swing)) * self.beat_frames
        return max(round(exact + (late_s * SAMPLE_RATE_HZ if is_odd(step) else 0.0)), 0)

    def hit_frame(self, hit: Hit) -> int:
        """Exact frame of a hit."""
        return self.frame(hit.bar, hit.step, hit.late_s)


def is_odd(step: float) -> bool:
    """Whether a step is an odd whole sixteenth, which may swing and come late."""
    return float(step).is_integer() and int(step) % 2 == 1


def swung_beats(step: float, swing: float) -> float:
    """Beats from the start of its bar to a step."""
    return (step + (swing if is_odd(step) else 0.0)) / 4


def onsets_in(frames: list[int], total_frames: int, apart_s: float = 0.010) -> np.ndarray:
    """Sorted onset frames inside the song, int64; those within `apart_s` after one are the same onset."""
    inside = [frame for frame in frames if 0 <= frame < total_frames]
    return merge_onsets(np.array(inside, np.float64), apart_s * SAMPLE_RATE_HZ).astype(np.int64)


def rng_of(seed: int, index: int, purpose: str, number: int | None = None) -> np.random.Generator:
    """Independent random numbers for one purpose of one song, and of one bar or phrase where `number` says which."""
    key = int.from_bytes(purpose.encode()[:8].ljust(8, b"\0"), "big")
    place = [] if number is None else [int(number) % (1 << 64)]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, index, key, *place])))
