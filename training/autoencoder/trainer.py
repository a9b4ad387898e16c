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

from musika_daw.instrument.models import AutoencoderConfig, Decoder, Encoder
from musika_daw.instrument.models.config import autoencoder_from_dict, to_dict
from training.autoencoder.adversary import WaveAdversary
from training.autoencoder.calibrate import calibrate
from training.autoencoder.excerpts import Excerpts
from training.autoencoder.losses import (
    MultiResolutionLoss,
    MultiScaleSpectralDistance,
    advance_error,
    bin_weights,
    one_view,
    phase_derivatives,
    relative_error,
    tonality_error,
)
from training.autoencoder.principal import start_from_components
from training.corpus import Corpus
from training.runs.loop import train
from training.runs.recipes import AutoencoderSettings
from training.runs.run import Ema, Report, Run, clip_gradients, load_checkpoint

LEVELS = ("1", "2", "both")


class AutoencoderTrainer:
    """One stage (level, phase) of training; `step` trains on a batch of waves and returns its losses."""

    def __init__(self, config: AutoencoderConfig, settings: AutoencoderSettings, level: str, phase: int) -> None:
        if level not in LEVELS:
            raise ValueError(f"level: {level!r}, must be one of {', '.join(LEVELS)}")
        if phase not in (1, 2):
            raise ValueError(f"phase: {phase}, must be 1 or 2")
        self.config, self.settings, self.level, self.phase = config, settings, level, phase
        torch.manual_seed(settings.seed)
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.trained = nn.ModuleList(self._trained_parts())
        for module in (self.encoder, self.decoder):
            module.requires_grad_(False)
        self.trained.requires_grad_(True)
        # linear shortcuts start as principal components: moved as fast as the rest, they only get worse
        named = [(name, p) for name, p in self.trained.named_parameters()]
        groups = [
            {"params": [p for name, p in named if "shortcut" not in name], "share": 1.0, "weight_decay": 1e-3},
            {"params": [p for name, p in named if "shortcut" in name], "share": settings.shortcut_rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, settings.learning_rate, (settings.beta1, 0.99), weight_decay=0.0)
        self.adversary = WaveAdversary(settings) if phase == 2 else None
        self.ema = Ema(self.trained)
        self.bin_weights = torch.ones(()) if settings.paper_losses else bin_weights(self.decoder.sizes)
        self.wave_loss: nn.Module = MultiScaleSpectralDistance() if settings.paper_losses else MultiResolutionLoss()
        self.steps = 0

    def _trained_parts(self) -> list[nn.Module]:
        levels = {"1": ("level1",), "2": ("level2",), "both": ("level1", "level2")}[self.level]
        modules = [self.decoder] if self.phase == 2 else [self.encoder, self.decoder]
        return [getattr(module, name) for module in modules for name in levels]

    @property
    def excerpt_frames(self) -> int:
        """Samples of one training excerpt, context included."""
        return self.settings.latents * self.config.r_time + 2 * self.encoder.context

    def through_latents(self, log_magnitude: Tensor) -> tuple[Tensor, Tensor]:
        """Log-magnitudes of excerpts to (level-1 latents to decode, latent loss) of their inner part.

        The latent loss keeps both bottlenecks away from the ends of tanh and level 2 close to level 1.
        """
        s = self.settings
        before_1 = self.encoder.level1.before_tanh(log_magnitude)
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
        c1_made, latent_loss = self.through_latents(self.encoder.log_magnitude(wave))
        losses: dict[str, Tensor] = {"latent": latent_loss}
        total = latent_loss
        # level 2 may begin by matching level-1 latents alone, which costs a fraction of decoding them
        if s.lambda_rec or self.phase == 2:
            total = total + self._spectral(wave, c1_made, losses, rate_factor)
        if torch.isfinite(total):
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()
            losses["gradient"] = clip_gradients(self.trained, s.clip)
            self.optimizer.step()
            self.ema.update(self.trained, self.steps)
        losses["total"] = total
        return {k: v.detach() for k, v in losses.items()}

    def _spectral(self, wave: Tensor, c1_made: Tensor, losses: dict[str, Tensor], rate_factor: float) -> Tensor:
        """Losses of what the decoder makes of level-1 latents."""
        s = self.settings
        made = self.decoder.spectra(c1_made, self._somewhere())
        frames, count = made.log_magnitude.shape[2], made.phase.shape[3]
        margin = self.encoder.context - self.decoder.spectrum.context
        spectrum = self.decoder.analyse(wave[..., margin : wave.shape[-1] - margin])
        target_log = self.decoder.spectrum.normalised(spectrum)
        losses["rec"] = ((made.log_magnitude - target_log).abs() * self.bin_weights).mean()
        total = s.lambda_rec * losses["rec"]
        if s.lambda_phase:
            target = spectrum[..., :count]
            # powers below 1 bring the quieter partials in; the ear's bands keep the top octave from ruling
            loud = target.abs() ** s.loudness * self.bin_weights.expand(self.decoder.sizes.bins)[:count]
            angles = target.angle()
            losses["phase"] = phase_derivatives(made.phase, angles, loud)
            total = total + s.lambda_phase * losses["phase"]
            if made.tracked is not None:
                wanted = angles - self.decoder.spectrum.carrier(frames)[:, :count]
                losses["advance"] = advance_error(made.tracked.advance, wanted, loud)
                losses["tonality"] = tonality_error(made.tracked.tonality, wanted, loud)
                total = total + s.lambda_advance * losses["advance"] + s.lambda_tonality * losses["tonality"]
                if made.tracked.relative is not None:
                    losses["relative"] = relative_error(made.tracked.relative, target, s.loudness)
                    total = total + s.lambda_relative * losses["relative"]
        if self.phase == 2 and (s.lambda_wave or s.lambda_adversary):
            noise = self._noise(frames)
            wave_made = self.decoder.synthesise(made, noise)
            margin = self.encoder.context
            heard, wanted = one_view(wave_made, wave[..., margin : wave.shape[-1] - margin])
            losses["wave"] = self.wave_loss(heard, wanted)
            total = total + s.lambda_wave * losses["wave"]
            if s.lambda_adversary and self.adversary is not None:
                total = total + self.adversary.step(heard, wanted, losses, rate_factor)
        return total

    def _noise(self, frames: int) -> Tensor | None:
        """A random stretch of the decoder's noise; None where it uses none."""
        if self.decoder.tracker is None:
            return None
        return self.decoder.noise.frames(self._somewhere(), frames)

    @staticmethod
    def _somewhere() -> int:
        """A random position, so that no excerpt learns the noise or the angles of one place."""
        return int(torch.randint(1 << 20, ()))

    def start_from_components(self, waves: Tensor) -> None:
        """Begin with principal components of example waves `[N, 2, t]`."""
        if self.config.channels == 1:
            waves = waves.flatten(0, 1)[:, None]
        start_from_components(self.encoder, self.decoder, waves, even=self.settings.paper_losses)
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


def averaged_weights(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Encoder and decoder weights of a checkpoint with the moving averages in place of what was trained."""
    trainer = AutoencoderTrainer(
        autoencoder_from_dict(state["config"]), AutoencoderSettings(), state["level"], state["phase"]
    )
    trainer.encoder.load_state_dict(state["encoder"])
    trainer.decoder.load_state_dict(state["decoder"])
    trainer.trained.load_state_dict(state["ema"])
    return trainer.encoder.state_dict(), trainer.decoder.state_dict()


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
            trainer.start_from_components(torch.from_numpy(np.concatenate(batches)))

    def update(step: int, rate_factor: float) -> dict[str, Tensor]:
        wave = torch.from_numpy(np.ascontiguousarray(data.batch(step, settings.batch)))
        return trainer.step(wave, rate_factor)

    last = train(run, trainer, update, settings, minutes=minutes, max_steps=max_steps, report=report)
    if phase == 2 and trainer.decoder.tracker is not None:
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
