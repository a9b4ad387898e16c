"""Starts the autoencoder from principal components.

Trained from noise, a thousand steps did not reach what a linear map does at once (log-magnitude error 0.25
against 0.16 through both levels). So the linear shortcuts of both levels begin as principal components of
log-magnitudes and of level-1 latents, and everything else begins silent and learns what is missing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models import Decoder, Encoder
from musika_daw.instrument.models.autoencoder import LevelDecoder, LevelEncoder
from training.autoencoder.losses import bin_weights

# deviation of a latent before tanh: well inside its linear part
LATENT_DEVIATION = 0.25


@torch.no_grad()
def start_from_components(encoder: Encoder, decoder: Decoder, waves: Tensor, *, even: bool = False) -> None:
    """Set the shortcuts of both levels from example waves `[N, channels, t]`.

    Bins count as in the loss (`bin_weights`), or, with `even`, all the same.
    """
    config, sizes = encoder.config, decoder.sizes
    weights, made_weights = (torch.ones(c.bins) if even else bin_weights(c) for c in (config, sizes))
    log_magnitude = torch.cat([encoder.log_magnitude(w) for w in waves.split(8)])
    latents_1 = _fit_encoder(
        encoder.level1,
        _patches(log_magnitude, config.level1.stride),
        weights.repeat(config.channels * config.level1.stride).sqrt(),
    )
    # the decoder writes [magnitude (and phase), channels, bins] for each frame; phases start at their carrier
    margin = encoder.spectrum.context - decoder.spectrum.context
    near = F.pad(waves, (-margin, -margin))
    spectra = torch.cat([decoder.spectrum.normalised(decoder.analyse(w)) for w in near.split(8)])
    target = spectra.transpose(1, 2).flatten(2)[:, : latents_1.shape[1] * sizes.level1.stride]
    parts = decoder.level1.outputs // target.shape[-1]
    frames = torch.cat([target, torch.zeros_like(target)], -1) if parts == 2 else target
    _fit_decoder(decoder.level1, latents_1, _patches(frames, sizes.level1.stride))
    # a level-1 latent counts by how far it moves the spectrum
    moved = decoder.level1.shortcut.weight.unflatten(0, (sizes.level1.stride, parts, sizes.channels, -1))[:, 0]
    effect = (moved.square() * made_weights[:, None]).sum((0, 1, 2)).sqrt()
    latents_2 = _fit_encoder(
        encoder.level2, _patches(latents_1, config.level2.stride), effect.repeat(config.level2.stride)
    )
    inner = latents_1[:, : latents_2.shape[1] * config.level2.stride]
    _fit_decoder(decoder.level2, latents_2, _patches(torch.atanh(inner.clamp(-0.999, 0.999)), config.level2.stride))


def _patches(x: Tensor, stride: int) -> Tensor:
    count = x.shape[1] // stride
    return x[:, : count * stride].reshape(len(x), count, stride * x.shape[2])


def _fit_encoder(level: LevelEncoder, x: Tensor, weights: Tensor | None) -> Tensor:
    """Components of `x` `[N, T, C]` into a level's shortcut; returns the latents `[N, T, latent]`."""
    flat = x.flatten(0, 1)
    scale = torch.ones(flat.shape[1]) if weights is None else weights
    mean = flat.mean(0)
    centred = (flat - mean) * scale
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(flat))
    count = level.shortcut.out_features
    spread = values[-count:].clamp(min=1e-8).sqrt()
    matrix = (vectors[:, -count:] / spread * LATENT_DEVIATION).T * scale
    level.shortcut.weight.copy_(matrix)
    level.shortcut.bias.copy_(-matrix @ mean)
    return torch.tanh(level.shortcut(x))


def _fit_decoder(level: LevelDecoder, latents: Tensor, target: Tensor) -> None:
    """Least squares from latents to `target` `[N, T, C]` into a level's shortcut."""
    _least_squares(level.shortcut, latents.flatten(0, 1), target.flatten(0, 1))


def _least_squares(layer: nn.Linear, x: Tensor, y: Tensor) -> None:
    ones = torch.cat([x, torch.ones(len(x), 1)], 1)
    gram = ones.T @ ones + 1e-4 * len(x) * torch.eye(ones.shape[1]) * 1e-2
    solution = torch.linalg.solve(gram, ones.T @ y)
    layer.weight.copy_(solution[:-1].T)
    layer.bias.copy_(solution[-1])
