"""The second phase of two ears: what is told is judged as an image, silence and all."""

from __future__ import annotations

import numpy as np
import torch

from musika_daw.instrument.models import TINY_EARS
from musika_daw.instrument.models.ears import Layout
from training.autoencoder.adversary import Adversary
from training.autoencoder.discriminators import TellingDiscriminator
from training.autoencoder.trainer import AutoencoderTrainer
from training.runs.recipes import AutoencoderSettings

SETTINGS = AutoencoderSettings(batch=4, latents=12, warmup_steps=1, discriminator_width=4, learning_rate=2e-3)


def _told(layout: Layout, steps: int, batch: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    told = layout.split(torch.randn(batch, steps, layout.told, generator=generator))
    return {name: part.clone() for name, part in told.items()}


def test_what_sounds_no_different_is_not_seen() -> None:
    layout = Layout.of(TINY_EARS.autoencoder)
    judge = TellingDiscriminator(layout.channels, 4).eval()
    told, beyond = _told(layout, 24), _told(layout, 24)
    for name in ("bands", "tones"):
        told[name][:, :, 8:12] = -60.0
        beyond[name][:, :, 8:12] = -90.0
    told["tonality"][:, :, 3:6], beyond["tonality"][:, :, 3:6] = 1.0, 7.0
    with torch.no_grad():
        for one, other in zip(judge(told)[0], judge(beyond)[0]):
            torch.testing.assert_close(one, other)
        louder = {name: part + 1.0 for name, part in told.items()}
        assert any(not torch.allclose(one, other) for one, other in zip(judge(told)[0], judge(louder)[0]))


def test_it_learns_to_tell_what_is_made_from_what_is_real() -> None:
    layout = Layout.of(TINY_EARS.autoencoder)
    torch.manual_seed(0)
    adversary = Adversary(TellingDiscriminator(layout.channels, 4), SETTINGS)
    real = _told(layout, 24)
    flat = {name: part.mean((-1,), keepdim=True).expand_as(part) for name, part in real.items()}
    losses: dict[str, torch.Tensor] = {}
    seen = []
    for _ in range(40):
        adversary.step(flat, real, losses, 1.0)
        seen.append(losses["discriminator"].item())
    assert seen[-1] < 0.7 * seen[0]


def test_silence_has_a_gradient_and_the_encoder_stays() -> None:
    torch.manual_seed(0)
    trainer = AutoencoderTrainer(TINY_EARS.autoencoder, SETTINGS, "both", 2)
    before = {name: weight.clone() for name, weight in trainer.encoder.state_dict().items()}
    rng = np.random.default_rng(0)
    wave = rng.standard_normal((4, 2, trainer.excerpt_frames)).astype(np.float32) * 0.1
    wave[1], wave[2, :, 2000:] = 0.0, 0.0
    for _ in range(3):
        losses = trainer.step(torch.from_numpy(wave))
        assert all(torch.isfinite(loss).all() for loss in losses.values())
    assert {"discriminator", "adversary", "features"} <= losses.keys()
    assert all(torch.equal(before[name], weight) for name, weight in trainer.encoder.state_dict().items())
