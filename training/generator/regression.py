"""Where a generator that is told parts begins: what of the latents follows from score and style by straight lines.

A score is sparse, and what it explains is spread over many latents that hold little each. Learned step by step, 1,900
steps found a hundredth of what the twelve pitch classes alone explain; solved at once, a line from three frames of the
score explains an eighth of what those latents do in songs never heard, and training goes on from there. What styles do
(`models.timbre`) was not found by 800 steps at all; solved, it takes a tenth off what the generator had left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from musika_daw.instrument.models.blocks import FrameConv
from musika_daw.instrument.models.generator import ResNetGenerator
from musika_daw.instrument.models.timbre import Timbre
from musika_daw.score import conditioning
from training.generator.excerpts import Batch

# what a weight of the score pays, against the mean power of what it weighs; and of a style, in frames
_PRICE, _STYLE_PRICE = 0.1, 30.0
_FIRST = 1 << 41


class Batches(Protocol):
    """What the regression asks of the data."""

    def batch(self, step: int, size: int) -> Batch:
        """Batch number `step`."""
        ...


@torch.no_grad()
def solve(line: FrameConv, data: Batches, batches: int, size: int) -> None:
    """Set a convolution over the score so that it fits the latents of many excerpts best, each weight paid for.

    Batches have numbers that training never comes to.
    """
    kernel, device = line.conv.kernel_size[0], line.conv.weight.device

    def told(batch: Batch) -> Tensor:
        return F.pad(_shifted(_score(batch), kernel), (0, 1), value=1.0)

    moments, products = _moments(told, lambda batch: batch.latents, data, batches, size, device)
    price = torch.full((len(moments),), _PRICE * float(moments.diagonal()[:-1].mean()))
    price[-1] = 0.0  # a mean costs nothing
    weights = torch.linalg.solve((moments + torch.diag(price)).double(), products.double()).float()
    inputs = line.conv.in_channels
    line.conv.weight.copy_(weights[:-1].T.unflatten(1, (kernel, inputs)).transpose(1, 2))
    assert line.conv.bias is not None
    line.conv.bias.copy_(weights[-1])


@torch.no_grad()
def solve_timbre(generator: ResNetGenerator, timbre: Timbre, data: Batches, batches: int, size: int) -> None:
    """Set what styles do so that it fits best what the generator leaves of the latents without one."""
    config, device = generator.config, timbre.linear.weight.device

    def rest(batch: Batch) -> Tensor:
        rows, frames, _ = batch.latents.shape
        typical = torch.zeros(rows, frames, config.coordinate, device=device)
        none = torch.zeros(rows, config.style, device=device)
        return batch.latents - generator(typical, none, batch.conditions)

    def told(batch: Batch) -> Tensor:
        assert batch.style is not None
        return timbre.features(_score(batch), batch.style)

    moments, products = _moments(told, rest, data, batches, size, device)
    price = _STYLE_PRICE * torch.eye(len(moments), device=device)
    timbre.linear.weight.copy_(torch.linalg.solve((moments + price).double(), products.double()).float().T)


def _score(batch: Batch) -> Tensor:
    return batch.conditions[..., conditioning.CHANNELS :]


def _moments(
    told: Callable[[Batch], Tensor],
    wanted: Callable[[Batch], Tensor],
    data: Batches,
    batches: int,
    size: int,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Moments of what is told of every frame, and its products with what is wanted."""
    moments, products = torch.zeros((), device=device), torch.zeros((), device=device)
    for step in range(batches):
        batch = data.batch(_FIRST + step, size).to(device)
        known = told(batch).flatten(0, 1)
        moments = moments + known.T @ known
        products = products + known.T @ wanted(batch).flatten(0, 1)
    return moments, products


def _shifted(x: Tensor, kernel: int) -> Tensor:
    """Each frame `[B, T, C]` with those beside it, `[B, T, kernel * C]`, as `FrameConv` sees them."""
    half = (kernel - 1) // 2
    padded = F.pad(x, (0, 0, half, half))
    return torch.cat([padded[:, i : i + x.shape[1]] for i in range(kernel)], -1)
