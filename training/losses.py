"""Reconstruction and adversarial losses of the autoencoder (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STUDIO_FFTS = (512, 1024, 2048)
PAPER_HOPS = (64, 128, 256, 512)
_MAGNITUDE_FLOOR = 1e-4


def magnitudes(wave: Tensor, fft: int, hop: int) -> Tensor:
    """`[B, t]` to Hann STFT magnitudes `[B, frames, bins]`, a full-scale sine reading about 1."""
    window = torch.hann_window(fft, device=wave.device)
    spectrum = torch.fft.rfft(wave.unfold(-1, fft, hop) * window)
    # abs() has no gradient at 0; the tiny term keeps silence finite
    return torch.sqrt(spectrum.real**2 + spectrum.imag**2 + 1e-12) * (2 / window.sum())


class MultiResolutionLoss(nn.Module):
    """Log-magnitude L1 plus relative linear L1 over several STFT sizes, hop fft/4 (`[B, t]` waves)."""

    def __init__(self, ffts: Sequence[int] = STUDIO_FFTS) -> None:
        super().__init__()
        self.ffts = tuple(ffts)

    def forward(self, wave: Tensor, target: Tensor) -> Tensor:
        total = wave.new_zeros(())
        for fft in self.ffts:
            a, b = magnitudes(wave, fft, fft // 4), magnitudes(target, fft, fft // 4)
            log = F.l1_loss(torch.log(a + _MAGNITUDE_FLOOR), torch.log(b + _MAGNITUDE_FLOOR))
            # per excerpt, so that a loud one does not outweigh a quiet one
            linear = (a - b).abs().sum((1, 2)) / (b.sum((1, 2)) + 1e-2 * b.shape[1])
            total = total + log + linear.mean()
        return total / len(self.ffts)


class MultiScaleSpectralDistance(nn.Module):
    """`sum over hops of log || |STFT(w)| - |STFT(w~)| ||_1`, fft = 4 * hop (paper, section 3.1.2)."""

    def __init__(self, hops: Sequence[int] = PAPER_HOPS) -> None:
        super().__init__()
        self.hops = tuple(hops)

    def forward(self, wave: Tensor, target: Tensor) -> Tensor:
        total = wave.new_zeros(())
        for hop in self.hops:
            difference = magnitudes(wave, 4 * hop, hop) - magnitudes(target, 4 * hop, hop)
            total = total + torch.log(difference.abs().mean() + 1e-7)
        return total


def hinge_discriminator(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Hinge loss of a discriminator over its output maps."""
    terms = [F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in zip(real, fake)]
    return torch.stack(terms).mean()


def hinge_generator(fake: Sequence[Tensor]) -> Tensor:
    """Adversarial loss of whoever made `fake`."""
    return torch.stack([-f.mean() for f in fake]).mean()


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Relative L1 between a discriminator's inner maps for real and made input."""
    terms = [(r.detach() - f).abs().mean() / (r.detach().abs().mean() + 1e-5) for r, f in zip(real, fake)]
    return torch.stack(terms).mean()


def relativistic(first: Tensor, second: Tensor) -> Tensor:
    """Relativistic pairing loss: how far `first` is from scoring above `second` (softplus)."""
    return F.softplus(second - first).mean()


def phase_derivatives(phase: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """How wrong phases run from frame to frame and from bin to bin, 0..2 (all `[B, C, frames, bins]`).

    Instantaneous frequency and group delay can be told from magnitudes, absolute phase often cannot, so
    the last counts little. 1 - cos makes the error periodic (after APNet's anti-wrapping losses).
    """
    error = phase - target
    along_time = (1 - torch.cos(error.diff(dim=2))) * weight[:, :, 1:]
    along_bins = (1 - torch.cos(error.diff(dim=3))) * weight[..., 1:]
    absolute = (1 - torch.cos(error)) * weight
    total = along_time.sum() + along_bins.sum() + 0.2 * absolute.sum()
    return total / weight.sum() / 2
