"""Changes of a clock's tempo: what no jitter explains is one, since its error grows with every tick.

late by   |          . '     <- 3 ticks off by 2.5 jitters, or 6 ticks by 1 jitter: the tempo stepped
+jitter --|--.--.--.-------     24 ticks off by 0.6 jitters on average: it was nudged
-jitter --|.--.---.--------
          +----------------- ticks
"""

from __future__ import annotations

import itertools
from collections import deque

from bridge.clock.jitter import UNIFORM_WIDTH
from bridge.clock.line import Line

STEP_TESTS = ((3, 2.5), (6, 1.0))
NUDGE_TICKS, NUDGE_JITTERS = 24, 0.6


def stepped(
    before: deque[Line], kept: deque[tuple[int, float]], jitter_s: float
) -> tuple[Line, list[tuple[int, float]]] | None:
    """The line as it was `before` the latest ticks, and those, where all of them are off it on one side."""
    for ticks, jitters in STEP_TESTS:
        if len(before) < ticks or before[-ticks].points < 6:
            continue
        line = before[-ticks]
        recent = list(itertools.islice(reversed(kept), ticks))
        errors = [time_s - line.time_s(number) for number, time_s in recent]
        limit_s = jitters * jitter_s + 3 * jitter_s / UNIFORM_WIDTH * line.doubt(recent[0][0])
        if min(errors) > limit_s or max(errors) < -limit_s:
            return line, recent[::-1]
    return None


def is_nudged(line: Line, oldest: Line, kept: deque[tuple[int, float]], jitter_s: float) -> bool:
    """Whether the latest ticks lie beside their line, or beside the `oldest` one remembered, on average."""
    recent = list(itertools.islice(reversed(kept), NUDGE_TICKS))
    for judge in (line, oldest):
        if judge.points < 2 * NUDGE_TICKS:
            continue
        mean_s = sum(time_s - judge.time_s(number) for number, time_s in recent) / len(recent)
        limit_s = NUDGE_JITTERS * jitter_s
        if judge is not line:  # it foretold these ticks, was not fitted to them, and may be off
            limit_s *= 1.5
            limit_s += 2 * jitter_s / UNIFORM_WIDTH * judge.doubt(recent[len(recent) // 2][0])
        if abs(mean_s) > limit_s:
            return True
    return False
