"""Phase tracking: tones keep time however a piece is cut, noise does not repeat or jump."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from musika_daw.instrument.models import STUDIO, STUDIO_PIANO, TINY, AutoencoderConfig, Decoder, PhaseTracker
from musika_daw.instrument.models.noise import PERIOD, NoiseTable
from musika_daw.instrument.models.phase import MEMORY_SAMPLES
from musika_daw.instrument.models.spectrum import Spectrum

SIZES = STUDIO.autoencoder


def tone(frequency_hz: float, frames: int, sizes: AutoencoderConfig = SIZES) -> torch.Tensor:
    """A sine whose complex STFT has `frames` frames, `[1, 2, samples]`."""
    samples = torch.arange(frames * sizes.hop + sizes.fft - sizes.hop) / sizes.sample_rate_hz
    return 0.3 * torch.sin(2 * torch.pi * frequency_hz * samples).expand(1, 2, -1)


def from_magnitudes(decoder: Decoder, wave: torch.Tensor) -> torch.Tensor:
    """What magnitudes alone sound like, `[1, channels, samples]`, with nothing said by a network."""
    assert decoder.tracker is not None
    log = decoder.spectrum.log_magnitude(wave)
    frames, sizes = log.shape[2], decoder.sizes
    advice = torch.zeros(1, frames // sizes.level1.stride, decoder.tracker.advice)
    tracked = decoder.tracker(log, advice, decoder.noise.angles(7, frames))
    phase = tracked.phase + decoder.spectrum.carrier(frames)[:, : sizes.tracked_bins]
    bins = torch.polar(decoder.spectrum.magnitude(log)[..., : sizes.tracked_bins], phase)
    return decoder.spectrum.resynthesise(torch.nn.functional.pad(bins, (0, sizes.bins - sizes.tracked_bins)))


DECODERS = (STUDIO.autoencoder, STUDIO_PIANO.autoencoder)


@pytest.mark.parametrize("config", DECODERS)
def test_a_tone_between_bins_sounds_at_its_own_pitch_from_magnitudes_alone(config: AutoencoderConfig) -> None:
    decoder, count = Decoder(config), 40960
    for frequency_hz in (110.0, 440.0, 1000.0, 3333.0):
        wave = from_magnitudes(decoder, tone(frequency_hz, 65536 // decoder.sizes.hop, decoder.sizes))
        heard = torch.fft.rfft(wave[0, 0, 8192 : 8192 + count] * torch.hann_window(count)).abs()
        found_hz = float(heard.argmax()) * SIZES.sample_rate_hz / count
        assert abs(found_hz - frequency_hz) < 3, (frequency_hz, found_hz)


@pytest.mark.parametrize("config", DECODERS)
def test_a_steady_tone_stays_as_loud_as_it_is(config: AutoencoderConfig) -> None:
    decoder = Decoder(config)
    for frequency_hz in (437.3, 523.25, 1234.5):
        wave = from_magnitudes(decoder, tone(frequency_hz, 131072 // decoder.sizes.hop, decoder.sizes))
        rms = wave[0, 0, 8192:-8192].unfold(0, 1024, 256).square().mean(-1).sqrt()
        off_db = 20 * (rms * 2**0.5 / 0.3).log10()
        assert float(off_db.std()) < 0.3, frequency_hz
        # now and then, while nothing is struck, a partial slips into another phase
        assert float((off_db.abs() > 1).float().mean()) < 0.02, frequency_hz


def test_two_tones_beside_each_other_keep_their_levels() -> None:
    decoder = Decoder(STUDIO_PIANO.autoencoder)
    frames = 131072 // decoder.sizes.hop
    chord = tone(261.6, frames, decoder.sizes) + 0.3 * tone(392.0, frames, decoder.sizes)
    heard = from_magnitudes(decoder, chord)[0, 0, 8192:-8192]
    power = torch.fft.rfft(heard * torch.hann_window(len(heard))).abs().square()
    hz = torch.fft.rfftfreq(len(heard), 1 / SIZES.sample_rate_hz)
    near = [power[(hz - f).abs() < 12].sum() for f in (261.6, 392.0)]
    assert float(10 * torch.log10(near[0] / near[1])) == pytest.approx(-20 * math.log10(0.3), abs=0.7)
    assert float(sum(near) / power.sum()) > 0.97


def test_the_second_channel_leads_the_first_by_what_the_network_says() -> None:
    decoder, frames = Decoder(SIZES), 64
    tracker = decoder.tracker
    assert tracker is not None
    log = decoder.spectrum.log_magnitude(tone(1000.0, frames))
    advice, chance = torch.zeros(1, frames // tracker.stride, tracker.advice), decoder.noise.angles(3, frames)
    # of whose lead nothing is known, a quarter turn
    silent = tracker(log, advice, chance).phase
    assert_close(silent[:, 1] - silent[:, 0], torch.full_like(silent[:, 0], torch.pi / 2), atol=0.02, rtol=0)
    lead = advice[..., tracker.place("relative") :].unflatten(2, (2, -1))
    lead[..., 0, :] = -50
    against = tracker(log, advice, chance)
    assert_close(against.phase[:, 0], silent[:, 0])
    opposite = torch.full_like(silent[:, 0], -1)
    assert_close(torch.cos(against.phase[:, 1] - against.phase[:, 0]), opposite, atol=1e-3, rtol=0)
    assert against.relative is not None
    assert_close(against.relative, torch.full_like(against.relative, -50))


@pytest.mark.parametrize("place", [8192, 8192 + 77, 8192 + 128, 8192 + 201])
def test_a_click_sounds_where_it_was_from_magnitudes_alone(place: int) -> None:
    decoder, frames = Decoder(SIZES), 64
    assert decoder.tracker is not None
    wave = torch.zeros(1, 2, frames * SIZES.hop + SIZES.fft - SIZES.hop)
    wave[..., place + decoder.spectrum.context] = 1
    log = decoder.spectrum.log_magnitude(wave)
    tracked = decoder.tracker(log, torch.zeros(1, frames // 2, decoder.tracker.advice), decoder.noise.angles(3, frames))
    bins = torch.polar(
        decoder.spectrum.magnitude(log)[..., : SIZES.tracked_bins],
        tracked.phase + decoder.spectrum.carrier(frames)[:, : SIZES.tracked_bins],
    )
    made = decoder.spectrum.resynthesise(torch.nn.functional.pad(bins, (0, SIZES.bins - SIZES.tracked_bins)))[0, 0]
    near = made[place - 64 : place + 64].square().sum() / made.square().sum()
    before = made[: place - 128].square().sum() / made.square().sum()
    assert float(near) > 0.9
    assert float(before) < 0.01
    loud = log[0, 0, :, 10] > log.min() + 1
    assert float(tracked.attack[0, 0, loud.nonzero()[0], 10]) > 0.9


def test_what_the_network_says_of_an_attack_turns_the_tone_that_it_starts() -> None:
    decoder, frames = Decoder(SIZES), 64
    tracker = decoder.tracker
    assert tracker is not None
    wave = tone(1000.0, frames).clone()
    wave[..., : 8192 + 77] = 0
    log = decoder.spectrum.log_magnitude(wave)
    advice = torch.zeros(1, frames // 2, tracker.advice)
    plain = tracker(log, advice, decoder.noise.angles(3, frames)).phase
    advice[..., tracker.place("own") :][..., : tracker.tracked] = 1.5
    turned = tracker(log, advice, decoder.noise.angles(3, frames)).phase - plain
    # the bins around 1000 Hz, from the attack on: less and less as the sum forgets it
    near = turned[:, :, 34:44, 21:26]
    assert_close(torch.cos(near - 1.5), torch.ones_like(near), atol=0.1, rtol=0)


def test_phases_remember_so_far_and_no_further() -> None:
    tracker = PhaseTracker(TINY.autoencoder)
    memory = MEMORY_SAMPLES // TINY.autoencoder.hop
    frames, stride = 3 * memory, TINY.autoencoder.level1.stride
    torch.manual_seed(
        0
    )  # where parts of a sum cancel, rounding turns its angle by more: one draw of some hundred has it
    log = torch.randn(1, 2, frames, TINY.autoencoder.bins)
    advice = torch.randn(1, frames // stride, tracker.advice)
    chance = torch.randn(frames)
    whole = tracker(log, advice, chance)
    cut = tracker(log[:, :, memory - 8 :], advice[:, (memory - 8) // stride :], chance[memory - 8 :])
    a, b = (torch.polar(torch.ones_like(t.phase), t.phase)[:, :, -memory:] for t in (whole, cut))
    assert_close(a, b, atol=2e-4, rtol=0)


def test_gradients_reach_all_advice_and_stay_finite() -> None:
    tracker = PhaseTracker(TINY.autoencoder)
    log = torch.randn(1, 2, 32, TINY.autoencoder.bins)
    advice = torch.zeros(1, 16, tracker.advice, requires_grad=True)
    tracked = tracker(log, advice, torch.randn(32))
    assert tracked.relative is not None
    led = (tracked.relative - (0.6 + 0.8j)).abs().sum()
    (torch.sin(tracked.phase).sum() + tracked.tonality.sum() + tracked.advance.sum() + led).backward()
    assert advice.grad is not None
    assert torch.isfinite(advice.grad).all()
    assert (advice.grad.abs().sum((0, 1)) > 0).float().mean() > 0.9


def test_noise_is_white_periodic_and_closes_in_any_circle() -> None:
    spectrum = Spectrum(1024, 256)
    noise = NoiseTable(spectrum, 2)
    assert_close(noise.frames(-5, 9), noise.frames(PERIOD - 5, 9))
    assert abs(float(noise.frames(0, 512).abs().median()) - 1) < 0.02
    for ring in (40, 688):
        level = spectrum.resynthesise(noise.frames(ring - 16, 32, ring)).square().mean(0)
        joint = level[15 * 256 : 17 * 256].mean() / level[: 12 * 256].mean()
        assert 0.6 < float(joint) < 1.6
        assert_close(noise.frames(ring - 3, 6, ring)[:, 3:], noise.frames(0, 3, ring))
