"""Residual blocks over `[B, T, C]` (time by channels: the layout in which a CPU multiplies fastest)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FrameConv(nn.Module):
    """1-D convolution on `[B, T, C]`: `same` keeps T (zeros outside), else T shrinks by (kernel-1)*dilation."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, same: bool = True, dilation: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2 if same else 0
        self.conv = nn.Conv1d(inputs, outputs, kernel, padding=padding, dilation=dilation, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        if conv.groups > 1:
            return conv(x.transpose(1, 2)).transpose(1, 2)
        # one matrix product over shifted copies: nothing changes its layout, forwards or backwards
        step, size, padding = conv.dilation[0], conv.kernel_size[0], int(conv.padding[0])
        x = F.pad(x, (0, 0, padding, padding))
        frames = x.shape[1] - step * (size - 1)
        shifted = torch.cat([x[:, i * step : i * step + frames] for i in range(size)], -1)
        return F.linear(shifted, conv.weight.transpose(1, 2).flatten(1), conv.bias)


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, layer norm and a two-layer perceptron on a scaled residual (as in vocos).

    `[B, T, C]` to `[B, T, C]`, or `[B, T - kernel + 1, C]` where `same` is false.
    """

    def __init__(self, width: int, ratio: float, kernel: int, *, same: bool) -> None:
        super().__init__()
        self.trim = 0 if same else (kernel - 1) // 2
        self.depthwise = FrameConv(width, width, kernel, same=same, groups=width)
        self.norm = nn.LayerNorm(width)
        hidden = int(width * ratio)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        # a small start lets depth join gradually
        nn.init.normal_(self.down.weight, std=0.3 * hidden**-0.5)
        nn.init.zeros_(self.down.bias)

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(F.gelu(self.up(self.norm(self.depthwise(x))), approximate="tanh"))
        if self.trim:
            x = x[:, self.trim : -self.trim]
        return x + y
