"""What was measured on a file: the beat of a loop, and everything a quality gate looks at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pulse:
    """The beat of a loop as measured: tempo, and signed offsets from the asked grid (+ is late)."""

    bpm: float
    downbeat_offset_ms: float
    beat_offset_ms: float


@dataclass(frozen=True)
class Findings:
    """What was measured on a file; None where it does not apply or nothing steady was heard.

    `seam_cut` is what else a seam has to be told by where the score has a crash on the first beat and on no other.
    `told` says that the onsets of a take were looked for where its notes are told.
    """

    silent: bool
    clipped_frames: int
    pulse: Pulse | None = None
    tempo_error_pct: float | None = None
    seam_score: float | None = None
    seam_flux_ratio: float | None = None
    seam_cut: float | None = None
    seam_step: float | None = None
    onsets_per_s: float | None = None
    density: float | None = None
    end_db: float | None = None
    curve: list[list[float]] | None = None
    told: bool = False

    @property
    def seam(self) -> float | None:
        """What is held against the limit of seams."""
        if self.seam_score is None or self.seam_cut is None:
            return self.seam_score
        return min(self.seam_score, self.seam_cut)
