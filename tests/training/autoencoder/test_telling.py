"""What counts of what a decoder of two ears tells."""

from __future__ import annotations

import torch
from torch import Tensor

from musika_daw.instrument.models import config_named
from musika_daw.instrument.models.ears import EarsDecoder, EarsEncoder
from training.autoencoder.ears import SHARES, telling_losses, weights_of_bins


def heard() -> tuple[dict[str, Tensor], Tensor]:
    """What is heard of a noise that sets in, with the weights of bins."""
    torch.manual_seed(0)
    config = config_named("tiny-ears").autoencoder
    encoder, decoder = EarsEncoder(config), EarsDecoder(config)
    frames = 4 * config.r_time
    wave = 0.1 * torch.randn(1, 2, frames + 2 * encoder.ears.context)
    wave[..., : wave.shape[-1] // 2] *= 0.01
    return encoder.ears.both(wave)[1], weights_of_bins(decoder)


def test_what_is_told_as_it_was_heard_costs_nothing() -> None:
    wanted, bins = heard()
    losses = telling_losses(wanted, wanted, bins)
    assert set(losses) == set(SHARES)
    for name, loss in losses.items():
        if name != "start":  # a phase is told as a point of the unit circle, also where nothing sounds
            assert float(loss) < 1e-5, name


def test_a_swell_in_place_of_a_strike_costs_more_than_as_much_elsewhere() -> None:
    wanted, bins = heard()
    bands = wanted["bands"]
    rise = (bands[:, :, 2:] - bands[:, :, :-2]).mean((0, 1, 3))
    strike = int(rise.argmax()) + 1
    costs = {}
    for name, at in (("strike", strike), ("later", strike + 6)):
        told = bands.clone()
        told[:, :, at] -= 1.0
        costs[name] = telling_losses({**wanted, "bands": told}, wanted, bins)
    assert float(costs["strike"]["bands"]) == float(costs["later"]["bands"])
    assert costs["strike"]["attack"] > 5 * costs["later"]["attack"]


def test_what_is_wrong_of_the_side_costs_less_than_of_the_mid() -> None:
    wanted, bins = heard()
    costs = []
    for channel in (0, 1):
        told = wanted["tones"].clone()
        told[:, channel] += 0.1
        costs.append(float(telling_losses({**wanted, "tones": told}, wanted, bins)["tones"]))
    assert costs[0] > 2 * costs[1]
