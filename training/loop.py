"""The one loop that both trainers run in: time box, logging, checkpoints, and rollback from bad losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from training.run import NanGuard, Report, Run, TimeBox, learning_rate_factor, logger


class LoopSettings(Protocol):
    """What the loop reads from a trainer's settings."""

    @property
    def warmup_steps(self) -> int: ...
    @property
    def anneal(self) -> float: ...
    @property
    def log_every(self) -> int: ...
    @property
    def save_every_s(self) -> float: ...


class Trainer(Protocol):
    """What the loop asks of a trainer; `steps` counts updates, `state` and `restore` are inverse."""

    steps: int

    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...


def train(
    run: Run,
    trainer: Trainer,
    update: Callable[[int, float], dict[str, Tensor]],
    settings: LoopSettings,
    *,
    minutes: float,
    max_steps: int | None = None,
    facts: dict[str, Any] | None = None,
    report: Report | None = None,
) -> dict[str, float]:
    """Call `update(step, learning rate factor)` until the box is used up; returns the last mean losses.

    `update` must return a loss named "total". `facts` are stored in every checkpoint beside the trainer's
    own state. A checkpoint is written every `save_every_s` seconds and at the end.
    """
    spent_s = 0.0
    if state := run.load():
        trainer.restore(state)
        spent_s = state["seconds"]
    box, guard, saved_s = TimeBox(minutes, spent_s), NanGuard(), 0.0
    box.listen()
    last: dict[str, float] = {}

    def save() -> None:
        run.save({**trainer.state(), **(facts or {}), "seconds": box.total_s})

    while not box.over and (max_steps is None or trainer.steps < max_steps):
        factor = learning_rate_factor(trainer.steps, settings.warmup_steps, box.share, settings.anneal)
        losses = update(trainer.steps, factor)
        trainer.steps += 1
        if guard.check(losses["total"]):
            run.record(losses)
        elif guard.wants_rollback and (state := run.load()):
            logger.warning("losses were not finite: back to the weights of step %d", state["steps"])
            # data go on from here: the batches that broke it are not drawn again
            trainer.restore({**state, "steps": trainer.steps})
            guard.bad = 0
        if trainer.steps % settings.log_every == 0:
            last = run.flush(trainer.steps, box.total_s) or last
            if report:
                report(trainer.steps, box.total_s, last)
        if box.session_s - saved_s > settings.save_every_s:
            save()
            saved_s = box.session_s
    save()
    run.close()
    return last
