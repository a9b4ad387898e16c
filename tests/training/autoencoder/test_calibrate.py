"""Levels of a decoder are set right once, and bin for bin."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from musika_daw.instrument.models import PAPER, TINY, Decoder, Encoder
from training.autoencoder.calibrate import calibrate


def test_what_comes_back_is_as_loud_as_what_went_in() -> None:
    torch.manual_seed(3)
    encoder, decoder = Encoder(TINY.autoencoder).eval(), Decoder(TINY.autoencoder).eval()
    frames = 16 * TINY.autoencoder.r_time + 2 * encoder.context
    waves = 0.01 * torch.randn(8, 2, frames)
    with torch.no_grad():
        # about the level of this noise in every bin, 4 dB too quiet
        level = encoder.log_magnitude(waves).mean()
        decoder.level1.shortcut.bias += level - 0.23  # type: ignore[misc]

    def apart_db() -> float:
        with torch.inference_mode():
            made = decoder(encoder(waves))
        inner = waves[..., encoder.context : encoder.context + made.shape[-1]]
        return float(10 * torch.log10(made.square().mean() / inner.square().mean()))

    before = apart_db()
    calibrate(encoder, decoder, waves)
    after = apart_db()
    assert abs(before) > 2
    assert abs(after) < 0.4
    first = decoder.gain.clone()
    torch.testing.assert_close(calibrate(encoder, decoder, waves), first)


def test_a_decoder_with_phases_of_its_own_is_left_alone() -> None:
    sizes = dataclasses.replace(TINY.autoencoder, tracked_bins=0)
    with pytest.raises(ValueError, match="tracked"):
        calibrate(Encoder(sizes), Decoder(sizes), torch.zeros(1, 2, 40_000))
    assert not hasattr(Decoder(PAPER.autoencoder), "gain")
