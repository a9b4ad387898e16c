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
    """What became of a job: the chosen candidate (None: given up), its attempt's number, and all attempts."""

    chosen: Candidate | None
    attempt: int
    tried: list[dict[str, Any]]


def first_good(
    job: Job,
    attempts: int,
    keep_best: bool,
    draw: Callable[[int], np.ndarray],
    judge: Callable[[np.ndarray, int], Candidate],
) -> Outcome:
    """The first of at most `attempts` draws that keeps to the limits; with `keep_best` else the least bad, or none.

    Draws differ in their seed only and are tried in order, so the choice is the same every time.
    """
    tried: list[dict[str, Any]] = []
    best: tuple[float, int] | None = None
    for attempt in range(attempts):
        candidate = judge(draw(attempt), attempt)
        over = candidate.over
        tried.append(attempt_of(job.seed(attempt), candidate))
        if not over:
            return Outcome(candidate, attempt, tried)
        if SILENCE not in over and (best is None or distance(over) < best[0]):
            best = distance(over), attempt
    if not keep_best or best is None:
        return Outcome(None, -1, tried)
    return Outcome(judge(draw(best[1]), best[1]), best[1], tried)
