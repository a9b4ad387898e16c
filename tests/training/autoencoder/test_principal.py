"""The linear start of the autoencoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from musika_daw.instrument.models import PAPER, TINY
from training.autoencoder.excerpts import Excerpts
from training.autoencoder.losses import bin_weights
from training.autoencoder.trainer import AutoencoderTrainer
from training.corpus import Corpus
from training.runs.recipes import AutoencoderSettings

SETTINGS = AutoencoderSettings(batch=4, latents=8, latent_noise=0.0)


def test_components_describe_new_excerpts_far_better_than_silence(corpus_path: Path) -> None:
    random, started = (AutoencoderTrainer(TINY.autoencoder, SETTINGS, "both", 2) for _ in range(2))
    encoder: Any = started.encoder
    data = Excerpts([Corpus(corpus_path)], [1.0], random.excerpt_frames)
    started.start_from_components(torch.from_numpy(np.concatenate([data.batch(-1 - i, 8) for i in range(6)])))
    log = encoder.log_magnitude(torch.from_numpy(data.batch(0, 8).copy()))
    waves = torch.from_numpy(data.batch(0, 8).copy())
    errors = []
    for trainer in (random, started):
        with torch.no_grad():
            c1, _ = trainer.through_latents(log)
            decoder: Any = trainer.decoder
            made = decoder.spectra(c1).log_magnitude
            skip = (encoder.context - encoder.spectrum.context) // 256
            want = log[:, skip : skip + made.shape[2]].unflatten(2, (2, -1)).transpose(1, 2)
            errors.append(float((made - want).abs().mean()))
    assert errors[1] < 0.5 * errors[0]
    latents = started.encoder(waves)
    assert 0.05 < latents.std() < 0.4
    assert latents.abs().max() < 1


def test_phases_that_the_network_gives_start_at_their_carrier(corpus_path: Path) -> None:
    trainer = AutoencoderTrainer(PAPER.autoencoder, SETTINGS, "both", 1)
    data = Excerpts([Corpus(corpus_path)], [1.0], trainer.excerpt_frames)
    trainer.start_from_components(torch.from_numpy(data.batch(-1, 24).copy()))
    decoder: Any = trainer.decoder
    with torch.no_grad():
        phase = decoder.spectra(torch.randn(1, 8, PAPER.autoencoder.level1.latent) * 0.2).phase
    carrier = decoder.spectrum.carrier(phase.shape[2])
    torch.testing.assert_close(phase[0, 0], carrier, atol=1e-3, rtol=0)


def test_bins_weigh_as_the_ear_s_bands_do() -> None:
    weights = bin_weights(TINY.autoencoder)
    assert float(weights.mean()) == 1 or abs(float(weights.mean()) - 1) < 1e-6
    assert (weights.diff() < 0).all()
