"""Discriminator of latent sequences and the inference network of the warm start (paper, section 4.2)."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models.blocks import FrameConv
from musika_daw.instrument.models.config import GeneratorConfig
from musika_daw.instrument.models.precision import Network, in_own_precision
from musika_daw.score import conditioning, part_roll
from musika_daw.score.parts import DRUMS, PARTS

# numbers of a latent frame by which critics know a score of parts
_TOLD = 128
_SAME = 1e-8
_PART_WEIGHT = 10.0


class CrossChannelMixing(nn.Module):
    """Mixes the two stereo latents stacked on channels by random convex weights, one pair an excerpt.

    Keeps a discriminator from telling channels apart too easily; real and made input get the same mix.
    """

    def forward(self, x: Tensor, share: Tensor) -> Tensor:
        """`[B, T, 2C]` with share `[B]` in 0..1: each half becomes a mix of both."""
        first, second = x.chunk(2, -1)
        k = share[:, None, None]
        return torch.cat([(1 - k) * first + k * second, (1 - k) * second + k * first], -1)


class DownBlock(nn.Module):
    """Residual block that halves time."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = FrameConv(inputs, inputs, 3)
        self.conv2 = FrameConv(inputs, outputs, 3)
        self.skip = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(x, 0.2)), 0.2))
        y = y + self.skip(x)
        return (y[:, 0::2] + y[:, 1::2]) / 2


def told_narrowly(config: GeneratorConfig) -> tuple[nn.Module, int]:
    """What makes few numbers of a score of parts, and how many; other conditions stay as they are."""
    if config.score != "parts":
        return nn.Identity(), config.told
    return nn.Linear(config.told, _TOLD), _TOLD


class LatentDiscriminator(Network):
    """Scores `[B, T, channels]` latents under their conditions and rebuilds its input from inside.

    Returns scores `[B, n]` at three scales and the reconstruction `[B, T, channels]` (FastGAN's self-supervision,
    here one light decoder). The close scale sees five frames: it learns soonest, from a hundred places in every
    excerpt, what a moment of music can be; the others judge how moments follow each other.
    """

    def __init__(self, config: GeneratorConfig, width: int = 192, downs: int = 4) -> None:
        super().__init__()
        self.told, told = told_narrowly(config)
        self.inward = FrameConv(config.channels + told, width, 5)
        widths = [min(width * 2, width + 64 * i) for i in range(downs + 1)]
        self.blocks = nn.ModuleList(DownBlock(a, b) for a, b in itertools.pairwise(widths))
        self.close = nn.Sequential(
            FrameConv(config.channels + told, 2 * width, 3),
            nn.LeakyReLU(0.2),
            FrameConv(2 * width, 2 * width, 3),
            nn.LeakyReLU(0.2),
            nn.Linear(2 * width, 1),
        )
        self.local = nn.Linear(widths[2], 1)
        self.whole = nn.Sequential(nn.Linear(widths[-1] + 1, widths[-1]), nn.LeakyReLU(0.2), nn.Linear(widths[-1], 1))
        self.factor = 2**downs
        self.rebuild = nn.Sequential(
            nn.Linear(widths[-1], width), nn.LeakyReLU(0.2), nn.Linear(width, self.factor * config.channels)
        )

    @in_own_precision
    def forward(self, latents: Tensor, conditions: Tensor) -> tuple[list[Tensor], Tensor]:
        both = torch.cat([latents, self.told(conditions)], -1)
        close = self.close(both).squeeze(-1)
        x = local = self.inward(both)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == 1:
                local = self.local(F.leaky_relu(x, 0.2)).squeeze(-1)
        rebuilt = self.rebuild(x).reshape(latents.shape)
        # how much a batch varies, so that a collapsed generator gives itself away
        # of rows that are equal, as rounding to bf16 makes them, a plain deviation has no gradient
        spread = (x.float().var(0, unbiased=False) + _SAME).sqrt().mean().expand(*x.shape[:2], 1)
        whole = self.whole(torch.cat([F.leaky_relu(x, 0.2), spread], -1)).squeeze(-1)
        return [close, local, whole], rebuilt


class ConditionReader(Network):
    """Reads the conditions `[B, T, CHANNELS]` back from latents `[B, T, channels]`; flags are not read.

    The warm start alone may hide density in style and anchors, and then the generator does not obey what it is
    asked: so this reader learns from real latents, and samples must read as what they were asked for. A bar is told
    from its neighbours by what changes every two or four beats, so it hears three seconds to either side.
    """

    weights: Tensor

    def __init__(self, config: GeneratorConfig, width: int = 192, blocks: int = 6, bar_weight: float = 1.0) -> None:
        super().__init__()
        self.inward = FrameConv(config.channels, width, 3)
        self.convs = nn.ModuleList(FrameConv(width, width, 3, dilation=2**i) for i in range(blocks))
        self.parts = config.score == "parts"
        self.outward = nn.Linear(width, conditioning.CHANNELS + (part_roll.DIGEST if self.parts else 0))
        weights = torch.ones(conditioning.CHANNELS)
        weights[conditioning.phase_channels(conditioning.BEATS_PER_BAR)] = bar_weight
        self.register_buffer("weights", weights, persistent=False)

    @in_own_precision
    def forward(self, latents: Tensor) -> Tensor:
        x = self.inward(latents)
        for conv in self.convs:
            x = x + conv(F.leaky_relu(x, 0.2))
        return self.outward(F.leaky_relu(x, 0.2))

    def error(self, latents: Tensor, conditions: Tensor) -> Tensor:
        """Mean square error over the given groups, each counting the same; within phase the bar counts `bar_weight`."""
        read = self(latents)
        distance = (
            read[..., : conditioning.CHANNELS] - conditions[..., : conditioning.CHANNELS]
        ).square() * self.weights
        total = latents.new_zeros(())
        for part in conditioning.group_slices().values():
            given = conditions[..., part.stop - 1]
            of_group = distance[..., part.start : part.stop - 1].mean(-1)
            total = total + (of_group * given).sum() / given.sum().clamp(min=1)
        total = total / len(conditioning.GROUPS)
        if self.parts:
            total = total + _misread(read[..., conditioning.CHANNELS :], conditions[..., conditioning.CHANNELS :])
        return total


def digest(told: Tensor) -> Tensor:
    """What a reader reads back of a score of parts `[..., part_roll.CHANNELS]`: `[..., part_roll.DIGEST]`."""
    where = part_roll.slices()
    parts = [told[..., where["drums"]][..., :-1]]
    for part in part_roll.PITCHED:
        keys = told[..., where[part]][..., : 3 * part_roll.KEYS].unflatten(-1, (3, part_roll.KEYS)).amax(-2)
        parts.append(keys.unflatten(-1, (part_roll.KEYS // 12, 12)).amax(-2))
    return torch.cat(parts, -1)


def _misread(read: Tensor, told: Tensor) -> Tensor:
    """Mean square error of the digest of each part that is told; the parts count the same."""
    meant, at = digest(told), 0
    total = read.new_zeros(())
    for part, where in part_roll.slices().items():
        width = 2 * len(DRUMS) if part == "drums" else 12
        given = told[..., where.stop - 1]
        of_part = (read[..., at : at + width] - meant[..., at : at + width]).square().mean(-1)
        total = total + (of_part * given).sum() / given.sum().clamp(min=1)
        at += width
    # most of a score is silence: its numbers are small beside the others
    return _PART_WEIGHT * total / len(PARTS)


def without_drums(latents: Tensor, rows: Tensor, beat_frames: int) -> Tensor:
    """Latents `[B, T, channels]`; those of `rows` (bool `[B]`) averaged over an odd `beat_frames`, about a beat.

    What strikes on every beat is the same in every average: what is left is harmony, and how the sound changes from
    beat to beat. A reader that always hears the drums tells the bar by them alone, and lets chords change where they
    like.
    """
    half = beat_frames // 2
    padded = F.pad(latents.transpose(1, 2), (half, half), mode="replicate")
    slow = F.avg_pool1d(padded, beat_frames, 1).transpose(1, 2)
    return torch.where(rows[:, None, None], slow, latents)


class LatentInference(Network):
    """Guesses the style and the anchors behind a latent sequence, as normal distributions.

    Anchor j is read from the frames it governs: features averaged by the anchor's own interpolation
    weights. Returns (mean, log-variance) of style `[B, style]` and anchors `[B, anchors, coordinate]`.
    """

    def __init__(self, config: GeneratorConfig, width: int = 192, blocks: int = 4) -> None:
        super().__init__()
        self.told, told = told_narrowly(config)
        self.inward = FrameConv(config.channels + told, width, 5)
        self.convs = nn.ModuleList(FrameConv(width, width, 3, dilation=2**i) for i in range(blocks))
        self.style = nn.Linear(width, 2 * config.style)
        self.anchors = nn.Linear(width, 2 * config.coordinate)

    @in_own_precision
    def forward(self, latents: Tensor, conditions: Tensor, weights: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
        """`weights` `[B, T, anchors]`: how much each anchor counts at each frame."""
        x = self.inward(torch.cat([latents, self.told(conditions)], -1))
        for conv in self.convs:
            x = x + conv(F.leaky_relu(x, 0.2))
        x = F.leaky_relu(x, 0.2)
        share = weights / (weights.sum(1, keepdim=True) + 1e-3)
        governed = torch.einsum("bta,btc->bac", share, x)
        guesses = (self.style(x.mean(1)), self.anchors(governed))
        return tuple((mean, log.clamp(-8, 4)) for mean, log in (g.chunk(2, -1) for g in guesses))
