"""Phases of long frames: tones that keep time.

As in `models.phase`, every bin takes the frequency and the phase of the peak that it belongs to, and phases follow
from frequencies alone:

    said(t)  = (weight of the rise + a little) exp(i random(t))
    phase(t) = arg sum_k fall(k) said(t-k) exp(i (turned(t) - turned(t-k)))

A tone that begins says so by its rise, and that angle, random but known from the position, rules as long as the sum
remembers it: a note of a second holds its frequency exactly. One that nothing began lately wanders by a part of a hertz
from one small random angle to the next; one constant angle would turn every tone back to its bin's own frequency.
Attacks have no phases of their own here, as they have for one ear: a frame of 93 ms cannot hold one, and all bins
aligned at a drum's hit made peaks 10 dB above any record's. What strikes is shaped by the short frames; angles even
tilt from bin to bin, differently in each frame, so that what begins together does not peak together.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models.ears.harmonics import tuned
from musika_daw.instrument.models.memory import BlockMemory, turn
from musika_daw.instrument.models.phase import Climb, above_bin, joined
from musika_daw.instrument.models.spectrum import LOG_SCALE

# samples that phases remember
MEMORY_SAMPLES = 65_536
_LARGEST_RISE, _LITTLE = 3.4, 0.05
# radians from bin to bin, for the largest random angle
_TILT = 0.2


class TonePhases(nn.Module):
    """Phases `[B, 1, frames, bins]`, relative to each carrier, of frames `hop` apart and `fft` long."""

    hops: Tensor
    bins: Tensor

    def __init__(self, fft: int, hop: int, bins: int) -> None:
        super().__init__()
        self.turn = 2 * math.pi * hop / fft
        period = fft // hop
        index = torch.arange(bins)
        hops = torch.arange(period)[:, None] * index % period
        self.register_buffer("hops", self.turn * hops.float(), persistent=False)
        self.register_buffer("bins", _TILT * index.float(), persistent=False)
        # held for half of the memory, then let go of
        ago = torch.arange(MEMORY_SAMPLES // hop).float()
        fall = torch.cos(math.pi * (ago / len(ago)).clamp(min=0.5)).add(1).clamp(0, 1)
        self.memory = BlockMemory(fall)

    def forward(
        self, log_magnitude: Tensor, angles: Tensor, tilts: Tensor, first: int = 0, off: Tensor | None = None
    ) -> Tensor:
        """`[B, C, frames, bins + 1]` normalised log-magnitudes and two random angles a frame (`[frames]` each) to
        phases; `first` is the number of the first frame in the endless piece. `off` is how far above each bin a known
        partial lies (`sharpened`)."""
        low = joined(log_magnitude)
        frames, still = low.shape[2], low[..., :-1].detach()
        climb = Climb(still)
        above = above_bin(low)
        if off is not None:
            above = tuned(above, off)
        frequency = climb(self.turn * above, a_bin=self.turn)[0]
        advance = (frequency[:, :, 1:] + frequency[:, :, :-1]) / 2
        turns = self.hops.repeat(-(-frames // len(self.hops)), 1)[None, None, :frames]
        rise = LOG_SCALE * F.pad(still[:, :, 2:] - still[:, :, :-2], (0, 0, 2, 0))
        weight = _LITTLE + torch.expm1(rise.clamp(0, _LARGEST_RISE))
        angle = angles[:, None] + tilts[:, None] * self.bins - turns[0, 0]
        turned, said = self.memory(advance, (weight * turn(angle),), first)
        turned_to = said * turn(turned + turns)
        length = torch.rsqrt(turned_to.real.square() + turned_to.imag.square() + 1e-20)
        real, imag = climb(turned_to.real * length, turned_to.imag * length)
        return torch.complex(real, imag).angle() - turns
