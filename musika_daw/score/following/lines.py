"""Bar lines and beats at which a chord that is played begins to hold."""

from __future__ import annotations

from typing import Literal, NamedTuple

Unit = Literal["bar", "beat"]
LATE_BEATS = {"bar": 0.5, "beat": 0.25}
"""So long after a line what is struck is still meant for it."""
GRAIN_BEATS = 0.25  # places of bars are told with the noise of their clocks


class Line(NamedTuple):
    """The line before a beat: where it is, how far the beat is behind it, and how far the next line."""

    begins: float
    within: float
    length: float


def line_before(beat: float, unit: Unit, bar_start: float, bar_beats: float) -> Line:
    """The line that a beat is on or behind, of bars as long as that which begins at `bar_start`, or of their beats."""
    start, length = (bar_start, bar_beats) if unit == "bar" else (0.0, 1.0)
    within = (beat - start) % length
    return Line(to_grain(beat - within), within, length)


def line_for(beat: float, unit: Unit, bar_start: float, bar_beats: float) -> float:
    """The line that what is struck at a beat is meant for: the last one if it is only just over, else the next."""
    line = line_before(beat, unit, bar_start, bar_beats)
    return line.begins if line.within <= LATE_BEATS[unit] else to_grain(line.begins + line.length)


def to_grain(beat: float) -> float:
    """The nearest beat that a line can be on."""
    return round(beat / GRAIN_BEATS) * GRAIN_BEATS
