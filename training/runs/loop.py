"""The one loop that both trainers run in: time box, logging, checkpoints, examples, and rollback from bad losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer

from musika_daw.system.refusal import refused
from training.runs import parallel
from training.runs.examples import Examples, MakePairs
from training.runs.run import NanGuard, Report, Run, TimeBox, all_finite, learning_rate_factor, logger

EXAMPLES_EVERY_S = 300.0


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
    """What the loop asks of a trainer; `steps` counts updates, `networks` are all that it runs, `optimizers` all that
    moves them, `state` and `restore` are inverse."""

    steps: int

    @property
    def networks(self) -> Sequence[nn.Module]: ...
    @property
    def optimizers(self) -> Sequence[Optimizer]: ...
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
    pairs: MakePairs | None = None,
) -> dict[str, float]:
    """Call `update(batch number, learning rate factor)` until the box is used up; returns the last mean losses.

    `update` must return a loss named "total". `facts` are stored in every checkpoint beside the trainer's
    own state; `pairs` makes the examples. A checkpoint is written at once, every `save_every_s` seconds and at the
    end; never one that holds numbers that are not finite. Several processes (`parallel.use`) train as one.
    """
    together = parallel.current()
    first = together.rank == 0
    spent_s = 0.0
    if state := run.load():
        try:
            trainer.restore(state)
        except KeyError as lacking:
            raise refused("run", run.folder, f"its checkpoint is of another kind, without {lacking}") from lacking
        run.write_settings()
        together.restored(trainer)
        spent_s = state["seconds"]
        if first:
            run.cut_log(trainer.steps)
    together.join(trainer)
    together.any(False)  # nobody writes to the run before all have opened it
    box, guard, saved_s, shown_s = TimeBox(minutes, spent_s), NanGuard(), 0.0, 0.0
    box.listen()
    last: dict[str, float] = {}
    examples = Examples(run, trainer, pairs) if first and pairs is not None else None

    def save() -> bool:
        """False, with nothing written, where something is not finite."""
        content = trainer.state()
        if together.any(not all_finite(content)):
            return False
        if first:
            run.save({**content, **(facts or {}), "seconds": box.total_s})
        guard.saved()
        return True

    def roll_back() -> None:
        state = run.load()
        assert state is not None  # one is written before the first step
        guard.roll_back()
        logger.warning(
            "losses were not finite at step %d: back to the weights of step %d", trainer.steps, state["steps"]
        )
        # data go on from here: the batches that broke it are not drawn again
        trainer.restore({**state, "steps": trainer.steps})
        together.restored(trainer)

    if state is None:
        save()
    while not together.any(box.over or (max_steps is not None and trainer.steps >= max_steps)):
        # the rate falls towards the end that comes first
        share = max(box.share, trainer.steps / max_steps if max_steps else 0.0)
        factor = learning_rate_factor(trainer.steps, settings.warmup_steps, share, settings.anneal)
        batch = trainer.steps * together.size + together.rank
        losses = together.update(lambda: update(batch, factor))  # noqa: B023 - called at once
        trainer.steps += 1
        bad = together.any(not guard.check(losses["total"]))
        if not bad:
            if first:
                run.record(losses)
        elif together.any(guard.wants_rollback):
            roll_back()
        if first and trainer.steps % settings.log_every == 0:
            last = run.flush(trainer.steps, box.total_s) or last
            if report:
                report(trainer.steps, box.total_s, last)
        if together.any(box.session_s - saved_s > settings.save_every_s):
            if not save():
                roll_back()
            saved_s = box.session_s
            if examples is not None:
                if not shown_s or box.session_s - shown_s > EXAMPLES_EVERY_S:
                    examples.make(trainer.steps)
                    shown_s = box.session_s
                examples.report()
    if not save():
        roll_back()
        save()
    if examples is not None:
        examples.make(trainer.steps)
        examples.report()
    run.close()
    return last
