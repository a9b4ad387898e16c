"""Trains a latent generator (paper, section 3.2): a pure GAN, or warm-started by regression.

Warm start: an inference network reads a real sequence and guesses style and anchors (KL to the N(0, 1)
they are drawn from at inference); the generator rebuilds the sequence from them. The adversary sharpens
samples from the prior at the same time. Regression soon gives means, which sound like a blur of noise, so from
`regress_until_step` on (0: never) the adversary is alone. Generator and inference are the same either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models.config import GeneratorConfig, generator_from_dict, to_dict
from musika_daw.instrument.models.generator import ResNetGenerator, build_generator
from musika_daw.score import conditioning
from musika_daw.system.refusal import refused
from training.autoencoder.losses import relativistic
from training.generator.discriminator import (
    ConditionReader,
    CrossChannelMixing,
    LatentDiscriminator,
    LatentInference,
    without_drums,
)
from training.generator.examples import Pieces
from training.generator.excerpts import ANCHORS, Batch, LatentExcerpts
from training.generator.regression import Batches, solve, solve_timbre
from training.latents.encode import LatentCorpus
from training.runs.loop import train
from training.runs.recipes import GanSettings
from training.runs.run import Ema, Report, Run, clip_gradients, load_checkpoint

# about a beat: 21.5 latents a second, 100 to 150 bpm
SLOW_FRAMES = (9, 11, 13)


class GanTrainer:
    """Generator, its average, discriminator and (warm start) inference network."""

    def __init__(self, config: GeneratorConfig, settings: GanSettings) -> None:
        self.config, self.settings = config, settings
        torch.manual_seed(settings.seed)
        self.generator = build_generator(config)
        self.discriminator = LatentDiscriminator(config, settings.discriminator_width)
        self.inference = LatentInference(config) if settings.warm_start else None
        betas = (settings.beta1, 0.99)
        makers = list(self.generator.parameters())
        if self.inference is not None:
            makers += list(self.inference.parameters())
        self.optimizer = torch.optim.AdamW(makers, settings.learning_rate, betas, weight_decay=1e-4)
        self.optimizer_d = torch.optim.AdamW(
            self.discriminator.parameters(), settings.learning_rate, betas, weight_decay=1e-4
        )
        self.optimizers: list[torch.optim.Optimizer] = [self.optimizer, self.optimizer_d]
        self.reader = None
        if settings.lambda_obey:
            self.reader = ConditionReader(config, settings.reader_width, settings.reader_blocks, settings.bar_weight)
            self.optimizer_r = torch.optim.AdamW(self.reader.parameters(), 2 * settings.learning_rate, betas)
            self.optimizers.append(self.optimizer_r)
        self.mixing, self.ema = CrossChannelMixing(), Ema(self.generator, settings.average)
        self.steps = 0

    @property
    def networks(self) -> list[nn.Module]:
        """All that a step runs."""
        every = (self.generator, self.discriminator, self.inference, self.reader)
        return [network for network in every if network is not None]

    def start_from_line(self, data: Batches) -> None:
        """Begin with what straight lines from score and style explain, where a score of parts is told."""
        if isinstance(self.generator, ResNetGenerator) and self.generator.line is not None:
            s = self.settings
            solve(self.generator.line, data, s.line_batches, s.batch)
            if self.generator.timbre is not None and s.style_told:
                solve_timbre(self.generator, self.generator.timbre, data, s.line_batches, s.batch)
            self.ema = Ema(self.generator, s.average)

    def step(self, batch: Batch, rate_factor: float = 1.0) -> dict[str, Tensor]:
        """One update of discriminator and generator; returns named scalar losses.

        The reader learns from the whole batch, all others from its first 1 / `reader_batches`.
        """
        s = self.settings
        whole, size = batch, batch.latents.shape[0] // s.reader_batches
        batch = batch.first(size)
        for optimizer, pace in ((self.optimizer, 1.0), (self.optimizer_d, s.discriminator_pace)):
            for group in optimizer.param_groups:
                group["lr"] = s.learning_rate * rate_factor * pace
        adversary = self.steps >= s.adversary_from_step
        losses: dict[str, Tensor] = {}
        total = batch.latents.new_zeros(())
        if self.reader is not None:
            self._train_reader(self.reader, whole, rate_factor, losses)
        if adversary:
            anchors = torch.randn(size, ANCHORS, self.config.coordinate)
            style = torch.randn(size, self.config.style)
            made = self.generator(batch.weights @ anchors, style, batch.conditions)
            share = torch.rand(size) * 0.5 if self.config.stereo_stack == 2 else None
            self._train_discriminator(batch, made.detach(), share, losses)
            self.discriminator.requires_grad_(False)
            scores, _ = self.discriminator(self._mixed(made, share), batch.conditions)
            with torch.no_grad():
                real_scores, _ = self.discriminator(self._mixed(batch.latents, share), batch.conditions)
            losses["adversary"] = relativistic(scores, real_scores)
            total = total + s.lambda_adversary * losses["adversary"]
            if self.reader is not None:
                losses["obey"] = self.reader.error(self._heard(made), batch.conditions)
                total = total + s.lambda_obey * losses["obey"]
        warm = not s.regress_until_step or self.steps < s.regress_until_step
        if self.inference is not None and warm:
            total = total + self._regress(batch, losses)
        if torch.isfinite(total):
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()
            losses["gradient"] = clip_gradients(self.generator, s.clip)
            if self.steps < s.hold_until_step:
                self.generator.zero_grad(set_to_none=True)  # left as it is, by the decay of weights too
            self.optimizer.step()
            self.ema.update(self.generator, self.steps)
        self.discriminator.requires_grad_(True)
        losses["total"] = total
        return {k: v.detach() for k, v in losses.items()}

    def _train_reader(
        self, reader: ConditionReader, batch: Batch, rate_factor: float, losses: dict[str, Tensor]
    ) -> None:
        reader.requires_grad_(True)
        for group in self.optimizer_r.param_groups:
            group["lr"] = 2 * self.settings.learning_rate * rate_factor
        losses["reader"] = reader.error(self._heard(batch.latents), batch.conditions)
        self.optimizer_r.zero_grad(set_to_none=True)
        losses["reader"].backward()
        self.optimizer_r.step()
        reader.requires_grad_(False)

    def _heard(self, latents: Tensor) -> Tensor:
        """What the reader is given: a share of the rows without drums."""
        if not (share := self.settings.reader_without_drums):
            return latents
        rows = torch.rand(len(latents)) < share
        return without_drums(latents, rows, SLOW_FRAMES[int(torch.randint(len(SLOW_FRAMES), ()))])

    def _mixed(self, latents: Tensor, share: Tensor | None) -> Tensor:
        return latents if share is None else self.mixing(latents, share)

    def _regress(self, batch: Batch, losses: dict[str, Tensor]) -> Tensor:
        assert self.inference is not None
        s = self.settings
        guesses = self.inference(batch.latents, batch.conditions, batch.weights)
        style, anchors = (mean + torch.exp(0.5 * log) * torch.randn_like(mean) for mean, log in guesses)
        if batch.style is not None:
            style = batch.style + s.style_noise * torch.randn_like(batch.style[:, :1])
        rebuilt = self.generator(batch.weights @ anchors, style, batch.conditions)
        losses["rec"] = F.l1_loss(rebuilt, batch.latents)
        used = (batch.weights.sum(1) > 0).float()[..., None]
        of_style, of_anchors = (_kl(mean, log) for mean, log in guesses)
        losses["kl"] = of_style.sum() / len(batch.latents)
        losses["kl_anchors"] = (of_anchors * used).sum() / len(batch.latents)
        if batch.style is None:
            priced = losses["kl"] + s.anchor_price * losses["kl_anchors"]
        else:
            priced = s.anchor_price * losses["kl_anchors"]
        return s.lambda_rec * losses["rec"] + s.lambda_kl * priced

    def _train_discriminator(self, batch: Batch, made: Tensor, share: Tensor | None, losses: dict[str, Tensor]) -> None:
        s = self.settings
        real = self._mixed(batch.latents, share)
        penalise = s.r1 > 0 and self.steps % s.r1_every == 0
        real.requires_grad_(penalise)
        real_scores, rebuilt = self.discriminator(real, batch.conditions)
        fake_scores, _ = self.discriminator(self._mixed(made, share), batch.conditions)
        losses["discriminator"] = relativistic(real_scores, fake_scores)
        losses["rebuild"] = F.l1_loss(rebuilt, real.detach())
        loss = losses["discriminator"] + s.lambda_rebuild * losses["rebuild"]
        if penalise:
            judged = torch.stack([scores.mean(1) for scores in real_scores]).sum()
            (gradient,) = torch.autograd.grad(judged, real, create_graph=True)
            losses["r1"] = gradient.square().sum((1, 2)).mean()
            loss = loss + 0.5 * s.r1 * s.r1_every * losses["r1"]
            real.requires_grad_(False)
        self.optimizer_d.zero_grad(set_to_none=True)
        loss.backward()
        clip_gradients(self.discriminator, s.clip)
        self.optimizer_d.step()

    def state(self) -> dict[str, Any]:
        """Everything a resumed run needs."""
        state: dict[str, Any] = {
            "generator_config": to_dict(self.config),
            "settings": asdict(self.settings),
            "steps": self.steps,
            "generator": self.generator.state_dict(),
            "ema": self.ema.shadow,
            "discriminator": self.discriminator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "optimizer_d": self.optimizer_d.state_dict(),
            "random": torch.get_rng_state(),
        }
        state["generator_config"]["dilations"] = list(self.config.dilations)
        if self.inference is not None:
            state["inference"] = self.inference.state_dict()
        if self.reader is not None:
            state["reader"] = self.reader.state_dict()
            state["optimizer_r"] = self.optimizer_r.state_dict()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state()`."""
        if generator_from_dict(state["generator_config"]) != self.config:
            raise ValueError("resume: the run's generator has another configuration")
        self.generator.load_state_dict(state["generator"])
        self.ema.shadow = {k: v.clone() for k, v in state["ema"].items()}
        self.discriminator.load_state_dict(state["discriminator"])
        if self.inference is not None:
            self.inference.load_state_dict(state["inference"])
        if self.reader is not None and _fits(self.reader, state.get("reader", {})):
            self.reader.load_state_dict(state["reader"])
            self.optimizer_r.load_state_dict(state["optimizer_r"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.optimizer_d.load_state_dict(state["optimizer_d"])
        self.steps = state["steps"]
        torch.set_rng_state(state["random"])


def _fits(module: nn.Module, saved: dict[str, Tensor]) -> bool:
    """Whether saved weights are of a module of this size; a reader of another size begins anew, it learns fast."""
    return {k: v.shape for k, v in module.state_dict().items()} == {k: v.shape for k, v in saved.items()}


def _kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def train_gan(
    latents: Path,
    out: Path,
    config: GeneratorConfig,
    *,
    settings: GanSettings | None = None,
    minutes: float = 60.0,
    max_steps: int | None = None,
    resume: bool = False,
    init_from: Path | None = None,
    report: Report | None = None,
) -> dict[str, float]:
    """Train a generator in a time box and leave a resumable run in `out`; returns the last mean losses."""
    settings = settings or GanSettings()
    corpus = LatentCorpus(latents)
    if config.channels != len(corpus.mean):
        raise refused("latents", latents, f"{len(corpus.mean)} channels, the generator makes {config.channels}")
    data, trainer = LatentExcerpts(corpus, config, settings), GanTrainer(config, settings)
    run = Run(
        out,
        {"stage": "gan", "config": to_dict(config), "settings": asdict(settings), "latents": str(latents)},
        resume=resume,
    )
    if init_from is not None and not run.checkpoint.exists():
        trainer.restore({**load_checkpoint(init_from), "steps": 0})
    elif not run.checkpoint.exists():
        trainer.start_from_line(data)
    facts = {
        "encoder_hash": corpus.encoder_hash,
        "kind": corpus.kind,
        "mean": torch.from_numpy(corpus.mean),
        "deviation": torch.from_numpy(corpus.deviation),
        "labels": _labels_present(data),
        "autoencoder": to_dict(corpus.config),
    }

    def update(step: int, rate_factor: float) -> dict[str, Tensor]:
        return trainer.step(data.batch(step, settings.batch * settings.reader_batches), rate_factor)

    return train(
        run,
        trainer,
        update,
        settings,
        minutes=minutes,
        max_steps=max_steps,
        facts=facts,
        report=report,
        pairs=Pieces(run, trainer),
    )


def _labels_present(data: LatentExcerpts) -> list[str]:
    present: Sequence[str] = ("phase", "tempo") if data.has_grid else ()
    return [
        g
        for g in conditioning.GROUPS
        # what was always left out was never learned
        if (g in present or g in ("density", "energy")) and getattr(data.settings, f"drop_{g}", 0.0) < 1
    ]
