"""Trains the two-level autoencoder in the paper's two phases (section 3.1).

Phase 1 teaches encoder and decoder log-magnitudes and, except for the paper's configuration, how phases run
from frame to frame and bin to bin. (With the re-analysed wave in the loss from the start, its still random
phases blurred every tone.) Phase 2 freezes the encoder, so latents stay what they are and a
generator can train beside it, and lets an adversary sharpen the decoder.
Level 1 or level 2 can be trained by itself, as the paper does, or both at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models import (
    AnyDecoder,
    AnyEncoder,
    AutoencoderConfig,
    Decoder,
    Encoder,
    build_decoder,
    build_encoder,
)
from musika_daw.instrument.models.config import autoencoder_from_dict, to_dict
from musika_daw.instrument.models.ears import EarsDecoder, EarsEncoder
from training.autoencoder.calibrate import calibrate
from training.autoencoder.ears import EarsObjective
from training.autoencoder.examples import reconstructions
from training.autoencoder.excerpts import Excerpts
from training.autoencoder.objective import Objective, SpectralObjective
from training.corpus import Corpus
from training.runs import parallel
from training.runs.loop import train
from training.runs.recipes import AutoencoderSettings
from training.runs.run import Ema, Report, Run, clip_gradients, load_checkpoint
from training.weights import averaged_weights, trained_parts

LEVELS = ("1", "2", "both")


def objective_of(encoder: AnyEncoder, decoder: AnyDecoder, settings: AutoencoderSettings) -> Objective:
    """What is learned of an encoder and decoder that belong together."""
    if isinstance(encoder, EarsEncoder) and isinstance(decoder, EarsDecoder):
        return EarsObjective(encoder, decoder, settings)
    assert isinstance(encoder, Encoder)
    assert isinstance(decoder, Decoder)
    return SpectralObjective(encoder, decoder, settings)


def _apart(name: str) -> bool:
    """Whether a parameter has a rate of its own."""
    return "shortcut" in name or "outward" in name


class AutoencoderTrainer:
    """One stage (level, phase) of training; `step` trains on a batch of waves and returns its losses."""

    def __init__(self, config: AutoencoderConfig, settings: AutoencoderSettings, level: str, phase: int) -> None:
        if level not in LEVELS:
            raise ValueError(f"level: {level!r}, must be one of {', '.join(LEVELS)}")
        if phase not in (1, 2):
            raise ValueError(f"phase: {phase}, must be 1 or 2")
        self.config, self.settings, self.level, self.phase = config, settings, level, phase
        torch.manual_seed(settings.seed)
        self.encoder, self.decoder = build_encoder(config), build_decoder(config)
        self.trained = nn.ModuleList(getattr(getattr(self, half), name) for half, name in trained_parts(level, phase))
        for module in (self.encoder, self.decoder):
            module.requires_grad_(False)
        self.trained.requires_grad_(True)
        # linear shortcuts start as principal components: moved as fast as the rest, they only get worse
        named = [(name, p) for name, p in self.trained.named_parameters()]
        groups = [
            {"params": [p for name, p in named if not _apart(name)], "share": 1.0, "weight_decay": 1e-3},
            {
                "params": [p for name, p in named if "outward" in name],
                "share": settings.head_rate,
                "weight_decay": 1e-3,
            },
            {"params": [p for name, p in named if "shortcut" in name], "share": settings.shortcut_rate},
        ]
        self.optimizer = torch.optim.AdamW(
            groups, settings.learning_rate, (settings.beta1, 0.99), weight_decay=0.0, fused=True
        )
        self.ema = Ema(self.trained)
        self.objective = objective_of(self.encoder, self.decoder, settings)
        self.adversary = self.objective.adversary() if phase == 2 else None
        self.steps = 0

    @property
    def networks(self) -> list[nn.Module]:
        """All that a step runs."""
        judges = [] if self.adversary is None else [self.adversary.discriminator]
        return [self.encoder, self.decoder, *judges]

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """All that a step moves weights with."""
        return [self.optimizer, *([] if self.adversary is None else [self.adversary.optimizer])]

    @property
    def excerpt_frames(self) -> int:
        """Samples of one training excerpt, context included."""
        return self.settings.latents * self.config.r_time + 2 * self.encoder.context

    def through_latents(self, heard: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder hears of excerpts to (level-1 latents to decode, latent loss) of their inner part.

        The latent loss keeps both bottlenecks away from the ends of tanh and level 2 close to level 1.
        """
        s = self.settings
        before_1 = self.encoder.level1.before_tanh(heard)
        c1 = torch.tanh(before_1)
        trim = self.encoder.level2.trim * self.config.level2.stride
        inner = c1[:, trim : c1.shape[1] - trim] if trim else c1
        latent_loss = s.lambda_latent * before_1.square().mean()
        if self.level == "1":
            c1_made = inner
        else:
            before_2 = self.encoder.level2.before_tanh(c1)
            c2 = torch.tanh(before_2)
            if s.latent_noise and self.trained.training:
                c2 = c2 + s.latent_noise * torch.randn_like(c2)
            # the paper judges two pieces decoded apart and laid end to end, so that borders are learned
            parts = c2.chunk(2, 1) if self.settings.paper_losses and c2.shape[1] > 1 else (c2,)
            c1_made = torch.cat([self.decoder.decode_2(p) for p in parts], 1)
            latent_loss = latent_loss + s.lambda_latent * before_2.square().mean()
            latent_loss = latent_loss + s.lambda_level1 * F.l1_loss(c1_made, inner.detach())
        return c1_made, latent_loss

    def step(self, wave: Tensor, rate_factor: float = 1.0) -> dict[str, Tensor]:
        """Train on `[B, 2, excerpt_frames]` samples; returns named scalar losses."""
        s = self.settings
        if self.config.channels == 1:  # the paper codes each audio channel by itself
            wave = wave.flatten(0, 1)[:, None]
        for group in self.optimizer.param_groups:
            group["lr"] = s.learning_rate * rate_factor * group["share"]
        heard, wanted = self.objective.hear(wave)
        c1_made, latent_loss = self.through_latents(heard)
        losses: dict[str, Tensor] = {"latent": latent_loss}
        total = latent_loss
        # level 2 may begin by matching level-1 latents alone, which costs a fraction of decoding them
        if s.lambda_rec or self.phase == 2:
            first = self._somewhere()
            loss, told = self.objective.losses(wanted, c1_made, losses, first)
            total = total + loss
            if self.adversary is not None:
                besides, made, real = self.objective.judged(wave, wanted, told, losses, first)
                total = total + besides
                if s.lambda_adversary:
                    total = total + self.adversary.step(made, real, losses, rate_factor)
        if torch.isfinite(total):
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()
            losses["gradient"] = clip_gradients(self.trained, s.clip)
            self.optimizer.step()
            self.ema.update(self.trained, self.steps)
        losses["total"] = total
        return {k: v.detach() for k, v in losses.items()}

    @staticmethod
    def _somewhere() -> int:
        """A random position, so that no excerpt learns the noise or the angles of one place."""
        return int(torch.randint(1 << 20, ()))

    def start_from_components(self, waves: Tensor) -> None:
        """Begin with principal components of example waves `[N, 2, t]`."""
        self.objective.start_from_components(waves)
        self.ema = Ema(self.trained)

    def state(self) -> dict[str, Any]:
        """Everything a resumed run needs."""
        state: dict[str, Any] = {
            "config": to_dict(self.config),
            "level": self.level,
            "phase": self.phase,
            "steps": self.steps,
            "encoder": self.encoder.state_dict(),
            "decoder": self.decoder.state_dict(),
            "ema": self.ema.shadow,
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        if self.adversary is not None:
            state |= self.adversary.state()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state()` of the same stage."""
        if (state["level"], state["phase"]) != (self.level, self.phase):
            raise ValueError(
                f"resume: the run is level {state['level']} phase {state['phase']}, "
                f"asked for level {self.level} phase {self.phase}"
            )
        self.encoder.load_state_dict(state["encoder"])
        self.decoder.load_state_dict(state["decoder"])
        self.ema.shadow = {k: v.clone() for k, v in state["ema"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        if self.adversary is not None:
            self.adversary.restore(state)
        self.steps = state["steps"]
        torch.set_rng_state(state["random"])

    def start_from(self, state: dict[str, Any]) -> None:
        """Begin with the averaged weights of another stage's checkpoint."""
        encoder, decoder = averaged_weights(state)
        self.encoder.load_state_dict(encoder)
        self.decoder.load_state_dict(decoder)
        self.ema = Ema(self.trained)


def train_autoencoder(
    corpora: Sequence[Path],
    out: Path,
    config: AutoencoderConfig,
    *,
    weights: Sequence[float] | None = None,
    settings: AutoencoderSettings | None = None,
    level: str = "both",
    phase: int = 1,
    minutes: float = 60.0,
    max_steps: int | None = None,
    resume: bool = False,
    init_from: Path | None = None,
    report: Report | None = None,
) -> dict[str, float]:
    """Train one stage in a time box and leave a resumable run in `out`; returns the last mean losses."""
    settings = settings or AutoencoderSettings()
    opened = [Corpus(c) for c in corpora]
    trainer = AutoencoderTrainer(config, settings, level, phase)
    data = Excerpts(
        opened, weights or [1.0] * len(opened), trainer.excerpt_frames, seed=settings.seed, swapped=settings.swapped
    )
    run = Run(
        out,
        {
            "stage": "autoencoder",
            "level": level,
            "phase": phase,
            "config": to_dict(config),
            "settings": asdict(settings),
            "corpora": [str(c) for c in corpora],
        },
        resume=resume,
    )
    if not run.checkpoint.exists():
        if init_from is not None:
            trainer.start_from(load_checkpoint(init_from))
        elif settings.components_from:
            batches = [data.batch(-1 - i, 8) for i in range(settings.components_from)]
            waves = torch.from_numpy(np.concatenate(batches))
            trainer.start_from_components(waves.to(parallel.current().device))

    def update(step: int, rate_factor: float) -> dict[str, Tensor]:
        wave = torch.from_numpy(np.ascontiguousarray(data.batch(step, settings.batch)))
        return trainer.step(wave, rate_factor)

    last = train(
        run,
        trainer,
        update,
        settings,
        minutes=minutes,
        max_steps=max_steps,
        report=report,
        pairs=lambda: reconstructions(run, trainer),
    )
    if phase == 2 and isinstance(trainer.decoder, Decoder) and trainer.decoder.tracker is not None:
        _level(run, data)
    return last


def _level(run: Run, data: Excerpts) -> None:
    """Set the levels of a run's averaged decoder right, on excerpts that training never draws."""
    state = run.load()
    assert state is not None
    encoder_weights, decoder_weights = averaged_weights(state)
    config = autoencoder_from_dict(state["config"])
    encoder, decoder = Encoder(config).eval(), Decoder(config).eval()
    encoder.load_state_dict(encoder_weights)
    decoder.load_state_dict(decoder_weights)
    calibrate(encoder, decoder, torch.from_numpy(np.concatenate([data.batch(-1000 - i, 8) for i in range(12)])))
    state["decoder"]["gain"] = decoder.gain
    run.save(state)
