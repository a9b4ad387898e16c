"""STFT front end: wave to log-magnitudes, and magnitude with phase back to wave.

Frame `j` is centred on sample `hop * j + hop / 2`, so `n` frames stand for exactly `n * hop` samples and
need `(fft - hop) / 2` samples of context either side:

```
samples        |<- context ->|  hop  |  hop  |  hop  |<- context ->|
frame 0        |=========== fft ===========|
frame 1                |=========== fft ===========|
```
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LOG_FLOOR = 1e-4
# log-magnitudes of music lie around -6 +- 2; the networks see numbers of about unit size
LOG_MEAN, LOG_SCALE = -6.0, 2.0
# no single partial is louder than a full-scale sine
LOG_CEILING = 0.0


class Spectrum(nn.Module):
    """Analysis and synthesis with one Hann window; `hop` must divide `fft` at least 4 times."""

    window: Tensor
    envelope: Tensor
    carriers: Tensor

    def __init__(self, fft: int, hop: int) -> None:
        super().__init__()
        if fft % hop or fft // hop < 4 or (fft - hop) % 2:
            raise ValueError(f"hop: {hop}, must divide fft {fft} at least 4 times")
        self.fft, self.hop = fft, hop
        window = torch.hann_window(fft)
        self.register_buffer("window", window, persistent=False)
        # what overlapping squared windows sum to; constant over a hop for Hann
        self.register_buffer("envelope", (window**2).reshape(-1, hop).sum(0), persistent=False)
        self.full_scale = float(window.sum()) / 2  # |STFT| of a full-scale sine
        turns, period = torch.arange(fft // 2 + 1), fft // hop
        phase = torch.arange(period)[:, None] * turns * 2 % (2 * period) / period + turns % 2
        self.register_buffer("carriers", (phase * torch.pi).float(), persistent=False)

    @property
    def context(self) -> int:
        """Samples needed either side of the frames' own span."""
        return (self.fft - self.hop) // 2

    def analyse(self, wave: Tensor) -> Tensor:
        """`[..., context + n*hop + context]` samples to the complex STFT `[..., n, bins]`."""
        return torch.fft.rfft(wave.unfold(-1, self.fft, self.hop) * self.window)

    def log_magnitude(self, wave: Tensor) -> Tensor:
        """`[..., context + n*hop + context]` samples to `[..., n, bins]` normalised log-magnitudes."""
        return self.normalised(self.analyse(wave))

    def normalised(self, spectrum: Tensor) -> Tensor:
        """Complex STFT to normalised log-magnitudes of the same shape."""
        return (torch.log(spectrum.abs() / self.full_scale + LOG_FLOOR) - LOG_MEAN) / LOG_SCALE

    def carrier(self, frames: int) -> Tensor:
        """Phase in radians `[frames, bins]` of a steady tone at each bin's own frequency.

        A network that adds its output to this only has to say how a sound differs from such a tone, which
        changes slowly from frame to frame. The alternating `pi` refers phases to the window's centre. The
        table repeats every fft / hop frames, so it is the same in every piece that starts on one of them.
        """
        table = self.carriers
        return table.repeat(-(-frames // len(table)), 1)[:frames]

    def wave(self, log_magnitude: Tensor, phase: Tensor) -> Tensor:
        """Normalised log-magnitudes and phases (radians), both `[..., n, bins]`, to the `[..., n*hop]`
        samples of the frames' own span by weighted overlap-add (exact inverse inside the span)."""
        return self.resynthesise(torch.polar(self.magnitude(log_magnitude), phase))

    def magnitude(self, log_magnitude: Tensor) -> Tensor:
        """Inverse of `normalised`: magnitudes of the STFT, silence exactly 0."""
        natural = torch.clamp(log_magnitude * LOG_SCALE + LOG_MEAN, max=LOG_CEILING)
        # without the floor's own share, or every silent bin would sound at -80 dB
        return F.relu(torch.exp(natural) - LOG_FLOOR) * self.full_scale

    def resynthesise(self, spectrum: Tensor) -> Tensor:
        """Complex STFT `[..., n, bins]` to the `[..., n*hop]` samples of the frames' own span."""
        return self.overlap_add([spectrum], spectrum.shape[-2])

    def _windowed(self, piece: Tensor) -> Tensor:
        """The samples `[..., m, fft]` of frames; of few (the lowest) bins by one matrix product, which is faster."""
        count = piece.shape[-1]
        if count == self.fft // 2 + 1:
            return torch.fft.irfft(piece, n=self.fft) * self.window
        turns = torch.arange(count, device=piece.device)[:, None] * torch.arange(self.fft, device=piece.device)
        angle = 2 * math.pi * (turns % self.fft) / self.fft
        basis = torch.stack([torch.cos(angle), -torch.sin(angle)], 1) * (2 / self.fft) * self.window
        basis[0] /= 2  # bin 0 has no twin at a negative frequency
        return torch.view_as_real(piece).flatten(-2) @ basis.flatten(0, 1)

    def overlap_add(self, pieces: Iterable[Tensor], frames: int) -> Tensor:
        """Consecutive pieces `[..., m, bins]` of a complex STFT of `frames` frames to `[..., frames*hop]` samples.

        Pieces may have the lowest bins only.
        """
        shifts, done = self.fft // self.hop, 0
        total: Tensor | None = None
        for piece in pieces:
            count = piece.shape[-2]
            parts = self._windowed(piece).unflatten(-1, (shifts, self.hop))
            if total is None:
                total = parts.new_zeros(*piece.shape[:-2], frames + shifts - 1, self.hop)
            for i in range(shifts):
                total[..., done + i : done + i + count, :] += parts[..., i, :]
            done += count
        assert total is not None
        assert done == frames
        return (total / self.envelope).flatten(-2)[..., self.context : self.context + frames * self.hop]


def mid_side(wave: Tensor) -> Tensor:
    """Left and right `[..., 2, t]` to mid and side and back: the orthogonal transform is its own inverse."""
    left, right = wave[..., 0, :], wave[..., 1, :]
    return torch.stack([left + right, left - right], -2) / math.sqrt(2)


def pieces(count: int, size: int) -> Iterator[slice]:
    """Places 0..count in pieces that a processor's cache holds; training has to keep everything anyway."""
    size = count if torch.is_grad_enabled() else size
    yield from (slice(start, min(count, start + size)) for start in range(0, count, size))
