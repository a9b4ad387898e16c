"""Discriminators that judge what an autoencoder reconstructs, seen as images of its spectrum (paper, section 3.1.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from musika_daw.instrument.models.precision import Network, in_own_precision
from musika_daw.instrument.models.spectrum import LOG_FLOOR, LOG_MEAN, LOG_SCALE
from training.autoencoder.losses import magnitudes

# silence on the scale of normalised log-magnitudes: what is told below it sounds no different
_SILENCE = (math.log(LOG_FLOOR) - LOG_MEAN) / LOG_SCALE
# a layer of a discriminator of maps: its width in units of the first one's, kernel and stride in (frames, bins)
_BANDS = ((1, (7, 5), (2, 2)), (2, (5, 5), (2, 2)), (4, (3, 3), (2, 2)), (4, (3, 3), (1, 1)))
_TONES = ((1, (3, 7), (1, 2)), (2, (3, 5), (2, 2)), (4, (3, 5), (2, 2)), (4, (3, 3), (1, 1)))
_SPECTROGRAM = ((1, (3, 9), (1, 4)), (2, (3, 7), (2, 2)), (4, (3, 5), (2, 2)), (4, (3, 3), (1, 2)))
# short frames of which one view is made, in which a discriminator sees twice as far as by single frames
_COARSE = 4

Layers = Sequence[tuple[int, tuple[int, int], tuple[int, int]]]


class MapDiscriminator(Network):
    """2-D convolutions with spectral norm over maps `[B, channels, frames, bins]`.

    Returns the score map `[B, 1, frames', bins']` and the inner maps.
    """

    def __init__(self, channels: int, width: int, layers: Layers) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for share, (rows, columns), stride in layers:
            padding = (rows // 2, columns // 2)
            conv = nn.Conv2d(channels, width * share, (rows, columns), stride, padding)
            self.layers.append(parametrizations.spectral_norm(conv))
            channels = width * share
        self.score = parametrizations.spectral_norm(nn.Conv2d(channels, 1, 3, padding=1))

    @in_own_precision
    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.score(x), features


class SpectrogramDiscriminator(MapDiscriminator):
    """A `MapDiscriminator` of one log-magnitude STFT of `[B, t]` waves."""

    def __init__(self, fft: int, hop: int, width: int) -> None:
        super().__init__(1, width, _SPECTROGRAM)
        self.fft, self.hop = fft, hop

    def forward(self, wave: Tensor) -> tuple[Tensor, list[Tensor]]:
        return super().forward(torch.log(magnitudes(wave, self.fft, self.hop) + 1e-4)[:, None, :, :-1] / 4 + 1.5)


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


class TellingDiscriminator(nn.Module):
    """Judges what a decoder of two ears tells (`Layout.split`): bands frame by frame and coarser, tones with tonality.

    What is told is nearly what is heard, without the phases that no gradient comes through where nothing sounds. Of
    what is beyond what can be told (below silence, tonality outside 0..1) nothing is seen, so it gives nothing away.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        maps = ((channels, _BANDS), (channels, _BANDS), (channels + 1, _TONES))
        self.parts = nn.ModuleList(MapDiscriminator(count, width, layers) for count, layers in maps)

    def forward(self, told: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        bands = told["bands"].clamp(min=_SILENCE)
        tones = torch.cat([told["tones"][..., :-1].clamp(min=_SILENCE), told["tonality"].clamp(0, 1)], 1)
        scores, features = [], []
        for part, seen in zip(self.parts, (bands, F.avg_pool2d(bands, (_COARSE, 1)), tones)):
            score, inner = part(seen)
            scores.append(score)
            features.extend(inner)
        return scores, features
