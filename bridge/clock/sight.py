"""`Sight`: what a DAW told of the bar that it plays."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sight:
    """What was told at `at_s` (host time): a bar, whole beats in it before the present one, and the part of that.

    `song_s` is the song's second of the same moment, where that is told; `unit` and `length`, in quarter notes, are a
    beat and a bar of the signature of this bar, where that is.
    """

    bar: int
    whole: int
    part: float
    at_s: float
    playing: bool
    song_s: float | None = None
    unit: float | None = None
    length: float | None = None
