"""Latent generators: coordinates, style and conditions in, latents out (paper, sections 3.2 and 4.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models.blocks import FrameConv
from musika_daw.instrument.models.config import GeneratorConfig
from musika_daw.instrument.models.fastgan import FastGanGenerator
from musika_daw.instrument.models.precision import Network, in_own_precision
from musika_daw.instrument.models.timbre import Timbre
from musika_daw.score import conditioning, part_roll, roll


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


class StringBank(nn.Module):
    """Piano roll `[B, T, roll.CHANNELS]` to the loudness `[B, T, bands]` that its strings add up to, in log-frequency.

    Strings add in power, latents follow the logarithm of the sum; a network would have to find that out from
    chords. So each key has its share of every band, which begins as a series of harmonics and is learnt from there.
    """

    bands = 128

    def __init__(self) -> None:
        super().__init__()
        keys = torch.arange(roll.LOWEST_KEY, roll.HIGHEST_KEY + 1)
        harmonics = torch.arange(1, 25)
        octaves = (keys[:, None] - roll.LOWEST_KEY) / 12 + torch.log2(harmonics.float())
        centres = torch.linspace(0, 9, self.bands)
        near = torch.exp(-0.5 * ((octaves[..., None] - centres) / 0.06).square())
        power = (near * harmonics[:, None] ** -2.0).sum(1)
        self.share = nn.Parameter(torch.log(power + 1e-4).repeat(roll.CHANNELS // roll.KEYS, 1))

    def forward(self, told: Tensor) -> Tensor:
        return torch.log(told.square() @ self.share.exp() + 1e-4) / 4 + 1


class PartBank(nn.Module):
    """The score of techno to what of it is loud where: drums as they are, and each pitched part in log-frequency.

    `[B, T, part_roll.CHANNELS]` to `[B, T, width]`. As in `StringBank`, keys add in power over shares of every band
    that begin as series of harmonics; each part learns its own.
    """

    bands = 96

    def __init__(self) -> None:
        super().__init__()
        keys, harmonics = torch.arange(part_roll.KEYS), torch.arange(1, 17)
        octaves = keys[:, None] / 12 + torch.log2(harmonics.float())
        centres = torch.linspace(0, 10, self.bands)
        near = torch.exp(-0.5 * ((octaves[..., None] - centres) / 0.07).square())
        share = torch.log((near * harmonics[:, None] ** -1.5).sum(1) + 1e-4)
        self.share = nn.Parameter(share.repeat(len(part_roll.PITCHED), 3, 1))
        self.slices = part_roll.slices()
        self.width = part_roll.WIDTHS["drums"] + len(part_roll.PITCHED) * (self.bands + 1 + part_roll.PLACES)

    def forward(self, told: Tensor) -> Tensor:
        out = [told[..., self.slices["drums"]]]
        for part, share in zip(part_roll.PITCHED, self.share):
            of_part = told[..., self.slices[part]]
            keys = 3 * part_roll.KEYS
            loud = torch.log(of_part[..., :keys].square() @ share.exp() + 1e-4) / 4 + 1
            out += [loud, of_part[..., keys:]]
        return torch.cat(out, -1)


class ResNetGenerator(Network):
    """Convolutional in time: frame t depends on the coordinates and conditions of t +- `config.context`."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.strings = StringBank() if config.score == "piano" else None
        self.parts = PartBank() if config.score == "parts" else None
        bands = (self.strings.bands if self.strings is not None else 0) + (self.parts.width if self.parts else 0)
        inputs = config.coordinate + config.style + config.told + bands
        self.condition = nn.Sequential(
            nn.Linear(inputs, config.condition_width),
            nn.GELU(approximate="tanh"),
            nn.Linear(config.condition_width, config.condition_width),
            nn.GELU(approximate="tanh"),
        )
        self.inward = FrameConv(config.condition_width, config.width, 3)
        self.blocks = nn.ModuleList(
            ModulatedBlock(config.width, config.condition_width, config.dilations[i % len(config.dilations)])
            for i in range(config.blocks)
        )
        self.norm = nn.LayerNorm(config.width)
        self.outward = FrameConv(config.width, config.channels, 3)
        # what follows from the score by a straight line; training solves for it before it begins
        self.line = FrameConv(part_roll.CHANNELS, config.channels, 3) if config.score == "parts" else None
        self.timbre = Timbre(config.style, config.channels) if config.timbre else None

    @in_own_precision
    def forward(self, coordinates: Tensor, style: Tensor, conditions: Tensor) -> Tensor:
        """`[B, T, coordinate]`, `[B, style]` (or `[B, T, style]`), `[B, T, told]` to normalised latents
        `[B, T, channels]`."""
        spread = style if style.dim() == 3 else style[:, None].expand(-1, coordinates.shape[1], -1)
        told = [coordinates, spread, conditions]
        if self.strings is not None:
            told.append(self.strings(conditions[..., conditioning.CHANNELS :]))
        if self.parts is not None:
            told.append(self.parts(conditions[..., conditioning.CHANNELS :]))
        condition = self.condition(torch.cat(told, -1))
        x = self.inward(condition)
        for block in self.blocks:
            x = block(x, condition)
        made = self.outward(self.norm(x))
        score = conditions[..., conditioning.CHANNELS :]
        if self.line is not None:
            made = made + self.line(score)
        if self.timbre is not None:
            made = made + self.timbre(score, style)
        return made


def build_generator(config: GeneratorConfig) -> nn.Module:
    """The generator of a configuration; ValueError for an unknown kind."""
    if config.kind == "resnet":
        return ResNetGenerator(config)
    if config.kind == "fastgan":
        return FastGanGenerator(config)
    raise ValueError(f"generator kind: {config.kind!r}, must be resnet or fastgan")
