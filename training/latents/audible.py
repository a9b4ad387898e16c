"""How much each latent channel is heard, so that a generator minds what matters.

Latents come out of a whitening map: every channel varies as much as any other, but a few of them carry most of the
sound (in techno 4 of 64 make 60 % of what is heard, the last 32 make 7 %). A generator and a critic that saw
them as equals would spend their effort on what nobody hears. So a channel's unit is what it changes in the spectrum.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from musika_daw.instrument.models import AnyDecoder
from musika_daw.instrument.models.ears import EarsDecoder
from training.autoencoder.ears import weights_of_bins
from training.autoencoder.losses import bin_weights
from training.latents.encode import LatentCorpus
from training.runs.run import write_json

_EXCERPTS, _FRAMES = 24, 24
# moved by half a deviation, a channel stays where the decoder has seen it
_MOVE = 0.5


@torch.inference_mode()
def audible_effect(latents: np.ndarray, deviation: np.ndarray, decoder: AnyDecoder, seed: int = 0) -> np.ndarray:
    """RMS change of the log-magnitudes, in the ear's bands, by each channel of latents `[frames, channels]`.

    Float32 `[channels]` whose RMS is 1. ValueError for fewer than 24 frames.
    """
    if len(latents) < _FRAMES:
        raise ValueError(f"latents: {len(latents)} frames, must be at least {_FRAMES}")
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, len(latents) - _FRAMES + 1, _EXCERPTS)
    excerpts = torch.from_numpy(np.stack([latents[s : s + _FRAMES] for s in starts]).astype(np.float32))
    size = decoder.config.level2.latent
    # stacked stereo latents are decoded one audio channel at a time and share their scale
    excerpts = torch.cat(excerpts.split(size, 2))
    spread = torch.from_numpy(deviation.reshape(-1, size).mean(0).astype(np.float32))
    if isinstance(decoder, EarsDecoder):
        weights = weights_of_bins(decoder)
    else:
        weights = bin_weights(decoder.sizes)

    def spectra(moved: torch.Tensor) -> torch.Tensor:
        if isinstance(decoder, EarsDecoder):
            return decoder.synthesis.layout.split(decoder.tell(moved))["tones"]
        # `Decoder.spectra` without phases, which take most of its time and are not looked at here
        told, _ = decoder.level1(decoder.decode_2(moved))
        return told.unflatten(2, (-1, decoder.config.channels, decoder.sizes.bins)).permute(2, 0, 3, 1, 4)[0]

    still = spectra(excerpts)
    effect = []
    for channel in range(size):
        moved = excerpts.clone()
        move = rng.standard_normal(moved.shape[:2]).astype(np.float32)
        moved[:, :, channel] += _MOVE * spread[channel] * torch.from_numpy(move)
        effect.append(float((weights * (spectra(moved) - still).square()).mean().sqrt()))
    scaled = np.tile(np.maximum(effect, 1e-3 * max(effect)), len(deviation) // size)
    return (scaled / np.sqrt(np.mean(scaled**2))).astype(np.float32)


def weigh_latents(folder: Path, decoder: AnyDecoder) -> np.ndarray:
    """Note in a latents folder how much each channel is heard; returns it."""
    corpus = LatentCorpus(folder)
    effect = audible_effect(corpus.latents, corpus.spread, decoder)
    path = Path(folder) / "latents.json"
    write_json(path, {**json.loads(path.read_text()), "effect": effect.tolist()})
    return effect
