"""The third step, the quality gate: draw and judge with one seed after another, until a file keeps to the limits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from musika_daw.hearing.limits import SILENCE, distance
from pack_builder.plan.jobs import Job
from pack_builder.render.judge import Candidate, attempt_of


@dataclass(frozen=True)
class Outcome:
    """What became of a job: the chosen candidate (None: given up), its attempt's number, all attempts, and the raw
    sound of the chosen one."""

    chosen: Candidate | None
    attempt: int
    tried: list[dict[str, Any]]
    raw: np.ndarray | None = None


def first_good(
    job: Job,
    attempts: int,
    keep_best: bool,
    draw: Callable[[int], np.ndarray],
    *,
    judge: Callable[[np.ndarray, int], Candidate],
) -> Outcome:
    """The first of at most `attempts` draws that keeps to the limits; with `keep_best` else the least bad, or none.

    Draws differ in their seed only and are tried in order, so the choice is the same every time.
    """
    tried: list[dict[str, Any]] = []
    best: tuple[float, int] | None = None
    for attempt in range(attempts):
        raw = draw(attempt)
        candidate = judge(raw, attempt)
        over = candidate.over
        tried.append(attempt_of(job.seed(attempt), candidate))
        if not over:
            return Outcome(candidate, attempt, tried, raw)
        sounds = len(candidate.samples) > 0 and SILENCE not in over  # a loop may hold no such hit at all
        if sounds and (best is None or distance(over) < best[0]):
            best = distance(over), attempt
    if not keep_best or best is None:
        return Outcome(None, -1, tried)
    raw = draw(best[1])
    return Outcome(judge(raw, best[1]), best[1], tried, raw)
