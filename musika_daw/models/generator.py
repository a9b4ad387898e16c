"""Latent generators: coordinates, style and conditions in, latents out (paper, sections 3.2 and 4.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw import conditioning
from musika_daw.models.blocks import FrameConv
from musika_daw.models.config import GeneratorConfig
from musika_daw.models.fastgan import FastGanGenerator


class ModulatedBlock(nn.Module):
    """Dilated residual convolution whose normalised input is scaled and shifted frame by frame (SA-AdaIN).

    Normalised over channels, not over time as in the paper, so that a frame depends on its neighbours
    within the kernel and on nothing else.
    """

    def __init__(self, width: int, condition_width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(condition_width, 2 * width)
        self.conv = FrameConv(width, width, 3, dilation=dilation)
        self.out = nn.Linear(width, width)
        nn.init.normal_(self.out.weight, std=0.3 * width**-0.5)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulation(condition).chunk(2, -1)
        y = self.norm(x) * (1 + scale) + shift
        return x + self.out(F.gelu(self.conv(y), approximate="tanh"))


class ResNetGenerator(nn.Module):
    """Convolutional in time: frame t depends on the coordinates and conditions of t +- `config.context`."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        inputs = config.place + config.style + conditioning.CHANNELS
        self.condition = nn.Sequential(
            nn.Linear(inputs, config.condition_width), nn.GELU(approximate="tanh"),
            nn.Linear(config.condition_width, config.condition_width), nn.GELU(approximate="tanh"),
        )  # fmt: skip
        self.inward = FrameConv(config.condition_width, config.width, 3)
        self.blocks = nn.ModuleList(
            ModulatedBlock(config.width, config.condition_width, config.dilations[i % len(config.dilations)])
            for i in range(config.blocks)
        )
        self.norm = nn.LayerNorm(config.width)
        self.outward = FrameConv(config.width, config.channels, 3)

    def forward(self, coordinates: Tensor, style: Tensor, conditions: Tensor) -> Tensor:
        """`[B, T, place]`, `[B, style]`, `[B, T, CHANNELS]` to normalised latents `[B, T, channels]`."""
        spread = style[:, None].expand(-1, coordinates.shape[1], -1)
        condition = self.condition(torch.cat([coordinates, spread, conditions], -1))
        x = self.inward(condition)
        for block in self.blocks:
            x = block(x, condition)
        return self.outward(self.norm(x))


def build_generator(config: GeneratorConfig) -> nn.Module:
    """The generator of a configuration; ValueError for an unknown kind."""
    if config.kind == "resnet":
        return ResNetGenerator(config)
    if config.kind == "fastgan":
        return FastGanGenerator(config)
    raise ValueError(f"generator kind: {config.kind!r}, must be resnet or fastgan")
