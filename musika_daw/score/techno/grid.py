"""The time grid of a song: bars and sixteenths to exact sample frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SAMPLE_RATE_HZ = 44_100
STEPS = 16  # sixteenths in a bar of 4/4


class Hit(NamedTuple):
    """A sequenced event: bar, position in sixteenths (fractions allowed), velocity 0..1, lateness."""

    bar: int
    step: float
    velocity: float
    late_s: float = 0.0


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
        odd = float(step).is_integer() and int(step) % 2 == 1
        shift = self.swing if odd else 0.0
        exact = (bar * 4 + (step + shift) / 4) * self.beat_frames
        return max(round(exact + (late_s * SAMPLE_RATE_HZ if odd else 0.0)), 0)

    def hit_frame(self, hit: Hit) -> int:
        """Exact frame of a hit."""
        return self.frame(hit.bar, hit.step, hit.late_s)


def merge_onsets(frames: list[int], total_frames: int, apart_s: float = 0.010) -> np.ndarray:
    """Sorted onset frames inside the song, int64; an onset closer than `apart_s` to the last kept one
    is the same onset."""
    apart = apart_s * SAMPLE_RATE_HZ
    kept: list[int] = []
    for frame in sorted(frames):
        if 0 <= frame < total_frames and (not kept or frame - kept[-1] >= apart):
            kept.append(frame)
    return np.asarray(kept, np.int64)


def rng_of(seed: int, index: int, purpose: str) -> np.random.Generator:
    """Independent random numbers for one purpose of one song, so that one voice never moves another."""
    key = int.from_bytes(purpose.encode()[:8].ljust(8, b"\0"), "big")
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, index, key])))
