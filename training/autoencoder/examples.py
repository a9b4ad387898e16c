"""Examples of an autoencoder run: held-out music and its reconstruction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from musika_daw.instrument.models.ears import EarsDecoder
from training.autoencoder.excerpts import Excerpts
from training.corpus import Corpus
from training.runs.examples import COUNT, Pair, here
from training.runs.run import Run

SECONDS = 3.0


def reconstructions(run: Run, trainer: Any) -> tuple[list[Pair], int]:
    """Held-out waves and what the autoencoder makes of them, with their rate."""
    config = trainer.config
    latents = max(trainer.settings.latents, round(SECONDS * config.sample_rate_hz / config.r_time))
    context = trainer.encoder.context
    corpora = [Corpus(Path(c)) for c in run.settings["corpora"]]
    held_out = all(c.split("valid") for c in corpora)
    data = Excerpts(
        corpora,
        [1.0] * len(corpora),
        latents * config.r_time + 2 * context,
        split="valid" if held_out else "train",
        gain_db=(0.0, 0.0),
    )
    wave = here(torch.from_numpy(data.batch(-1, COUNT)), trainer.encoder)
    heard = wave if config.channels == 2 else wave.flatten(0, 1)[:, None]
    made = _coded(trainer, heard, context)
    target = heard[..., context : context + made.shape[-1]]
    both = (target, made) if config.channels == 2 else (t.unflatten(0, (-1, 2))[:, :, 0] for t in (target, made))
    first, second = (t.float().cpu().numpy().transpose(0, 2, 1) for t in both)
    return list(zip(first, second)), config.sample_rate_hz


def _coded(trainer: Any, wave: Tensor, context: int) -> Tensor:
    """Waves through as much of the autoencoder as this stage trains."""
    encoder, decoder = trainer.encoder, trainer.decoder
    if trainer.level != "1":
        return decoder(encoder(wave))
    level1 = torch.tanh(encoder.level1.before_tanh(encoder.hear(wave)))
    trim = (context - encoder.context_1) // trainer.config.r_time_1
    level1 = level1[:, trim : level1.shape[1] - trim]
    if isinstance(decoder, EarsDecoder):
        return decoder.synthesis(decoder.level1(level1)[0])
    spectra = decoder.spectra(level1)
    noise = None
    if decoder.tracker is not None:
        noise = decoder.noise.frames(0, spectra.log_magnitude.shape[2])
    return decoder.synthesise(spectra, noise)
