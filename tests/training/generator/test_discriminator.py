"""What judges latents, where rounding makes rows alike."""

from __future__ import annotations

import pytest
import torch

from musika_daw.instrument.models import config_named
from musika_daw.instrument.models.precision import set_precision
from training.generator.discriminator import LatentDiscriminator


@pytest.mark.parametrize("precision", [None, torch.bfloat16])
def test_rows_that_are_equal_have_a_gradient(precision: torch.dtype | None) -> None:
    torch.manual_seed(0)
    config = config_named("tiny").generator
    discriminator = LatentDiscriminator(config, 8)
    set_precision([discriminator], precision)
    latents = torch.randn(1, config.seq_len, config.channels).expand(2, -1, -1).clone().requires_grad_(True)
    scores, rebuilt = discriminator(latents, torch.zeros(2, config.seq_len, config.told))
    judged = torch.stack([part.mean() for part in scores]).sum() + rebuilt.mean()
    (gradient,) = torch.autograd.grad(judged, latents, create_graph=True)
    gradient.square().sum().backward()
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0
    for parameter in discriminator.parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all()
