"""`Piece`: everything that a sound depends on besides its position, and the frame grid of the device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from musika_daw.score.controls import Controls
from musika_daw.score.tempo import BPM_RANGE

CHUNK_FRAMES = 8192


@dataclass(frozen=True)
class Piece:
    """One tempo, one set of controls, one chain of effects, at the device's sample rate.

    Frame 0 is song position 0, and frames are counted as if the tempo had held from there: a place in the song
    has the same frames however it was reached. `effects` are lines as `effects.parse_effect` reads them. Raises
    ValueError for a tempo outside 1..1000 bpm or a rate outside 8000..384000 Hz.
    """

    bpm: Fraction
    controls: Controls
    sample_rate_hz: int
    effects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not BPM_RANGE[0] <= self.bpm <= BPM_RANGE[1]:
            raise ValueError(f"bpm: {float(self.bpm):g}, must be in {BPM_RANGE[0]}..{BPM_RANGE[1]}")
        if not 8000 <= self.sample_rate_hz <= 384_000:
            raise ValueError(f"sample_rate_hz: {self.sample_rate_hz}, must be in 8000..384000")

    @property
    def frames_per_beat(self) -> float:
        """Device frames a quarter note."""
        return float(60 * self.sample_rate_hz / self.bpm)

    def frame_at(self, beat: float) -> float:
        """Device frame, with fraction, at a beat."""
        return beat * self.frames_per_beat

    def beat_at(self, frame: float) -> float:
        """Beat at a device frame."""
        return frame / self.frames_per_beat


def chunk_of(frame: float) -> int:
    """Number of the chunk that a frame lies in."""
    return math.floor(frame / CHUNK_FRAMES)
