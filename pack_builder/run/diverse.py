"""Loops that are far from each other: of several draws of each, one is chosen with those of all others.

The first draws stand to begin with. Loop after loop is then given the draw with which all loops together are farthest
from their nearest, until none moves any more. So the choice hangs on draws alone, not on who made them when.
"""

from collections.abc import Callable, Mapping

import numpy as np

from pack_builder.plan.jobs import Job
from pack_builder.plan.music import Spread
from pack_builder.plan.options import BuildOptions
from pack_builder.record.rows import Model
from pack_builder.render.render import place_draws
from pack_builder.render.source import EngineSource
from pack_builder.run.pool import Pool

ROUNDS = 8
TOGETHER = 128  # loops that are compared with each other; of more, each so many among themselves


def spread_of(
    options: BuildOptions,
    jobs: list[Job],
    workers: Pool,
    *,
    source: EngineSource,
    models: Mapping[str, tuple[str, Model]],
    drew: Callable[[int, int], object],
) -> Spread:
    """The draws of a pack's plain loops, and how far they are from each other; `drew` hears of how many loops of all
    the draws are made."""
    loops = [job for job in jobs if job.shape == "loop" and job.kit is None]
    rate = options.finish.sample_rate_hz
    calls = ((source, models[job.kind][0], job, rate) for job in loops)
    places: dict[str, np.ndarray] = {}
    drew(0, len(loops))
    for key, place in workers.each(place_draws, calls):
        places[key] = place
        drew(len(places), len(loops))
    chosen: dict[str, int] = {}
    first: list[float] = []
    last: list[float] = []
    for kind in options.music.loop_kinds:
        keys = [job.key for job in loops if job.kind == kind]
        for begin in range(0, len(keys), TOGETHER):
            group = keys[begin : begin + TOGETHER]
            if len(group) < 2:
                continue
            draws, before, after = chosen_apart(np.stack([places[key] for key in group]))
            chosen |= dict(zip(group, draws, strict=True))
            first += before
            last += after
    means = (round(float(np.mean(part)), 4) if part else 0.0 for part in (first, last))
    return Spread(tuple(chosen.items()), *means)


def chosen_apart(places: np.ndarray) -> tuple[list[int], list[float], list[float]]:
    """Of places [loops, draws, d] the draw of each loop; each one's distance to its nearest neighbour, of first draws
    and of those that were chosen. A dimension counts by how much it differs among all draws."""
    loops, draws, size = places.shape
    flat = places.reshape(loops * draws, size)
    deviation = flat.std(0)
    flat = (flat / np.where(deviation > 1e-9, deviation, np.inf)).astype(np.float64)
    squares = (flat**2).sum(1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares - 2 * flat @ flat.T, 0)).reshape(loops, draws, loops, draws)
    everyone, chosen = np.arange(loops), np.zeros(loops, np.int64)

    def nearest(among: np.ndarray) -> np.ndarray:
        """Distance of each loop to its nearest, [loops], where each is a draw of these."""
        distance = apart[everyone[:, None], among[:, None], everyone, among]
        np.fill_diagonal(distance, np.inf)
        return np.asarray(distance.min(1))

    before = nearest(chosen).tolist()
    best = sum(before)
    for _ in range(ROUNDS):
        moved = False
        for loop in range(loops):
            for draw in range(draws):
                other = np.where(everyone == loop, draw, chosen)
                if (total := float(nearest(other).sum())) > best * (1 + 1e-9):
                    best, chosen, moved = total, other, True
        if not moved:
            break
    return chosen.tolist(), before, nearest(chosen).tolist()
