"""A training run on disk: time box, atomic checkpoints, CSV and TensorBoard logs, EMA, and the NaN guard.

```
RUN/
  run.json          what was asked for
  checkpoint.pt     last complete state (tensors and plain numbers only; loaded with weights_only)
  log.csv           one row every `log_every` steps
  report.html       curves, spectrograms and players, to watch while it trains
  events/           TensorBoard, where it is installed
  examples/         audio and spectrograms, a set every few minutes
```
"""

from __future__ import annotations

import csv
import importlib.util
import json
import logging
import math
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from musika_daw.system.atomic import naming, replacing, write_atomic
from musika_daw.system.refusal import refused
from training.runs import parallel

logger = logging.getLogger("training")


class Ema:
    """Exponential moving average of a module's parameters, with a warm-up of the rate."""

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.shadow = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move the average towards the module's present state."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if value.dtype.is_floating_point:
                self.shadow[name].lerp_(value.detach(), 1 - decay)
            else:
                self.shadow[name].copy_(value)


class TimeBox:
    """Counts the minutes of a run, over all its sessions, and notices Ctrl-C and SIGTERM."""

    def __init__(self, minutes: float, spent_s: float = 0.0) -> None:
        self.limit_s, self._spent_s = minutes * 60, spent_s
        self._start, self._cpu = time.monotonic(), time.process_time()
        self.asked_to_stop = False

    def listen(self) -> None:
        """Turn SIGINT and SIGTERM into a clean stop after the step under way."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        self.asked_to_stop = True

    @property
    def session_s(self) -> float:
        """Seconds since this session began."""
        return time.monotonic() - self._start

    @property
    def total_s(self) -> float:
        """Seconds over all sessions."""
        return self._spent_s + self.session_s

    @property
    def share(self) -> float:
        """How much of this session's box is used, 0..1."""
        return min(1.0, self.session_s / self.limit_s) if self.limit_s else 1.0

    @property
    def over(self) -> bool:
        """True when the box is used up or a stop was asked for."""
        return self.asked_to_stop or self.session_s >= self.limit_s


def _stage_of(folder: Path) -> str | None:
    """What a run trains, as far as it says so."""
    try:
        stage = json.loads((folder / "run.json").read_text("utf-8")).get("stage")
    except (OSError, ValueError, AttributeError):
        return None
    return stage if isinstance(stage, str) else None


class Run:
    """The folder of one run; `state()` gives and `restore()` takes what a checkpoint holds."""

    def __init__(self, folder: Path, settings: dict[str, Any], *, resume: bool) -> None:
        self.folder = Path(folder)
        self.checkpoint = self.folder / "checkpoint.pt"
        if self.checkpoint.exists() and not resume:
            raise refused("run", self.folder, "holds a checkpoint already; give --resume or another folder")
        before, stage = _stage_of(self.folder), settings.get("stage")
        if self.checkpoint.exists() and None not in (before, stage) and before != stage:
            raise refused("run", self.folder, f"is a run of {before}, not of {stage}")
        (self.folder / "examples").mkdir(parents=True, exist_ok=True)
        self.settings = settings
        if not self.checkpoint.exists():
            self.write_settings()
        self.tensorboard = importlib.util.find_spec("tensorboard") is not None
        self._writer: Any = None
        self._since: dict[str, list[float]] = {}

    def write_settings(self) -> None:
        """Note what was asked for; of a run that goes on once it could: what is refused changes nothing."""
        if parallel.current().rank == 0:
            write_json(self.folder / "run.json", self.settings)

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint, or None in a fresh run."""
        if not self.checkpoint.exists():
            return None
        try:
            return torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except Exception as error:
            what = type(error).__name__
            raise refused("run", self.folder, f"checkpoint.pt was not written by this program ({what})") from error

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint so that a kill at any moment leaves the old one or the new one."""
        with replacing(self.checkpoint, "wb", sync=True) as file:
            torch.save(state, file)

    def cut_log(self, step: int) -> None:
        """Drop the rows of steps that are about to be made again, and one torn by a kill."""
        path = self.folder / "log.csv"
        if not path.exists():
            return
        lines = path.read_text().splitlines(keepends=True)
        commas = lines[0].count(",") if lines else 0
        kept = [
            line
            for line in lines[1:]
            if line.endswith("\n") and line.count(",") == commas and int(line.split(",")[0]) <= step
        ]
        write_atomic(path, "".join(lines[:1] + kept))

    def record(self, values: Mapping[str, Tensor | float]) -> None:
        """Remember scalars until the next `flush`."""
        for name, value in values.items():
            self._since.setdefault(name, []).append(float(value))

    def flush(self, step: int, total_s: float) -> dict[str, float]:
        """Write the means since the last call to CSV and TensorBoard and return them."""
        means = {k: sum(v) / len(v) for k, v in self._since.items()}
        self._since = {}
        if not means:  # every step since the last call was left out
            return {}
        path = self.folder / "log.csv"
        row: dict[str, Any] = {"step": step, "seconds": round(total_s, 1), **means}
        fields = list(row)
        if path.exists():
            with path.open() as f:
                fields = next(csv.reader(f), fields)
        if missing := [k for k in row if k not in fields]:
            _widen(path, fields + missing)
            fields += missing
        new = not path.exists()
        with naming(path), path.open("a", newline="") as f:
            writer = csv.DictWriter(f, fields, restval="")
            if new:
                writer.writeheader()
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
        if self.tensorboard:
            for name, value in means.items():
                self.board().add_scalar(name, value, step)
        return means

    def board(self) -> Any:
        """The TensorBoard writer, opened at first use; only where `tensorboard` (an extra) is true."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.folder / "events"))
        return self._writer

    def close(self) -> None:
        """Close the TensorBoard file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class NanGuard:
    """Notices losses and weights that are not finite.

    One bad loss may be a bad batch: the step is left out. `patience` in a row ask for a rollback, and after
    `rollbacks` of them without a checkpoint between, the run is given up.
    """

    def __init__(self, patience: int = 3, rollbacks: int = 3) -> None:
        self.patience, self.rollbacks = patience, rollbacks
        self.bad = self.rolled_back = 0

    def check(self, loss: Tensor) -> bool:
        """True if the loss is finite."""
        self.bad = 0 if math.isfinite(float(loss.detach())) else self.bad + 1
        return self.bad == 0

    @property
    def wants_rollback(self) -> bool:
        """True once too many steps in a row were not finite."""
        return self.bad >= self.patience

    def roll_back(self) -> None:
        """Note a rollback; ValueError, in one line, if there were too many."""
        self.bad = 0
        self.rolled_back += 1
        if self.rolled_back > self.rollbacks:
            raise ValueError(
                f"losses: not finite again after {self.rollbacks} rollbacks; "
                "the last good checkpoint is kept, go on with a lower learning_rate"
            )

    def saved(self) -> None:
        """A good checkpoint was written: the next trouble is a new one."""
        self.rolled_back = 0


def all_finite(state: Any) -> bool:
    """True if every floating-point tensor in nested dicts and lists is finite."""
    if isinstance(state, Tensor):
        return not state.dtype.is_floating_point or bool(torch.isfinite(state).all())
    if isinstance(state, Mapping):
        return all(all_finite(v) for v in state.values())
    if isinstance(state, list | tuple):
        return all(all_finite(v) for v in state)
    return True


def learning_rate_factor(step: int, warmup_steps: int, box_share: float, anneal: float) -> float:
    """Linear warm-up, then 1, then a half cosine to 0.02 over the last `anneal` share of the time box."""
    factor = min(1.0, (step + 1) / max(1, warmup_steps))
    if anneal > 0 and box_share > 1 - anneal:
        x = (box_share - (1 - anneal)) / anneal
        factor *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, x)))
    return factor


def clip_gradients(module: nn.Module, limit: float) -> Tensor:
    """Scale gradients to a norm of at most `limit`; returns the norm before."""
    return torch.nn.utils.clip_grad_norm_(module.parameters(), limit)


Report = Callable[[int, float, dict[str, float]], None]


def write_json(path: Path, data: Any) -> None:
    """Write JSON whole or not at all."""
    write_atomic(path, json.dumps(data, indent=1) + "\n")


def _widen(path: Path, fields: list[str]) -> None:
    if not path.exists():
        return
    with path.open() as f:
        rows = list(csv.DictReader(f))
    with replacing(path) as f:
        writer = csv.DictWriter(f, fields, restval="")
        writer.writeheader()
        writer.writerows(rows)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint from a run folder or file; only tensors and plain numbers are read, never code."""
    path = Path(path)
    file = path / "checkpoint.pt" if path.is_dir() else path
    if not file.exists():
        raise refused("run", path, "no checkpoint there")
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise refused("run", path, f"not a checkpoint of this program ({type(error).__name__})") from error
