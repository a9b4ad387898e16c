"""Phases that keep time: tones advance from frame to frame, attacks set where they start.

Latents say how loud every band is, and so where between two bins a partial lies, but not its absolute phase. A
network that only sees latents must give a steady tone the same phases in every frame, so it can only hold
tones at multiples of the frame rate. Here it says instead how fast each bin's phase advances, which follows
from magnitudes (the slope of the log-magnitude over the bins, as in phase-gradient heap integration, plus
what the network corrects). Where attacks are, it says a phase of its own and how much that weighs. With `turned`
the sum of advances and `chance` a random angle for each step, known from its position,

    phase(t) = turned(t) + arg sum_k decay^k ( exp(i chance(s-k)) + weight(s-k) exp(i own(s-k)) ) exp(-i turned(s-k))

so opinions of the past are carried forward by the tone's own frequency: an attack rules for as long as the sum
remembers it, and a tone that nothing attacked wanders by a fraction of a hertz. (All bins of a step share one
angle, so that the bins of one partial agree. Were it constant, the sum would turn every tone back to its
bin's own frequency.) The sum reaches `MEMORY` steps back and no further, so a piece decoded with that much
context is the same however it was cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.models.config import AutoencoderConfig
from musika_daw.models.spectrum import LOG_SCALE

MEMORY = 64
DECAY = 0.96
# Hann windows are nearly Gaussian ones of this time-frequency ratio (samples squared over fft squared)
_HANN_RATIO = 0.25645
_WEIGHT_RANGE = 5.0


@dataclass(frozen=True)
class Tracked:
    """`phase` and `advance` (to the next frame, radians beyond the carrier's) `[B, C, frames, tracked bins]`;
    `tonality` 0..1 `[B, C, frames, tracked bins]`: the share of a bin that follows `phase` rather than noise."""

    phase: Tensor
    advance: Tensor
    tonality: Tensor


class PhaseTracker(nn.Module):
    """Phases and tonality of the lowest `config.tracked_bins` bins from log-magnitudes and a network's advice."""

    to_bins: Tensor
    fading: Tensor
    triangle: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.channels, self.stride = config.channels, config.level1.stride
        self.tracked, self.bands = config.tracked_bins, config.bands
        self.slope = config.hop / (_HANN_RATIO * config.fft) * LOG_SCALE / 2
        self.register_buffer("to_bins", _band_shapes(config), persistent=False)
        lag = torch.arange(MEMORY)[:, None] + MEMORY - torch.arange(2 * MEMORY)
        fading = torch.where((lag >= 0) & (lag < MEMORY), DECAY ** lag.clamp(0, MEMORY).float(), 0.0)
        self.register_buffer("fading", fading, persistent=False)
        self.register_buffer("triangle", torch.ones(MEMORY, MEMORY).tril(), persistent=False)

    @property
    def advice(self) -> int:
        """Numbers that the network gives for one step."""
        return self.channels * ((self.stride + 2) * self.tracked + self.bands)

    def forward(self, log_magnitude: Tensor, advice: Tensor, chance: Tensor) -> Tracked:
        """`[B, C, steps * stride, bins]`, `[B, steps, advice]` and `[steps]` to phases relative to each carrier."""
        batch, steps, _ = advice.shape
        sizes = [self.stride * self.tracked, self.tracked, self.tracked, self.bands]
        by_channel = advice.unflatten(2, (self.channels, -1)).transpose(1, 2)
        correction, own, tonality, weight = by_channel.split(sizes, -1)
        frequency = correction.reshape(batch, self.channels, steps * self.stride, self.tracked)
        # slopes need a bin either side; bin 0 mirrors
        low = log_magnitude[..., : self.tracked + 1]
        frequency = frequency + self.slope * F.pad(low[..., 2:] - low[..., :-2], (1, 0))
        advance = (frequency[:, :, 1:] + frequency[:, :, :-1]) / 2
        turned = self._running_sum(F.pad(advance, (0, 0, 1, 0)))
        then = turned[:, :, :: self.stride]
        loud = torch.exp(weight.clamp(-_WEIGHT_RANGE, _WEIGHT_RANGE)) @ self.to_bins
        said = torch.polar(loud, own - then) + torch.polar(torch.ones_like(then), chance[:, None] - then)
        offset = _angle(self._faded_sum(said), said.detach().abs())
        phase = turned + offset.repeat_interleave(self.stride, 2)
        return Tracked(phase, advance, torch.sigmoid(tonality).repeat_interleave(self.stride, 2))

    def _running_sum(self, x: Tensor) -> Tensor:
        """Sums of angles over frames up to whole turns, `[B, C, frames, bins]`: blocks times a triangle of ones.

        Sums before a block are wrapped in float64, so that a long piece and a part of it agree.
        """
        size, frames = len(self.triangle), x.shape[2]
        blocks = F.pad(x, (0, 0, 0, -frames % size)).unflatten(2, (-1, size))
        within = torch.matmul(self.triangle, blocks)
        ends = within[:, :, :-1, -1].double().cumsum(2)
        ends = ends - 2 * torch.pi * torch.round(ends.detach() / (2 * torch.pi))
        return (within + F.pad(ends, (0, 0, 1, 0))[..., None, :].to(x.dtype)).flatten(2, 3)[:, :, :frames]

    def _faded_sum(self, said: Tensor) -> Tensor:
        """`sum_k DECAY^k said(s-k)`, k below MEMORY, over complex `[B, C, steps, bins]`: blocks times one matrix."""
        steps = said.shape[2]
        flat = torch.view_as_real(said).flatten(3)
        flat = F.pad(flat, (0, 0, MEMORY, -steps % MEMORY))
        windows = flat.unfold(2, 2 * MEMORY, MEMORY).transpose(-1, -2)
        summed = torch.matmul(self.fading, windows).flatten(2, 3)[:, :, :steps]
        return torch.view_as_complex(summed.unflatten(3, (-1, 2)).contiguous())


def _angle(z: Tensor, scale: Tensor) -> Tensor:
    """The angle of `z`, with a gradient that stays finite where `z` is small against `scale`."""
    angle = z.detach().angle()
    if not z.requires_grad:
        return angle
    still = z.detach()
    turn = (z * still.conj()).imag / (still.abs().square() + (0.3 * scale).square())
    return angle + turn


def _band_shapes(config: AutoencoderConfig) -> Tensor:
    """Linear interpolation from bands, spaced as the ear's, to tracked bins: `[bands, tracked]`."""
    frequency_hz = torch.arange(config.tracked_bins, dtype=torch.float64) * config.sample_rate_hz / config.fft
    place = torch.log1p(frequency_hz / 700)
    place = place / place[-1].clamp(min=1e-9) * (config.bands - 1)
    distance = (place - torch.arange(config.bands)[:, None]).abs()
    return (1 - distance).clamp(min=0).float()
