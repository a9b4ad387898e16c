"""Examples of a generator run: held-out pieces beside new ones under the same conditions."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import nn

from musika_daw.instrument.models import build_decoder
from musika_daw.instrument.models.config import autoencoder_from_dict
from training.generator.excerpts import ANCHORS, LatentExcerpts
from training.latents.encode import LatentCorpus
from training.runs.examples import COUNT, Pair, here
from training.runs.run import Run
from training.weights import autoencoder_weights


class Pieces:
    """Held-out latents and new ones under the same conditions; as sound with its rate where the decoder is known."""

    def __init__(self, run: Run, trainer: Any) -> None:
        self._run, self._trainer = run, trainer
        self._decoder: nn.Module | None = None

    def __call__(self) -> tuple[list[Pair], int]:
        """The pairs of the weights as they are now."""
        run, trainer = self._run, self._trainer
        corpus = LatentCorpus(Path(run.settings["latents"]))
        held_out = any(s.split == "valid" and s.frames > trainer.config.seq_len * 2 for s in corpus.songs)
        told: dict[str, Any] = {name: 0.0 for name in vars(trainer.settings) if name.startswith("drop_")}
        # new pieces have new styles, and those of songs take a minute to find
        asked = dataclasses.replace(trainer.settings, style_told=False, **told)
        data = LatentExcerpts(corpus, trainer.config, asked, "valid" if held_out else "train")
        batch = data.batch(1 << 40, COUNT)
        real, conditions, weights = (
            here(t, trainer.generator) for t in (batch.latents, batch.conditions, batch.weights)
        )
        anchors = torch.randn(COUNT, ANCHORS, trainer.config.coordinate, device=real.device)
        style = torch.randn(COUNT, trainer.config.style, device=real.device)
        made = trainer.generator(weights @ anchors, style, conditions)
        decoder = self._decoder = self._decoder or _listener(corpus.made_with)
        if decoder is None:
            return [(a.cpu().numpy(), b.float().cpu().numpy()) for a, b in zip(real, made)], 0
        mean, deviation = torch.from_numpy(corpus.mean), torch.from_numpy(corpus.deviation)
        sounds = []
        for latents in (real, made):
            latents = torch.clamp(latents.float().cpu() * deviation + mean, -1, 1)
            if trainer.config.stereo_stack == 2:
                latents = torch.stack(latents.chunk(2, -1), 1).flatten(0, 1)
            wave = decoder(latents)
            wave = wave if trainer.config.stereo_stack == 1 else wave.unflatten(0, (-1, 2))[:, :, 0]
            sounds.append(wave.numpy().transpose(0, 2, 1))
        return list(zip(*sounds)), corpus.config.sample_rate_hz


def _listener(made_with: str | None) -> nn.Module | None:
    """The decoder of the autoencoder that made the latents, on the CPU; None where that is not known."""
    if not made_with:
        return None
    try:
        weights = autoencoder_weights(made_with)
    except ValueError:
        return None
    with torch.device("cpu"):
        decoder = build_decoder(autoencoder_from_dict(weights.config))
    decoder.load_state_dict(weights.decoder)
    return decoder.eval()
