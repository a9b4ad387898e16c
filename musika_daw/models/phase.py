"""Phases that keep time: tones advance from frame to frame, attacks set where they start.

Latents say how loud every band is, and so where between two bins a partial lies, but not its absolute phase. A
network that only sees latents must give a steady tone the same phases in every frame, so it can only hold
tones at multiples of the frame rate. Here it says instead how fast each bin's phase advances, which follows
from magnitudes (the slope of the log-magnitude over the bins, as in phase-gradient heap integration, plus
what the network corrects).

An attack has phases of its own. How far from the middle of a frame a click lies follows from how much louder the next
frame is; phases are the sum of these delays over the bins, from the lowest up (plus what the network corrects). A bin
that rises by d nepers within two hops believes its attack with weight exp(d) - 1, which is most where the frame first
holds the attack well. With `turned` the sum of advances and `chance` a random angle for each frame, known from its
position,

    phase(t) = turned(t) + arg sum_k decay^k ( exp(i chance(t-k)) + weight(t-k) exp(i own(t-k)) ) exp(-i turned(t-k))

so opinions of the past are carried forward by the tone's own frequency: an attack rules for as long as the sum
remembers it, and a tone that nothing attacked wanders by a fraction of a hertz. (All bins of a frame share one
angle, so that the bins of one partial agree. Were it constant, the sum would turn every tone back to its
bin's own frequency.) The sum reaches `MEMORY` frames back and no further, so a piece decoded with that much
context is the same however it was cut.

Where opinions cancel, the angle of their sum is at the mercy of the last bit: it is off by as much as the sum is
smaller than its terms. So that no bit depends on where a piece was cut, all is computed in blocks of `MEMORY` frames
that begin at the same positions in every piece, and turns are counted from where two blocks meet:

    ... | block b-1: left(t), turns from t to its end | block b: turned(t), turns from its start to t | ...
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.models.config import AutoencoderConfig
from musika_daw.models.spectrum import LOG_SCALE

MEMORY = 128
DECAY = 0.98
_PART = 32
# Hann windows are nearly Gaussian ones of this time-frequency ratio (samples squared over fft squared)
_HANN_RATIO = 0.25645
# an attack's opinion weighs no more than this many frames', so that the sum has let go of it when it ends
_LARGEST_RISE = 3.4
_WEIGHT_RANGE = 1.5
# a bin that rises by this many nepers within two hops is half an attack; found on held-out songs
_ATTACK_RISE, _ATTACK_SHARPNESS = 1.5, 3.0


@dataclass(frozen=True)
class Tracked:
    """`phase` and `advance` (to the next frame, radians beyond the carrier's) `[B, C, frames, tracked bins]`;
    `tonality` and `attack` 0..1 `[B, C, frames, tracked bins]`: how far a bin is a tone, and the start of a sound,
    and so follows `phase` rather than noise."""

    phase: Tensor
    advance: Tensor
    tonality: Tensor
    attack: Tensor


class PhaseTracker(nn.Module):
    """Phases and tonality of the lowest `config.tracked_bins` bins from log-magnitudes and a network's advice."""

    to_bins: Tensor
    hops: Tensor
    fading: Tensor
    sums: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.channels, self.stride = config.channels, config.level1.stride
        self.tracked, self.bands = config.tracked_bins, config.bands
        self.slope = config.hop / (_HANN_RATIO * config.fft) * LOG_SCALE / 2
        self.turn = 2 * math.pi * config.hop / config.fft
        hops = torch.arange(config.fft // config.hop)[:, None] * torch.arange(config.tracked_bins)
        self.register_buffer("hops", self.turn * (hops % (config.fft // config.hop)).float(), persistent=False)
        self.register_buffer("to_bins", _band_shapes(config), persistent=False)
        lag = torch.arange(MEMORY)[:, None] - torch.arange(MEMORY)
        # what is left of each frame of a block in its own frames, and what in the frames of the next block
        fading = torch.stack([torch.where(lag >= 0, DECAY ** lag.float(), 0.0),
                              torch.where(lag < 0, DECAY ** (lag + MEMORY).float(), 0.0)])  # fmt: skip
        self.register_buffer("fading", fading, persistent=False)
        # over the frames of a part of a block: up to each frame, and after it
        lag = lag[:_PART, :_PART]
        self.register_buffer("sums", torch.cat([lag >= 0, lag < 0]).float(), persistent=False)

    @property
    def advice(self) -> int:
        """Numbers that the network gives for one step."""
        return self.channels * ((self.stride + 2) * self.tracked + self.bands)

    def forward(self, log_magnitude: Tensor, advice: Tensor, chance: Tensor, first: int = 0) -> Tracked:
        """`[B, C, frames, bins]`, `[B, frames / stride, advice]`, `[frames]` to phases relative to each carrier.

        `first` is the number of the first frame in the endless piece.
        """
        sizes = [self.stride * self.tracked, self.tracked, self.tracked, self.bands]
        by_channel = advice.unflatten(2, (self.channels, -1)).transpose(1, 2)
        correction, own, tonality, weight = by_channel.split(sizes, -1)
        frequency = correction.unflatten(3, (self.stride, self.tracked)).flatten(2, 3)
        # slopes need a bin either side; bin 0 mirrors
        low = log_magnitude[..., : self.tracked + 1]
        frequency = frequency + self.slope * F.pad(low[..., 2:] - low[..., :-2], (1, 0))
        advance = (frequency[:, :, 1:] + frequency[:, :, :-1]) / 2
        frames = frequency.shape[2]
        before, after = first % MEMORY, -(first + frames) % MEMORY
        turned, left = self._turns(F.pad(advance, (0, 0, before + 1, after)).unflatten(2, (-1, MEMORY)))
        rise, start = self._attacks(low[..., : self.tracked].detach())
        loud = torch.exp(weight.clamp(-_WEIGHT_RANGE, _WEIGHT_RANGE)) @ self.to_bins
        loud = loud.repeat_interleave(self.stride, 2) * torch.expm1(rise.clamp(0, _LARGEST_RISE))
        own = start + own.repeat_interleave(self.stride, 2)
        said = torch.complex(loud * own.cos(), loud * own.sin()) + _turn(chance)[:, None]
        blocks = F.pad(said, (0, 0, before, after)).unflatten(2, (-1, MEMORY))
        summed = self._faded_sum(blocks, turned, left)[:, :, before : before + frames]
        phase = turned.flatten(2, 3)[:, :, before : before + frames] + _angle(summed, said.detach().abs())
        attack = torch.sigmoid(_ATTACK_SHARPNESS * (rise - _ATTACK_RISE))
        return Tracked(phase, advance, torch.sigmoid(tonality).repeat_interleave(self.stride, 2), attack)

    def _attacks(self, low: Tensor) -> tuple[Tensor, Tensor]:
        """How far bins rise within two hops, in nepers, and their phases if they begin there (`[B, C, frames, bins]`).

        A click d samples from the middle of a frame sounds in it as cos(pi d / fft)^2, the Hann window, and in the next
        one as cos(pi (d - hop) / fft)^2, so that the ratio of the two says where it is.
        """
        rise = LOG_SCALE * F.pad(low[:, :, 2:] - low[:, :, :-2], (0, 0, 2, 0))
        louder = torch.exp(F.pad(low[:, :, 1:] - low[:, :, :-1], (0, 0, 0, 1)) * (LOG_SCALE / 2))
        delay = -2 * torch.atan((louder - math.cos(self.turn / 2)) / math.sin(self.turn / 2))
        between = (delay[..., 1:] + delay[..., :-1]) / 2
        turns = self.hops.repeat(-(-low.shape[2] // len(self.hops)), 1)[: low.shape[2]]
        return rise, F.pad(between, (1, 0)).cumsum(-1) - turns

    def _turns(self, advance: Tensor) -> tuple[Tensor, Tensor]:
        """How far phases turn in each block up to each frame, and after it, from the advance to each frame.

        All are `[B, C, blocks, MEMORY, bins]`.
        """
        up_to, after = torch.matmul(self.sums, advance.unflatten(3, (-1, _PART))).chunk(2, 4)
        ends = up_to[:, :, :, :, -1]
        before = F.pad(ends[:, :, :, :-1].cumsum(3), (0, 0, 1, 0))
        later = F.pad(ends[:, :, :, 1:].flip(3).cumsum(3).flip(3), (0, 0, 0, 1))
        return (up_to + before[..., None, :]).flatten(3, 4), (after + later[..., None, :]).flatten(3, 4)

    def _faded_sum(self, said: Tensor, turned: Tensor, left: Tensor) -> Tensor:
        """`sum_k DECAY^k said(t-k) exp(-i turned(t-k))`, k below MEMORY, complex `[B, C, frames, bins]`.

        All are `[B, C, blocks, MEMORY, bins]`; `left` is how far phases turn from each frame to the next block.
        """
        own, later = (
            torch.view_as_complex(torch.matmul(fading, torch.view_as_real(seen).flatten(4)).unflatten(4, (-1, 2)))
            for fading, seen in zip(self.fading, (said * _turn(-turned), said[:, :, :-1] * _turn(left[:, :, :-1])))
        )
        return (own + F.pad(later, (0, 0, 0, 0, 1, 0))).flatten(2, 3)


def _turn(angle: Tensor) -> Tensor:
    """`exp(i angle)`, three times as fast as `torch.polar`."""
    return torch.complex(angle.cos(), angle.sin())


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
