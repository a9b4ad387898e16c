"""Where a generator that is told parts begins: what of the latents follows from the score by a straight line.

A score is sparse, and what it explains is spread over many latents that hold little each. Learned step by step, 1,900
steps found a hundredth of what the twelve pitch classes alone explain; solved at once, a line from three frames of the
score explains an eighth of what those latents do in songs never heard, and training goes on from there.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from musika_daw.instrument.models.blocks import FrameConv
from musika_daw.score import conditioning
from training.generator.excerpts import Batch

# what a weight pays, against the mean power of what it weighs
_PRICE = 0.1
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
    moments, products = torch.zeros((), device=device), torch.zeros((), device=device)
    for step in range(batches):
        batch = data.batch(_FIRST + step, size)
        score = batch.conditions[..., conditioning.CHANNELS :].to(device)
        told = _shifted(score, kernel).flatten(0, 1)
        told = F.pad(told, (0, 1), value=1.0)
        moments = moments + told.T @ told
        products = products + told.T @ batch.latents.to(device).flatten(0, 1)
    price = torch.full((len(moments),), _PRICE * float(moments.diagonal()[:-1].mean()))
    price[-1] = 0.0  # a mean costs nothing
    weights = torch.linalg.solve((moments + torch.diag(price)).double(), products.double()).float()
    inputs = line.conv.in_channels
    line.conv.weight.copy_(weights[:-1].T.unflatten(1, (kernel, inputs)).transpose(1, 2))
    assert line.conv.bias is not None
    line.conv.bias.copy_(weights[-1])


def _shifted(x: Tensor, kernel: int) -> Tensor:
    """Each frame `[B, T, C]` with those beside it, `[B, T, kernel * C]`, as `FrameConv` sees them."""
    half = (kernel - 1) // 2
    padded = F.pad(x, (0, 0, half, half))
    return torch.cat([padded[:, i : i + x.shape[1]] for i in range(kernel)], -1)
