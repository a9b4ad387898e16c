"""Sums over what was said in earlier frames, each carried forward by how far phases have turned since.

    sum_k weight(k) said(t-k) exp(i (turned(t) - turned(t-k)))        k below the memory

A sum reaches so far back and no further, so that a piece decoded with that much context is the same however it was cut.
And so that no bit depends on where it was cut, all is computed in blocks of as many frames, that begin at the same
positions in every piece, and turns are counted from where two blocks meet:

    ... | block b-1: left(t), turns from t to its end | block b: turned(t), turns from its start to t | ...

(Where opinions cancel, the angle of their sum is at the mercy of the last bit: it is off by as much as the sum is
smaller than its terms.)
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_PART = 16


class BlockMemory(nn.Module):
    """Adds up turns and opinions `[B, C, frames, bins]` in blocks of `memory` frames, a multiple of 16 or below.

    Each of `weights`, float32 `[memory]` by how many frames ago, is for one of the opinions that `forward` is given.
    """

    sums: Tensor

    def __init__(self, *weights: Tensor) -> None:
        super().__init__()
        self.memory = len(weights[0])
        self.part = min(_PART, self.memory)
        lag = torch.arange(self.part)[:, None] - torch.arange(self.part)
        # over the frames of a part of a block: up to each frame, and after it
        self.register_buffer("sums", torch.cat([lag >= 0, lag < 0]).float(), persistent=False)
        for number, each in enumerate(weights):
            self.register_buffer(f"fading{number}", _fading(each), persistent=False)

    def forward(self, advance: Tensor, opinions: tuple[Tensor, ...], first: int) -> tuple[Tensor, Tensor]:
        """Turns up to each frame, and the sum of all (complex) opinions relative to them, `[B, C, frames, bins]`.

        `advance` `[B, C, frames - 1, bins]` leads to the second frame and on; `first` is the number of the first one.
        """
        frames = opinions[0].shape[2]
        before, after = first % self.memory, -(first + frames) % self.memory

        def blocks(x: Tensor, lead: int) -> Tensor:
            return F.pad(x, (0, 0, before + lead, after)).unflatten(2, (-1, self.memory))

        turned, left = self._turns(blocks(advance, 1))
        back, onward = turn(-turned), turn(left[:, :, :-1])
        total = torch.zeros((), device=advance.device)
        for number, said in enumerate(opinions):
            total = total + self._faded(blocks(said, 0), back, onward, getattr(self, f"fading{number}"))
        inside = slice(before, before + frames)
        return turned.flatten(2, 3)[:, :, inside], total[:, :, inside]

    def _turns(self, advance: Tensor) -> tuple[Tensor, Tensor]:
        """How far phases turn in each block up to each frame, and after it, from the advance to each frame.

        All are `[B, C, blocks, memory, bins]`.
        """
        # only their turns count, and what is added up must stay small, or it loses the last bits
        up_to, after = torch.matmul(self.sums, _within_a_turn(advance).unflatten(3, (-1, self.part))).chunk(2, 4)
        ends = _within_a_turn(up_to[:, :, :, :, -1])
        before = F.pad(ends[:, :, :, :-1].cumsum(3), (0, 0, 1, 0))
        later = F.pad(ends[:, :, :, 1:].flip(3).cumsum(3).flip(3), (0, 0, 0, 1))
        return (up_to + before[..., None, :]).flatten(3, 4), (after + later[..., None, :]).flatten(3, 4)

    @staticmethod
    def _faded(said: Tensor, back: Tensor, onward: Tensor, fading: Tensor) -> Tensor:
        """`sum_k weight(k) said(t-k) exp(-i turned(t-k))`, complex `[B, C, frames, bins]`.

        `back` undoes each frame's turns, `onward` takes it to the next block.
        """
        own, later = (
            torch.view_as_complex(torch.matmul(matrix, torch.view_as_real(seen).flatten(4)).unflatten(4, (-1, 2)))
            for matrix, seen in zip(fading, (said * back, said[:, :, :-1] * onward))
        )
        return (own + F.pad(later, (0, 0, 0, 0, 1, 0))).flatten(2, 3)


def _fading(weights: Tensor) -> Tensor:
    """What is left, `[2, memory, memory]`, of each frame of a block in its own frames and in those of the next."""
    memory = len(weights)
    lag = torch.arange(memory)[:, None] - torch.arange(memory)
    own = torch.where(lag >= 0, weights[lag.clamp(min=0)], 0.0)
    later = torch.where(lag < 0, weights[(lag + memory).clamp(max=memory - 1)], 0.0)
    return torch.stack([own, later])


def _within_a_turn(angle: Tensor) -> Tensor:
    """The same angle in -pi..pi."""
    return angle - 2 * math.pi * torch.round(angle / (2 * math.pi))


def turn(angle: Tensor) -> Tensor:
    """`exp(i angle)`, three times as fast as `torch.polar`."""
    return torch.complex(angle.cos(), angle.sin())


def safe_angle(z: Tensor, scale: Tensor | float) -> Tensor:
    """The angle of `z`, with a gradient that stays finite where `z` is small against `scale`."""
    angle = z.detach().angle()
    if not z.requires_grad:
        return angle
    still = z.detach()
    turned = (z * still.conj()).imag / (still.abs().square() + (0.3 * scale) ** 2)
    return angle + turned
