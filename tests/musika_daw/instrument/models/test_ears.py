"""Two ears: what is heard can be told again, chunked equals whole, and a kick is the same kick."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from musika_daw.instrument.models import STUDIO, TINY_EARS, AutoencoderConfig, mid_side
from musika_daw.instrument.models.config import autoencoder_from_dict, to_dict
from musika_daw.instrument.models.ears import Ears, EarsDecoder, EarsEncoder, Layout, Synthesis
from musika_daw.instrument.models.ears.deep import DeepBand

SIZES: AutoencoderConfig = TINY_EARS.autoencoder
RATE_HZ = SIZES.sample_rate_hz


def through(wave: np.ndarray) -> np.ndarray:
    """`[2, frames]` heard and told again with nothing lost between."""
    ears, synthesis = Ears(SIZES), Synthesis(SIZES)
    rest = -wave.shape[1] % ears.step
    padded = torch.nn.functional.pad(torch.from_numpy(wave).float()[None], (ears.context, ears.context + rest))
    told = ears.both(padded)[1]
    step = ears.layout.join({name: told[name] for name in ears.layout.parts})
    return synthesis(step)[0, :, : wave.shape[1]].numpy()


def kick(frames: int = 16_000) -> np.ndarray:
    time_s = np.arange(frames) / RATE_HZ
    turns = np.cumsum(50 + 150 * np.exp(-time_s / 0.03)) / RATE_HZ
    return 0.7 * np.sin(2 * math.pi * turns) * np.exp(-time_s / 0.12)


def low_band(wave: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(wave)
    frequency_hz = np.fft.rfftfreq(len(wave), 1 / RATE_HZ)
    return np.fft.irfft(spectrum * ((frequency_hz > 30) & (frequency_hz < 120)), len(wave))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(first @ second / math.sqrt((first @ first) * (second @ second)))


def test_parts_of_a_step_are_joined_as_they_were_split() -> None:
    layout = Layout.of(SIZES)
    for size in (layout.heard, layout.told):
        step = torch.randn(2, 5, size)
        torch.testing.assert_close(layout.join(layout.split(step)), step)


def test_a_config_with_one_ear_has_no_such_layout() -> None:
    with pytest.raises(ValueError, match="must have two"):
        Layout.of(STUDIO.autoencoder)


def test_sizes_come_back_from_plain_types() -> None:
    assert autoencoder_from_dict(to_dict(SIZES)) == SIZES


def test_kicks_are_the_same_kick_at_every_beat() -> None:
    starts = [11_000 + 20_507 * i for i in range(6)]
    mono = np.zeros(20_507 * 7)
    for start in starts:
        mono[start : start + 16_000] += kick()
    made = through(np.stack([mono, mono]))
    low = low_band(made.mean(0))
    beats = [low[s - 500 : s + 6000] for s in starts]
    assert min(correlation(beats[0], beat) for beat in beats[1:]) > 0.98
    assert correlation(low, low_band(mono)) > 0.98
    before = [np.sqrt(np.mean(made[:, s - 1300 : s - 132] ** 2)) for s in starts]
    assert 20 * math.log10(max(before) / np.sqrt(np.mean(kick()[:2000] ** 2))) < -18


@pytest.mark.parametrize("note_hz", [220.0, 440.0, 987.8])
def test_a_steady_tone_keeps_its_pitch_and_level(note_hz: float) -> None:
    time_s = np.arange(3 * RATE_HZ) / RATE_HZ
    tone = 0.3 * np.sin(2 * math.pi * note_hz * time_s)
    made = through(np.stack([tone, tone])).mean(0)[RATE_HZ // 2 : -RATE_HZ // 2]
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made))))
    found_hz = np.argmax(spectrum) * RATE_HZ / len(made)
    assert abs(1200 * math.log2(found_hz / note_hz)) < 5
    assert 20 * math.log10(np.sqrt(np.mean(made**2)) / (0.3 / math.sqrt(2))) == pytest.approx(0, abs=0.7)


def test_peaks_are_those_that_were_heard() -> None:
    bits = np.random.default_rng(3)
    loud = np.clip(0.4 * bits.standard_normal((2, 3 * RATE_HZ)), -0.5, 0.5)
    made = through(loud)
    assert np.abs(made).max() <= 0.5 * 1.02
    assert 20 * math.log10(np.abs(made).max() / 0.5) > -1


def test_left_stays_left() -> None:
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = 0.3 * np.sin(2 * math.pi * 660 * time_s)
    left, right = np.sqrt(np.mean(through(np.stack([tone, 0 * tone]))[:, RATE_HZ // 2 :] ** 2, 1))
    assert 20 * math.log10(left / (right + 1e-9)) > 15


def test_silence_is_silent() -> None:
    assert np.abs(through(np.zeros((2, RATE_HZ)))).max() < 1e-4


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 500), st.integers(3, 30))
def test_points_of_the_deep_band_hold_its_wave(first: int, cycles: int) -> None:
    """Whatever its pitch and wherever it begins, a slow glide comes back as it was."""
    deep = DeepBand(160.0, 128, RATE_HZ)
    count = 128 * 128
    time = torch.arange(count + 2 * deep.context, dtype=torch.float64)
    angle = 2 * math.pi * (cycles * time / count + 2 * (time / count) ** 2) + first
    wave = (0.5 * torch.cos(angle)).float()[None]
    points = deep.points(wave)
    made = deep.wave(points.abs(), points.angle())[0]
    want = wave[0, deep.context : -deep.context]
    inner = slice(1024, -1024)
    if 20 < cycles * RATE_HZ / count < 120:
        assert correlation(made[inner].numpy(), want[inner].numpy()) > 0.99


def talkative(seed: int = 1) -> EarsDecoder:
    torch.manual_seed(seed)
    decoder = EarsDecoder(SIZES)
    for level in (decoder.level1, decoder.level2):
        nn.init.normal_(level.outward[1].weight, std=0.05)  # type: ignore[arg-type]
    return decoder.eval().requires_grad_(False)


def encoded() -> Tensor:
    torch.manual_seed(2)
    encoder = EarsEncoder(SIZES).eval()
    return encoder(torch.randn(1, 2, 6 * SIZES.r_time + 2 * encoder.context))


@given(st.floats(33, 150), st.floats(-140, 140), st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_what_is_told_near_a_known_pitch_is_that_pitch(pitch_hz: float, cents: float, rest: int) -> None:
    band = DeepBand(160.0, 128, RATE_HZ)
    turns = 2 * math.pi * 128 / RATE_HZ * pitch_hz
    told = torch.full((1, 80), turns * 2 ** (cents / 1200) - band.middle)
    known = torch.full((1, 80), pitch_hz)
    known[:, :rest] = math.nan
    tuned = band.tuned(told, known)
    assert torch.equal(tuned[:, :rest], told[:, :rest])
    assert tuned[:, rest:] + band.middle == pytest.approx(turns, rel=1e-5)


def test_what_falls_from_far_above_a_known_pitch_keeps_falling() -> None:
    band = DeepBand(160.0, 128, RATE_HZ)
    falling_hz = torch.tensor([[150.0, 95.0, 62.0, 51.0]])
    told = falling_hz * 2 * math.pi * 128 / RATE_HZ - band.middle
    tuned_hz = (band.tuned(told, torch.full((1, 4), 80.0)) + band.middle) * RATE_HZ / 128 / 2 / math.pi
    # 150 Hz is a semitone off twice 80, 95 Hz three off, and the last two are four and eight below
    assert tuned_hz[0].tolist() == pytest.approx([160, 94.8, 62, 51], abs=0.5)


def test_a_wave_becomes_latents_within_one_and_a_wave_again() -> None:
    latents = encoded().detach()
    assert latents.shape == (1, 6, SIZES.level2.latent)
    assert latents.abs().max() <= 1
    assert talkative()(latents).shape == (1, 2, 6 * SIZES.r_time)


def test_the_encoder_is_unpadded() -> None:
    encoder = EarsEncoder(SIZES).eval()
    r_time = SIZES.r_time
    wave = torch.randn(1, 2, 12 * r_time + 2 * encoder.context)
    whole = encoder(wave)
    part = encoder(wave[..., 4 * r_time : 8 * r_time + 2 * encoder.context])
    torch.testing.assert_close(part, whole[:, 4:8], atol=1e-4, rtol=0)


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 40), st.integers(1, 5))
def test_chunked_equals_whole(at: int, count: int) -> None:
    decoder = copy.deepcopy(talkative()).double()
    before, after = decoder.context_before, decoder.context_after
    generator = torch.Generator().manual_seed(at)
    size = (1, before + 46 + after, SIZES.level2.latent)
    latents = torch.rand(size, dtype=torch.float64, generator=generator) * 2 - 1
    whole = decoder(latents, first=-before)
    part = decoder(latents[:, at : at + before + count + after], first=at - before)
    r_time = SIZES.r_time
    wanted = whole[..., (before + at) * r_time : (before + at + count) * r_time]
    made = part[..., before * r_time : (before + count) * r_time]
    assert (made - wanted).abs().max() < 1e-8 * max(1.0, float(wanted.abs().max()))


@pytest.mark.parametrize("ring", [None, 24])
def test_latents_that_are_but_remembered_need_no_samples(ring: int | None) -> None:
    decoder, r_time = talkative(), SIZES.r_time
    before, memory = decoder.context_before, decoder.memory
    latents = torch.rand(2, before + 5 + decoder.context_after, SIZES.level2.latent) * 2 - 1
    whole = decoder(latents, first=3, ring=ring)[..., memory * r_time :]
    part = decoder(latents, first=3, ring=ring, unheard=memory)
    assert part.shape == whole.shape
    inner = slice((before - memory) * r_time, (before - memory + 5) * r_time)
    torch.testing.assert_close(part[..., inner], whole[..., inner], atol=1e-5, rtol=0)


def test_a_circle_equals_itself_however_often_it_was_gone_round() -> None:
    decoder = talkative()
    before, after, ring = decoder.context_before, decoder.context_after, 24
    torch.manual_seed(4)
    around = torch.rand(1, ring, SIZES.level2.latent) * 2 - 1
    index = torch.arange(-before, ring + after) % ring
    once = decoder(around[:, index], first=-before, ring=ring)[..., before * SIZES.r_time :][..., : ring * SIZES.r_time]
    longer = torch.arange(-before - 8, ring + after) % ring
    again = decoder(around[:, longer], first=-before - 8, ring=ring)[..., (before + 8) * SIZES.r_time :]
    again = again[..., : once.shape[-1]]
    assert (once - again).abs().max() < 3e-5 * max(1.0, float(once.abs().max()))


def test_mid_and_side_are_told_apart() -> None:
    """The oscillator is in the middle: of what is only at the side it hears nothing."""
    ears = Ears(SIZES)
    time_s = torch.arange(2 * RATE_HZ) / RATE_HZ
    low = 0.4 * torch.sin(2 * math.pi * 60 * time_s)[: 20 * ears.step + 2 * ears.context]
    side_only = ears.both(mid_side(torch.stack([0 * low, low])[None]))[1]
    assert side_only["level"].max() < -1.2
