"""Shapes, rates and locality of the networks."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import nn

from musika_daw.instrument.models import (
    PAPER,
    PAPER_PIANO,
    STUDIO,
    STUDIO_PIANO,
    TINY,
    Decoder,
    Encoder,
    ModelConfig,
    Spectrum,
    config_named,
)
from musika_daw.instrument.models.config import autoencoder_from_dict, generator_from_dict, to_dict
from musika_daw.instrument.models.generator import build_generator
from musika_daw.score.conditioning import CHANNELS


@pytest.mark.parametrize(("fft", "hop"), [(1024, 256), (512, 64), (2048, 512)])
def test_synthesis_inverts_analysis(fft: int, hop: int) -> None:
    spectrum = Spectrum(fft, hop)
    wave = torch.randn(2, 40 * hop + 2 * spectrum.context)
    bins = torch.fft.rfft(wave.unfold(-1, fft, hop) * spectrum.window)
    inner = spectrum.resynthesise(bins)
    edge = fft  # the first and last frames miss their neighbours
    want = wave[:, spectrum.context : -spectrum.context]
    torch.testing.assert_close(inner[:, edge:-edge], want[:, edge:-edge], atol=1e-5, rtol=0)


def test_magnitude_and_phase_give_the_wave_back() -> None:
    spectrum = Spectrum(1024, 256)
    wave = torch.sin(torch.arange(30 * 1024) * 0.05)[None] * 0.5
    bins = torch.fft.rfft(wave.unfold(-1, 1024, 256) * spectrum.window)
    made = spectrum.wave(spectrum.log_magnitude(wave), bins.angle())
    want = wave[:, spectrum.context : -spectrum.context]
    # the floor under the logarithm is what is left
    assert (made - want)[:, 2048:-2048].abs().max() < 0.02


def test_hop_must_divide_the_window() -> None:
    with pytest.raises(ValueError, match="hop: 300"):
        Spectrum(1024, 300)


@pytest.mark.parametrize(
    ("config", "rates_hz", "latents"),
    [(PAPER, (86.13, 10.77), (128, 64)), (PAPER_PIANO, (86.13, 5.38), (128, 32)), (STUDIO, (86.13, 21.53), (128, 64))],
)
def test_latent_rates_and_sizes(config: ModelConfig, rates_hz: tuple[float, float], latents: tuple[int, int]) -> None:
    sizes = config.autoencoder
    assert sizes.sample_rate_hz / sizes.r_time_1 == pytest.approx(rates_hz[0], abs=0.01)
    assert sizes.latent_rate_hz == pytest.approx(rates_hz[1], abs=0.01)
    assert (sizes.level1.latent, sizes.level2.latent) == latents


def test_the_paper_s_compression_and_patch_lengths() -> None:
    assert (PAPER.autoencoder.r_time_1, PAPER.autoencoder.r_time, PAPER_PIANO.autoencoder.r_time) == (256, 2048, 4096)
    for config in (PAPER, PAPER_PIANO):
        seconds = config.generator.seq_len / config.autoencoder.latent_rate_hz
        assert seconds == pytest.approx(11.9, abs=0.05)
        assert config.generator.stereo_stack == 2
        assert config.generator.coordinate == config.generator.style == 64


@pytest.mark.parametrize("config", [PAPER, STUDIO, TINY])
def test_a_wave_becomes_latents_within_one_and_a_wave_again(config: ModelConfig) -> None:
    encoder, decoder = Encoder(config.autoencoder), Decoder(config.autoencoder)
    sizes, count = config.autoencoder, 6
    wave = torch.randn(2, sizes.channels, count * sizes.r_time + 2 * encoder.context)
    latents = encoder(wave)
    assert latents.shape == (2, count, sizes.level2.latent)
    assert latents.abs().max() <= 1
    assert decoder(latents).shape == (2, sizes.channels, count * sizes.r_time)


def test_encoders_are_unpadded() -> None:
    """A latent does not change with what lies outside its context."""
    encoder = Encoder(TINY.autoencoder).eval()
    r_time = TINY.autoencoder.r_time
    wave = torch.randn(1, 2, 12 * r_time + 2 * encoder.context)
    whole = encoder(wave)
    part = encoder(wave[..., 4 * r_time : 8 * r_time + 2 * encoder.context])
    torch.testing.assert_close(part, whole[:, 4:8], atol=1e-5, rtol=0)


@pytest.mark.parametrize("config", [TINY, STUDIO, STUDIO_PIANO, PAPER])
def test_a_decoded_latent_depends_on_its_context_only(config: ModelConfig) -> None:
    # in double precision: what a piece's length does to the last bits of matrix products is not the question here
    single = talkative(Decoder(config.autoencoder))
    decoder = copy.deepcopy(single).double()
    span = decoder.context_before + decoder.context_after + 3
    latents = torch.rand(1, span + 20, config.autoencoder.level2.latent, dtype=torch.float64) * 2 - 1
    r_time = config.autoencoder.r_time
    whole = decoder(latents, first=-10)
    part = decoder(latents[:, 10 : 10 + span], first=0)
    inner = slice(decoder.context_before * r_time, (decoder.context_before + 3) * r_time)
    shifted = whole[..., 10 * r_time :]
    torch.testing.assert_close(part[..., inner], shifted[..., inner], atol=1e-9, rtol=0)
    # and as it is used; with several threads the last bits of matrix products depend on their sizes
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = single(latents.float(), first=-10)[..., 10 * r_time :]
        part = single(latents[:, 10 : 10 + span].float(), first=0)
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(part[..., inner], whole[..., inner], atol=3e-5, rtol=0)


@pytest.mark.parametrize("config", [TINY, STUDIO])
@pytest.mark.parametrize("ring", [None, 24])
def test_latents_that_are_but_remembered_need_no_samples(config: ModelConfig, ring: int | None) -> None:
    decoder = talkative(Decoder(config.autoencoder))
    before, r_time = decoder.context_before, config.autoencoder.r_time
    latents = torch.rand(1, before + 5 + decoder.context_after, config.autoencoder.level2.latent) * 2 - 1
    whole = decoder(latents, first=3, ring=ring)
    part = decoder(latents, first=3, ring=ring, unheard=decoder.memory)
    assert part.shape[-1] == whole.shape[-1] - decoder.memory * r_time
    inner = slice((before - decoder.memory) * r_time, (before - decoder.memory + 5) * r_time)
    torch.testing.assert_close(part[..., inner], whole[..., decoder.memory * r_time :][..., inner], atol=1e-5, rtol=0)


def talkative(decoder: Decoder) -> Decoder:
    """A decoder whose heads, silent at first, say something."""
    for level in (decoder.level1, decoder.level2):
        nn.init.normal_(level.outward[1].weight, std=0.05)  # type: ignore[arg-type]
    return decoder.eval()


@pytest.mark.parametrize("config", [PAPER, PAPER_PIANO])
def test_adjacent_patches_depend_only_on_their_own_coordinates_and_the_style(config: ModelConfig) -> None:
    generator = build_generator(dataclasses.replace(config.generator, width=64)).eval()
    size, sizes = config.generator.seq_len, config.generator
    where, style = torch.randn(1, 2 * size, sizes.coordinate), torch.randn(1, sizes.style)
    told = torch.randn(1, 2 * size, CHANNELS)
    both = generator(where, style, told)
    assert both.shape == (1, 2 * size, sizes.channels)
    first = generator(where[:, :size], style, told[:, :size])
    torch.testing.assert_close(first, both[:, :size], atol=1e-5, rtol=0)
    elsewhere = where.clone()
    elsewhere[:, size:] += 1
    changed = generator(elsewhere, style, told)
    torch.testing.assert_close(changed[:, :size], both[:, :size], atol=1e-5, rtol=0)
    assert (changed[:, size:] - both[:, size:]).abs().max() > 1e-3
    assert (generator(where, style + 1, told) - both).abs().max() > 1e-3


def test_patches_must_be_whole() -> None:
    generator = build_generator(dataclasses.replace(PAPER.generator, width=64))
    with pytest.raises(ValueError, match="multiple of seq_len 128"):
        generator(torch.zeros(1, 100, 64), torch.zeros(1, 64), torch.zeros(1, 100, CHANNELS))


def test_a_convolutional_frame_depends_on_its_context_only() -> None:
    sizes = STUDIO.generator
    generator = build_generator(sizes).eval()
    frames = 2 * sizes.context + 9
    where, style, told = torch.randn(1, frames, 64), torch.randn(1, 64), torch.randn(1, frames, CHANNELS)
    base = generator(where, style, told)
    told[:, 0] += 10
    moved = (generator(where, style, told) - base).abs().amax((0, 2))
    assert moved[sizes.context + 1 :].max() == 0
    assert moved[:4].max() > 0


def test_configurations_survive_json() -> None:
    for config in (PAPER, STUDIO, TINY):
        assert autoencoder_from_dict(to_dict(config.autoencoder)) == config.autoencoder
        assert generator_from_dict(to_dict(config.generator)) == config.generator


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="must be one of paper"):
        config_named("huge")
    with pytest.raises(ValueError, match="generator kind"):
        build_generator(dataclasses.replace(TINY.generator, kind="diffusion"))


def test_against_its_carrier_a_tone_s_phase_moves_slowly() -> None:
    """That is what lets a network of few frames a second keep a tone steady."""
    spectrum = Spectrum(1024, 256)
    bin_hz, frames = 44_100 / 1024, 40
    samples = torch.arange(frames * 256 + 2 * spectrum.context)
    for offset in (-0.4, 0.0, 0.4):
        tone = torch.sin(2 * torch.pi * (21 + offset) * bin_hz / 44_100 * samples)[None]
        residual = spectrum.analyse(tone)[0].angle() - spectrum.carrier(frames)
        turn = torch.remainder(residual.diff(dim=0) + torch.pi, 2 * torch.pi) - torch.pi
        torch.testing.assert_close(turn[:, 21], torch.full((frames - 1,), offset * torch.pi / 2), atol=1e-2, rtol=0)
        step = torch.remainder(residual[::4, 21:23].diff(dim=1) + torch.pi, 2 * torch.pi) - torch.pi
        assert step.abs().max() < 0.01


def test_the_carrier_repeats_with_every_latent() -> None:
    spectrum = Spectrum(1024, 256)
    long = spectrum.carrier(24)
    torch.testing.assert_close(long[8:16], long[:8], atol=0, rtol=0)
