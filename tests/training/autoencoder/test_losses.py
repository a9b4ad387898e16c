"""Losses are smallest where they should be."""

from __future__ import annotations

import math

import pytest
import torch

from training.autoencoder.discriminators import WaveDiscriminator
from training.autoencoder.losses import (
    MultiResolutionLoss,
    MultiScaleSpectralDistance,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    magnitudes,
    phase_derivatives,
    relative_error,
    relativistic,
)


def test_a_full_scale_sine_reads_one() -> None:
    wave = torch.sin(2 * math.pi * 64 / 1024 * torch.arange(8192))[None]
    assert magnitudes(wave, 1024, 256).amax().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("loss", [MultiResolutionLoss(), MultiScaleSpectralDistance()])
def test_spectral_losses_grow_with_the_difference(loss: torch.nn.Module) -> None:
    torch.manual_seed(0)
    wave = torch.randn(2, 8192) * 0.1
    values = [float(loss(wave + k * torch.randn(2, 8192), wave)) for k in (0.001, 0.01, 0.1)]
    assert values == sorted(values)


def test_silence_has_finite_gradients() -> None:
    wave = torch.zeros(1, 8192, requires_grad=True)
    MultiResolutionLoss()(wave, torch.zeros(1, 8192)).backward()
    assert wave.grad is not None
    assert torch.isfinite(wave.grad).all()


def test_a_constant_phase_error_costs_only_the_absolute_part() -> None:
    phase = torch.rand(1, 2, 8, 9) * 6
    weight = torch.ones_like(phase)
    assert phase_derivatives(phase, phase, weight).item() == pytest.approx(0, abs=1e-6)
    assert phase_derivatives(phase + math.pi, phase, weight).item() == pytest.approx(0.2, abs=1e-5)
    assert phase_derivatives(phase + 2 * math.pi, phase, weight).item() == pytest.approx(0, abs=1e-5)
    slope = torch.arange(8.0)[None, None, :, None] * 0.5
    assert phase_derivatives(phase + slope, phase, weight) > 0.05


def test_a_lead_costs_nothing_where_it_is_right_and_least_as_zero_where_it_is_anyones_guess() -> None:
    torch.manual_seed(0)
    sound = torch.randn(2, 2, 64, 20, dtype=torch.complex64)
    lead = sound[:, 1:] * sound[:, :1].conj()
    lead = lead / lead.abs()
    assert relative_error(lead, sound, 0.7).item() == pytest.approx(0, abs=1e-5)
    assert relative_error(-lead, sound, 0.7).item() == pytest.approx(4, rel=1e-3)
    unknown = [relative_error(torch.full_like(lead, length), sound, 0.7).item() for length in (0.0, 0.5, 1.0)]
    assert unknown[0] == pytest.approx(1, rel=1e-3)
    assert unknown == sorted(unknown)


def test_adversarial_losses_point_the_right_way() -> None:
    good, bad = [torch.full((2, 3), 2.0)], [torch.full((2, 3), -2.0)]
    assert hinge_discriminator(good, bad) == 0
    assert hinge_discriminator(bad, good) == 6
    assert hinge_generator(good) < hinge_generator(bad)
    assert relativistic(good, bad) < relativistic(bad, good)
    assert feature_matching(good, good) == 0
    assert feature_matching(good, bad) > 1


def test_wave_discriminators_score_every_size() -> None:
    scores, features = WaveDiscriminator(((512, 128), (256, 64)), 4)(torch.randn(3, 4096))
    assert [s.shape[0] for s in scores] == [3, 3]
    assert len(features) == 8
