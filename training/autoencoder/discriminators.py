"""Spectrogram discriminators that judge reconstructed waves (paper, section 3.1.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from training.autoencoder.losses import magnitudes


class SpectrogramDiscriminator(nn.Module):
    """2-D convolutions with spectral norm over one log-magnitude STFT of `[B, t]` waves.

    Returns the score map `[B, 1, frames', bins']` and the inner maps.
    """

    def __init__(self, fft: int, hop: int, width: int) -> None:
        super().__init__()
        self.fft, self.hop = fft, hop
        shapes = [
            (1, width, (3, 9), (1, 4)),
            (width, width * 2, (3, 7), (2, 2)),
            (width * 2, width * 4, (3, 5), (2, 2)),
            (width * 4, width * 4, (3, 3), (1, 2)),
        ]
        self.layers = nn.ModuleList(
            parametrizations.spectral_norm(nn.Conv2d(i, o, kernel, stride, padding=(kernel[0] // 2, kernel[1] // 2)))
            for i, o, kernel, stride in shapes
        )
        self.score = parametrizations.spectral_norm(nn.Conv2d(width * 4, 1, 3, padding=1))

    def forward(self, wave: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = torch.log(magnitudes(wave, self.fft, self.hop) + 1e-4)[:, None, :, :-1] / 4 + 1.5
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.score(x), features


class WaveDiscriminator(nn.Module):
    """Several `SpectrogramDiscriminator`s; the paper's own uses hop 256 and fft 6 * hop alone."""

    def __init__(self, sizes: Sequence[tuple[int, int]] = ((2048, 512), (1024, 256), (512, 128)), width: int = 16):
        super().__init__()
        self.parts = nn.ModuleList(SpectrogramDiscriminator(fft, hop, width) for fft, hop in sizes)

    def forward(self, wave: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        scores, features = [], []
        for part in self.parts:
            score, inner = part(wave)
            scores.append(score)
            features.extend(inner)
        return scores, features
