"""Examples of what a run can do by now: held-out music beside what the model makes of it, as files and pictures.

```
RUN/examples/000120-0-target.flac .png    held-out music
RUN/examples/000120-0-made.flac .png      its reconstruction, or a new piece under the same conditions
```
Making them changes neither the trainer nor the random numbers that training will draw.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from torch import Tensor, nn

from training.runs.pictures import latents_picture, png, spectrogram
from training.runs.report import write_report
from training.runs.run import Run, logger

COUNT = 3
SECONDS = 3.0
Pair = tuple[np.ndarray, np.ndarray]


class Examples:
    """Makes examples of one run; a failure is logged and training goes on."""

    def __init__(self, run: Run, trainer: Any) -> None:
        self.run, self.trainer = run, trainer
        self._decoder: Any = None

    def make(self, step: int) -> None:
        """Write one set of examples, and the audio to TensorBoard."""
        try:
            with torch.random.fork_rng(devices=[]), torch.inference_mode(), averaged(self.trainer):
                torch.manual_seed(0)
                pairs, rate_hz = self._pairs()
            for number, pair in enumerate(pairs):
                for role, values in zip(("target", "made"), pair):
                    self._write(step, number, role, values, rate_hz)
        except Exception as error:  # a run of days must not end by its examples
            logger.warning("no examples at step %d: %s", step, " ".join(str(error).split()))

    def report(self) -> None:
        """Bring `report.html` up to date."""
        try:
            write_report(self.run.folder)
        except OSError as error:  # a full disk, say: checkpoints matter more
            logger.warning("no report: %s", error)

    def _write(self, step: int, number: int, role: str, values: np.ndarray, rate_hz: int) -> None:
        base = self.run.folder / "examples" / f"{step:06d}-{number}-{role}"
        if rate_hz:
            _whole(base.with_suffix(".png"), png(spectrogram(values, rate_hz)))
            part = base.with_suffix(".part")
            soundfile.write(part, np.clip(values, -1, 1), rate_hz, subtype="PCM_16", format="FLAC")
            part.replace(base.with_suffix(".flac"))
            sound = torch.from_numpy(np.ascontiguousarray(values.mean(1))).clamp(-1, 1)[None]
            if self.run.tensorboard:
                self.run.board().add_audio(f"{role}/{number}", sound, step, rate_hz)
        else:
            _whole(base.with_suffix(".png"), png(latents_picture(values)))

    def _pairs(self) -> tuple[list[Pair], int]:
        """Pairs of audio `[frames, channels]` with their rate, or of latents `[time, channels]` with rate 0."""
        if self.run.settings.get("stage") == "autoencoder":
            return self._reconstructions()
        if self.run.settings.get("stage") == "gan":
            return self._pieces()
        return [], 0

    def _reconstructions(self) -> tuple[list[Pair], int]:
        from training.autoencoder.excerpts import Excerpts
        from training.corpus import Corpus

        trainer = self.trainer
        config = trainer.config
        latents = max(trainer.settings.latents, round(SECONDS * config.sample_rate_hz / config.r_time))
        context = trainer.encoder.context
        corpora = [Corpus(Path(c)) for c in self.run.settings["corpora"]]
        held_out = all(c.split("valid") for c in corpora)
        data = Excerpts(
            corpora,
            [1.0] * len(corpora),
            latents * config.r_time + 2 * context,
            split="valid" if held_out else "train",
            gain_db=(0.0, 0.0),
        )
        wave = _here(torch.from_numpy(data.batch(-1, COUNT)), trainer.encoder)
        heard = wave if config.channels == 2 else wave.flatten(0, 1)[:, None]
        made = self._coded(heard, context)
        target = heard[..., context : context + made.shape[-1]]
        both = (target, made) if config.channels == 2 else (t.unflatten(0, (-1, 2))[:, :, 0] for t in (target, made))
        first, second = (t.float().cpu().numpy().transpose(0, 2, 1) for t in both)
        return list(zip(first, second)), config.sample_rate_hz

    def _coded(self, wave: Tensor, context: int) -> Tensor:
        """Waves through as much of the autoencoder as this stage trains."""
        trainer = self.trainer
        encoder, decoder = trainer.encoder, trainer.decoder
        if trainer.level != "1":
            return decoder(encoder(wave))
        level1 = torch.tanh(encoder.level1.before_tanh(encoder.log_magnitude(wave)))
        trim = (context - encoder.context_1) // trainer.config.r_time_1
        spectra = decoder.spectra(level1[:, trim : level1.shape[1] - trim])
        noise = None
        if decoder.tracker is not None:
            noise = decoder.noise.frames(0, spectra.log_magnitude.shape[2])
        return decoder.synthesise(spectra, noise)

    def _pieces(self) -> tuple[list[Pair], int]:
        from training.generator.excerpts import ANCHORS, LatentExcerpts
        from training.latents.encode import LatentCorpus

        trainer = self.trainer
        corpus = LatentCorpus(Path(self.run.settings["latents"]))
        held_out = any(s.split == "valid" and s.frames > trainer.config.seq_len * 2 for s in corpus.songs)
        asked = dataclasses.replace(trainer.settings, drop_phase=0.0, drop_tempo=0.0, drop_density=0.0, drop_energy=0.0)
        data = LatentExcerpts(corpus, trainer.config, asked, "valid" if held_out else "train")
        batch = data.batch(1 << 40, COUNT)
        real, conditions, weights = (_here(t, trainer.generator) for t in vars(batch).values())
        anchors = torch.randn(COUNT, ANCHORS, trainer.config.coordinate, device=real.device)
        style = torch.randn(COUNT, trainer.config.style, device=real.device)
        made = trainer.generator(weights @ anchors, style, conditions)
        decoder = self._listener(corpus)
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

    def _listener(self, corpus: Any) -> nn.Module | None:
        """The decoder of the autoencoder that made the latents, on the CPU; None where that is not known."""
        from musika_daw.instrument.models import Decoder
        from musika_daw.instrument.models.config import autoencoder_from_dict
        from training.sources import autoencoder_weights

        if self._decoder is None and corpus.made_with:
            try:
                weights = autoencoder_weights(corpus.made_with)
            except ValueError:
                return None
            with torch.device("cpu"):
                decoder = Decoder(autoencoder_from_dict(weights.config))
            decoder.load_state_dict(weights.decoder)
            self._decoder = decoder.eval()
        return self._decoder


@contextmanager
def averaged(trainer: Any) -> Iterator[None]:
    """Inside, what is trained holds its moving averages and is not in training."""
    module = getattr(trainer, "trained", None) or trainer.generator
    present = {k: v.clone() for k, v in module.state_dict().items()}
    training = module.training
    module.load_state_dict(trainer.ema.shadow)
    module.eval()
    try:
        yield
    finally:
        module.load_state_dict(present)
        module.train(training)


def _here(tensor: Tensor, module: nn.Module) -> Tensor:
    return tensor.to(next(module.parameters()).device)


def _whole(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)
