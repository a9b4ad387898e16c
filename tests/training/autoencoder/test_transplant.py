"""A decoder's weights for other frames, and weights from before partials."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from musika_daw.instrument.models import PAPER, TINY, AutoencoderConfig, Decoder
from musika_daw.instrument.models.config import TINY_PIANO
from training.autoencoder.transplant import transplanted

OLD, NEW = TINY.autoencoder, TINY_PIANO.autoencoder


def talkative(config: AutoencoderConfig) -> Decoder:
    """A decoder whose last layers say something."""
    torch.manual_seed(3)
    decoder = Decoder(config)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        decoder.gain.uniform_(0.5, 2)
    return decoder


def test_the_same_spectra_in_longer_frames() -> None:
    before, after = talkative(OLD), Decoder(NEW)
    after.load_state_dict(transplanted(before.state_dict(), OLD, NEW))
    latents = torch.rand(1, 12, OLD.level2.latent) - 0.5
    first, second = (d.spectra(d.decode_2(latents)) for d in (before, after))
    two_frames = first.log_magnitude.unflatten(2, (-1, 2)).mean(3)
    assert_close(second.log_magnitude[..., ::2], two_frames)
    assert_close(second.log_magnitude[..., 1::2], (two_frames[..., 1:] + two_frames[..., :-1]) / 2)
    assert first.gains is not None
    assert second.gains is not None
    assert_close(second.gains, first.gains)
    assert first.tracked is not None
    assert second.tracked is not None
    # bin 0 and the last tracked one lie at the same frequencies in both
    assert_close(second.tracked.tonality[..., 0], first.tracked.tonality[:, :, ::2, 0])
    assert_close(second.tracked.tonality[..., -1], first.tracked.tonality[:, :, ::2, -1])
    assert_close(after.gain[:, ::2], before.gain)


def test_the_same_kind_takes_all() -> None:
    before, after = talkative(OLD), Decoder(OLD)
    after.load_state_dict(transplanted(before.state_dict(), OLD, OLD))
    latents = torch.rand(1, 12, OLD.level2.latent) - 0.5
    assert_close(after(latents), before(latents))


def test_there_and_back_keeps_the_level_of_bins() -> None:
    before = talkative(OLD)
    there = transplanted(before.state_dict(), OLD, NEW)
    back = transplanted(there, NEW, OLD)
    bias = "level1.shortcut.bias"
    shape = (OLD.level1.stride, OLD.channels, OLD.bins)
    old, new = (w[bias].unflatten(0, shape).mean(0) for w in (before.state_dict(), back))
    assert_close(new, old)


@pytest.mark.parametrize("other", [PAPER.autoencoder, dataclasses.replace(NEW, tracked_bins=0)])
def test_decoders_of_other_latents_or_phases_are_refused(other: AutoencoderConfig) -> None:
    with pytest.raises(ValueError, match="of the same latents") as error:
        transplanted(Decoder(OLD).state_dict(), OLD, other)
    assert "\n" not in str(error.value)


def of_before_partials(decoder: Decoder, *, gains: bool) -> tuple[dict[str, Tensor], Tensor]:
    """Weights as they were laid out before partials, and what of them is still meant."""
    tracker, sizes = decoder.tracker, decoder.sizes
    assert tracker is not None
    state = decoder.state_dict()
    head = state["level1.outward.1.bias"]
    spectra = sizes.channels * sizes.bins * sizes.level1.stride
    told = torch.randn(sizes.channels, (tracker.stride + 2) * tracker.tracked + tracker.bands)
    curves = sizes.channels * decoder.curve.advice
    kept = torch.zeros(len(head))
    kept[:spectra] = head[:spectra]
    tonality = told[:, (tracker.stride + 1) * tracker.tracked :][:, : tracker.tracked]
    kept[spectra + tracker.place("tonality") :][: tonality.numel()] = tonality.flatten()
    old = [head[:spectra], told.flatten()]
    if gains:
        old.append(head[-curves:])
        kept[-curves:] = head[-curves:]
    rows = torch.cat(old)
    weight = state["level1.outward.1.weight"]
    state["level1.outward.1.bias"] = rows
    state["level1.outward.1.weight"] = torch.zeros(len(rows), weight.shape[1])
    return state, kept


@pytest.mark.parametrize("gains", [True, False])
def test_weights_from_before_partials_load(gains: bool) -> None:
    state, kept = of_before_partials(talkative(OLD), gains=gains)
    decoder = Decoder(OLD)
    decoder.load_state_dict(state)
    assert_close(decoder.state_dict()["level1.outward.1.bias"], kept)


def test_weights_of_another_size_are_refused() -> None:
    state = talkative(OLD).state_dict()
    state["level1.outward.1.bias"] = state["level1.outward.1.bias"][:-1]
    with pytest.raises(RuntimeError, match="size mismatch"):
        Decoder(OLD).load_state_dict(state)
