"""The lowest octaves as one oscillator: amplitude, advance of its phase, and the phase with which a sound starts.

A band of 160 Hz is a line in the complex plane whose length and turning say all of it. Told as these, a kick is a
fall of both that is the same at every beat, wherever in its note the bass was. Points lie 128 samples apart:

    low(t) = Re z(t),   z(n+1) = z(n) |z(n+1)| / |z(n)| exp(i advance(n))

Phases follow from advances alone, up to where a sound starts: there the network says which. What it says elsewhere
is a mean over what could be, so shorter the less is known, and counts the less (as with attacks in `models.phase`).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models.memory import BlockMemory, safe_angle, turn

# samples of the filter that cuts the band out; its edges ring as long
TAPS = 1024
MEMORY_SAMPLES = 32_768
LEVEL_FLOOR = 1e-4
_DECAY = 0.985
_CHANCE = 0.02
_LARGEST_RISE = 3.4
# what is told lies up to so many semitones off a pitch that is known and is it; beyond the second it is something else
_SAME, _OTHER = 1.5, 3.0


class DeepBand(nn.Module):
    """Band 0..`deep_hz` of mono sound to points, each in the middle of its `hop` samples, and back."""

    kernel: Tensor
    odd_kernel: Tensor

    def __init__(self, deep_hz: float, hop: int, sample_rate_hz: int) -> None:
        super().__init__()
        self.hop, self.sample_rate_hz = hop, sample_rate_hz
        # a hop's middle lies between two samples, so points need an even number of taps and samples an odd one
        self.register_buffer("kernel", _kernel(TAPS, deep_hz, sample_rate_hz), persistent=False)
        self.register_buffer("odd_kernel", _kernel(TAPS + 1, deep_hz, sample_rate_hz)[0], persistent=False)
        self.middle = math.pi * deep_hz * hop / sample_rate_hz
        memory = MEMORY_SAMPLES // hop
        ago = torch.arange(memory).float()
        bell = _CHANCE * torch.sin(math.pi * (ago + 0.5) / memory).square()
        self.memory = BlockMemory(_DECAY**ago, bell)

    @property
    def context(self) -> int:
        """Samples needed either side of the points' own span."""
        return (TAPS - self.hop) // 2

    def low(self, wave: Tensor) -> Tensor:
        """`[B, TAPS / 2 + n + TAPS / 2]` samples to the deep band of the n in the middle, `[B, n]`."""
        size = wave.shape[-1]
        spectrum = torch.fft.rfft(wave) * torch.fft.rfft(self.odd_kernel, size)
        return torch.fft.irfft(spectrum, size)[..., TAPS:]

    def points(self, wave: Tensor) -> Tensor:
        """`[B, context + n*hop + context]` samples to complex points `[B, n]`."""
        both = wave.unfold(-1, TAPS, self.hop) @ self.kernel.T
        return torch.complex(both[..., 0], both[..., 1])

    def phases(self, level: Tensor, advance: Tensor, start: Tensor, chance: Tensor, first: int) -> Tensor:
        """Phases `[B, n]` from log-amplitudes (nepers), advances to the next point and opinions `[B, n, 2]` of the
        network; `chance` `[n]` are random angles and `first` is the number of the first point in the endless piece."""
        rise = F.pad(level[:, 2:] - level[:, :-2], (2, 0)).detach()
        weight = 0.05 + torch.expm1(rise.clamp(0, _LARGEST_RISE))
        said = (torch.view_as_complex(start.contiguous()) * weight)[:, None, :, None]
        by_chance = turn(chance)[:, None].expand_as(said)
        turned, total = self.memory(advance[:, None, :-1, None], (said, by_chance), first)
        return (turned + safe_angle(total, 1.0))[:, 0, :, 0]

    def tuned(self, advance: Tensor, pitch_hz: Tensor) -> Tensor:
        """Advances `[B, n]` brought to the nearest harmonic of pitches `[B, n]`, NaN where none is known.

        What a network tells of a bass is a fifth of a semitone off in the median, and in a fifth of its notes more than
        half of one. So it sounds out of tune beside its own overtones, which are placed by the peaks of a spectrum.
        """
        of_pitch = 2 * math.pi * self.hop / self.sample_rate_hz * pitch_hz
        turns = advance + self.middle
        exact = of_pitch * torch.round(turns / of_pitch).clamp(min=1)
        off = 12 * torch.log2(turns.clamp(min=1e-3) / exact).abs()
        share = ((_OTHER - off) / (_OTHER - _SAME)).clamp(0, 1)
        return torch.where(pitch_hz.isnan(), advance, torch.lerp(turns, exact, share) - self.middle)

    def wave(self, amplitude: Tensor, phase: Tensor) -> Tensor:
        """Amplitudes and phases `[B, n]` of points to `[B, n*hop]` samples."""
        # between points both run straight, phases the nearer way that the advance means
        step = phase.diff(dim=1)
        step = step - 2 * math.pi * torch.round((step - self.middle) / (2 * math.pi))
        # each from its own point: a sum over many would lose bits, and how many hangs on where it began
        within = (torch.arange(self.hop, device=phase.device) + 0.5) / self.hop
        between = phase[:, :-1, None] + step[..., None] * within
        half = self.hop // 2
        angle = torch.cat(
            [phase[:, :1].expand(-1, half), between.flatten(1), phase[:, -1:].expand(-1, self.hop - half)], 1
        )
        fine = F.interpolate(amplitude[:, None], scale_factor=self.hop, mode="linear", align_corners=False)[:, 0]
        return fine * torch.cos(angle)


def _kernel(taps: int, deep_hz: float, sample_rate_hz: int) -> Tensor:
    """A complex band-pass 0..`deep_hz` without delay, `[2, taps]`: its real part is the band itself."""
    time_s = (torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2) / sample_rate_hz
    low = torch.hann_window(taps + 2, periodic=False, dtype=torch.float64)[1:-1] * torch.sinc(deep_hz * time_s)
    angle = math.pi * deep_hz * time_s
    # correlated rather than convolved with, so the angle's sign is as it stands
    return (2 * deep_hz / sample_rate_hz * low * torch.stack([angle.cos(), -angle.sin()])).float()
