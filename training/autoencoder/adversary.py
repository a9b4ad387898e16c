"""What judges the autoencoder's sound in its second phase, trained beside it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from training.autoencoder.losses import feature_matching, hinge_discriminator, hinge_generator
from training.runs.recipes import AutoencoderSettings

Sample = Tensor | dict[str, Tensor]
"""What is judged: waves `[B, t]`, or told parts by name."""


class Adversary:
    """A discriminator with its optimiser; `step` trains it and returns what the decoder shall lessen."""

    def __init__(self, discriminator: nn.Module, settings: AutoencoderSettings) -> None:
        self.discriminator, self._settings = discriminator, settings
        self.optimizer = torch.optim.AdamW(
            self.discriminator.parameters(), settings.learning_rate, (settings.beta1, 0.99)
        )

    def step(self, made: Sample, real: Sample, losses: dict[str, Tensor], rate_factor: float) -> Tensor:
        """Train on samples, made and real; returns the weighted loss of what was made.

        The parts are put into `losses`: "discriminator", "adversary", "features".
        """
        s = self._settings
        for group in self.optimizer.param_groups:
            group["lr"] = s.learning_rate * rate_factor
        real_scores, _ = self.discriminator(real)
        fake_scores, _ = self.discriminator(_detached(made))
        losses["discriminator"] = hinge_discriminator(real_scores, fake_scores)
        self.optimizer.zero_grad(set_to_none=True)
        losses["discriminator"].backward()
        self.optimizer.step()
        self.discriminator.requires_grad_(False)
        with torch.no_grad():
            _, real_features = self.discriminator(real)
        fake_scores, fake_features = self.discriminator(made)
        self.discriminator.requires_grad_(True)
        losses["adversary"] = hinge_generator(fake_scores)
        total = s.lambda_adversary * losses["adversary"]
        if s.lambda_features:
            losses["features"] = feature_matching(real_features, fake_features)
            total = total + s.lambda_features * losses["features"]
        return total

    def state(self) -> dict[str, Any]:
        """Its part of a checkpoint."""
        return {"discriminator": self.discriminator.state_dict(), "optimizer_d": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint that `state()` is part of."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer_d"])


def _detached(sample: Sample) -> Sample:
    return sample.detach() if isinstance(sample, Tensor) else {name: part.detach() for name, part in sample.items()}
