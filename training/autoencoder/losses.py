"""Reconstruction and adversarial losses of the autoencoder (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models import AutoencoderConfig, mid_side

# the shortest hears what gain curves do
STUDIO_FFTS = (128, 512, 1024, 2048, 4096)
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


def relativistic(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Relativistic pairing loss: how far `first` is from scoring above `second` at each scale (softplus)."""
    return torch.stack([F.softplus(b - a).mean() for a, b in zip(first, second)]).mean()


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


def advance_error(advance: Tensor, phase: Tensor, weight: Tensor) -> Tensor:
    """How wrong phase advances `[B, C, frames - 1, bins]` are for a sound's phases `[B, C, frames, bins]`, 0..2."""
    both = torch.sqrt(weight[:, :, 1:] * weight[:, :, :-1])
    return ((1 - torch.cos(advance - phase.diff(dim=2))) * both).sum() / (both.sum() + 1e-9)


def relative_error(relative: Tensor, target: Tensor, loudness: float) -> Tensor:
    """Mean square error of how far the second channel's phase leads the first's (complex `[B, 1, frames, bins]`).

    `target` is the complex STFT `[B, 2, frames, bins]` of the sound; bins count as both channels are heard there.
    """
    first, second = target[:, :1], target[:, 1:]
    level = first.abs() * second.abs() + 1e-12
    weight = level ** (loudness / 2)
    return ((relative - second * first.conj() / level).abs().square() * weight).sum() / (weight.sum() + 1e-9)


# phases advance evenly over so many frames where a tone is; white noise seems to by the first share, tones by the last
_TONAL_LAG, _TONAL_FRAMES, _NOISE_COHERENCE, _TONE_COHERENCE = 2, 13, 0.35, 0.9


def tonality_error(tonality: Tensor, phase: Tensor, weight: Tensor) -> Tensor:
    """Mean square error of a predicted tonality against that of a sound with these phases (all `[B, C, frames, bins]`).

    A bin is tonal, 1, where its phase advances evenly over some frames, and noise, 0, where it jumps about.
    """
    with torch.no_grad():
        lag = _TONAL_LAG  # frames next to each other overlap too much to tell noise
        both = torch.sqrt(weight[:, :, lag:] * weight[:, :, :-lag])
        advance = torch.polar(both, phase[:, :, lag:] - phase[:, :, :-lag])
        parts = F.pad(torch.stack([advance.real, advance.imag, both]), (0, 0, lag // 2, lag // 2)).flatten(0, 1)
        real, imag, total = F.avg_pool2d(parts, (_TONAL_FRAMES, 1), 1, (_TONAL_FRAMES // 2, 0)).chunk(3)
        coherence = torch.sqrt(real.square() + imag.square()) / (total + 1e-9)
        wanted = ((coherence - _NOISE_COHERENCE) / (_TONE_COHERENCE - _NOISE_COHERENCE)).clamp(0, 1)
    return ((tonality - wanted).square() * weight).sum() / (weight.sum() + 1e-9)


def bin_weights(config: AutoencoderConfig) -> Tensor:
    """Weights `[config.bins]`, mean 1, as dense as the ear's bands: else the noise of the top octave rules."""
    frequency_hz = torch.arange(config.bins) * config.sample_rate_hz / config.fft
    weights = 1 / (700 + frequency_hz)
    return weights / weights.mean()


def one_view(made: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """A randomly chosen view (mid, side, left or right) of each of `[B, 2, t]` waves as `[B, t]`; mono as it is."""
    if made.shape[1] == 1:
        return made[:, 0], target[:, 0]
    pick = torch.multinomial(torch.tensor([0.2, 0.2, 0.4, 0.2]), made.shape[0], replacement=True)
    rows = torch.arange(made.shape[0])
    views = (torch.cat([w, mid_side(w)], 1)[rows, pick] for w in (made, target))
    return next(views), next(views)
