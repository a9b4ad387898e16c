"""Several processes as one trainer, by lightning-fabric: every process draws its own batches, gradients are averaged.

```
step s      process 0: batch s*n      process 1: batch s*n + 1   ...   (n processes)
            gradients --------- mean --------- gradients               before every optimiser's step
```
Weights start equal and get equal gradients, so they stay equal; process 0 alone logs and writes checkpoints.
The trainers know nothing of this: their optimisers are hooked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from musika_daw.instrument.models.precision import set_precision
from musika_daw.instrument.probe import chosen


class Processes:
    """One process by itself: nothing to agree on."""

    rank, size = 0, 1

    def __init__(self, device: torch.device | None = None, precision: str = "32") -> None:
        self.device = device or torch.device("cpu")
        self.precision = chosen(precision, self.device)

    def any(self, flag: bool) -> bool:
        """True in all processes if `flag` is true in one; also waits for all."""
        return flag

    def join(self, trainer: Any) -> None:
        """Make a trainer's steps run here, in the precision asked for, together with the others' steps."""
        set_precision(trainer.networks, self.precision)
        if self.device.type != "cpu":
            trainer.step = _moved(trainer.step, self.device)

    def restored(self, trainer: Any) -> None:
        """Bring what a trainer took from a checkpoint to this device (optimisers do that by themselves)."""
        if self.device.type != "cpu":
            trainer.ema.shadow = {k: v.to(self.device) for k, v in trainer.ema.shadow.items()}

    def update(self, call: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """One step of the trainer."""
        return call()


class FabricProcesses(Processes):
    """As many processes as a launched `lightning_fabric.Fabric` has."""

    def __init__(self, fabric: Any, precision: str = "32") -> None:
        super().__init__(fabric.device, precision)
        self._fabric = fabric
        self.rank, self.size = int(fabric.global_rank), int(fabric.world_size)
        self._optimizers: list[Optimizer] = []
        self._quiet = False

    def any(self, flag: bool) -> bool:
        return bool(self._sum(torch.tensor([float(flag)], device=self.device)) > 0)

    def join(self, trainer: Any) -> None:
        super().join(trainer)
        self._optimizers = list(trainer.optimizers)
        for number, optimizer in enumerate(self._optimizers):
            optimizer.register_step_pre_hook(functools.partial(self._before_step, number))
        if self.rank:  # process 0 keeps the run's own random numbers, the others get some of their own
            torch.manual_seed(int(trainer.steps) * 1009 + self.rank)

    def update(self, call: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        losses = super().update(call)
        # a process whose loss was not finite has left out a step that others take: it follows them
        while number := self._largest(0):
            optimizer = self._optimizers[number - 1]
            optimizer.zero_grad(set_to_none=True)
            self._average(optimizer, 0.0)
            self._quiet = True
            optimizer.step()
            self._quiet = False
        return losses

    def _before_step(self, number: int, *_: Any) -> None:
        if self._quiet:
            return
        self._largest(number + 1)
        self._average(self._optimizers[number], 1.0)

    def _average(self, optimizer: Optimizer, share: float) -> None:
        """Replace gradients by their mean over the processes that have some."""
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([g.reshape(-1) for g in grads] + [grads[0].new_tensor([share])])
        flat = self._sum(flat)
        mean, start = flat[:-1] / flat[-1], 0
        for parameter in parameters:
            parameter.grad = mean[start : start + parameter.numel()].view_as(parameter).clone()
            start += parameter.numel()

    def _sum(self, value: Tensor) -> Tensor:
        return self._fabric.all_reduce(value, reduce_op="sum")

    def _largest(self, number: int) -> int:
        gathered = self._fabric.all_gather(torch.tensor([number], device=self.device))
        return int(gathered.max())


def _moved(step: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """A trainer's step whose batch, a tensor or what can be sent likewise, goes to the device first."""

    def moved(batch: Any, *rest: Any) -> Any:
        return step(batch.to(device), *rest)

    return moved


_current: Processes = Processes()


def current() -> Processes:
    """The processes that a loop started now runs in."""
    return _current


def use(processes: Processes) -> None:
    """Make loops started from now on run in `processes`; new tensors and networks are made on its device."""
    global _current
    _current = processes
    torch.set_default_device(processes.device if processes.device.type != "cpu" else None)


def launch(devices: int, accelerator: str = "auto", precision: str = "32") -> Processes:
    """Start `devices` processes (this one among them) and use them; ValueError where that cannot be.

    One process on a CPU needs no fabric. Called again in every process that the first call starts.
    """
    import os

    import torch

    on_gpu = accelerator == "gpu" or (accelerator == "auto" and torch.cuda.is_available())
    if on_gpu and not torch.cuda.is_available():
        raise ValueError("accelerator: 'gpu', but PyTorch sees none here; must be auto or cpu")
    if on_gpu and devices > torch.cuda.device_count():
        raise ValueError(f"devices: {devices}, must be at most the {torch.cuda.device_count()} GPUs that are here")
    if devices == 1 and "LOCAL_RANK" not in os.environ:
        if on_gpu:
            torch.set_float32_matmul_precision("high")  # TF32: the precision that helps everywhere
        made = Processes(torch.device("cuda", 0) if on_gpu else None, precision)
        use(made)
        return made
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise ValueError("several devices need lightning-fabric: install musika-daw[train]") from error
    if on_gpu:
        torch.set_float32_matmul_precision("high")
    fabric = Fabric(accelerator="gpu" if on_gpu else "cpu", devices=devices, strategy="ddp")
    fabric.launch()
    many = FabricProcesses(fabric, precision)
    # each has found for itself what is faster: they go by one
    many.precision = torch.bfloat16 if many.any(many.precision is not None) else None
    use(many)
    return many
