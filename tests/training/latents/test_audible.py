"""Latent channels are measured by what is heard of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from musika_daw.instrument.models import TINY, Decoder
from training.latents.audible import audible_effect

SIZE = TINY.autoencoder.level2.latent


def test_a_channel_that_moves_the_spectrum_more_counts_more() -> None:
    torch.manual_seed(1)
    decoder = Decoder(TINY.autoencoder).eval()
    with torch.no_grad():
        decoder.level2.shortcut.weight[:, 0] *= 8
        decoder.level2.shortcut.weight[:, 1] = 0
    latents = np.random.default_rng(0).normal(0, 0.1, (200, SIZE)).astype(np.float32)
    effect = audible_effect(latents, np.full(SIZE, 0.1, np.float32), decoder)
    assert effect.argmax() == 0
    assert effect.argmin() == 1
    assert effect[0] > 3 * np.median(effect)
    assert effect.min() > 0
    assert np.sqrt(np.mean(effect**2)) == pytest.approx(1, rel=1e-5)


def test_too_few_latents_are_refused() -> None:
    with pytest.raises(ValueError, match="latents: 10 frames, must be at least 24"):
        audible_effect(np.zeros((10, SIZE), np.float32), np.ones(SIZE, np.float32), Decoder(TINY.autoencoder))
