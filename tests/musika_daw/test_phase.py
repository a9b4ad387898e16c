"""Phase tracking: tones keep time however a piece is cut, noise does not repeat or jump."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from musika_daw.models import STUDIO, TINY, Decoder, PhaseTracker
from musika_daw.models.noise import PERIOD, NoiseTable
from musika_daw.models.phase import MEMORY
from musika_daw.models.spectrum import Spectrum

SIZES = STUDIO.autoencoder


def tone(frequency_hz: float, frames: int) -> torch.Tensor:
    """A sine whose complex STFT has `frames` frames, `[1, 2, samples]`."""
    samples = torch.arange(frames * SIZES.hop + SIZES.fft - SIZES.hop) / SIZES.sample_rate_hz
    return 0.3 * torch.sin(2 * torch.pi * frequency_hz * samples).expand(1, 2, -1)


def test_a_tone_between_bins_sounds_at_its_own_pitch_from_magnitudes_alone() -> None:
    decoder, frames = Decoder(SIZES), 256
    assert decoder.tracker is not None
    for frequency_hz in (440.0, 1000.0, 3333.0):
        log = decoder.spectrum.log_magnitude(tone(frequency_hz, frames))
        advice = torch.zeros(1, frames // 2, decoder.tracker.advice)
        advice[..., -decoder.tracker.bands :] = -5
        tracked = decoder.tracker(log, advice, decoder.noise.angles(7, frames))
        phase = tracked.phase + decoder.spectrum.carrier(frames)[:, : SIZES.tracked_bins]
        bins = torch.polar(decoder.spectrum.magnitude(log)[..., : SIZES.tracked_bins], phase)
        wave = decoder.spectrum.resynthesise(torch.nn.functional.pad(bins, (0, SIZES.bins - SIZES.tracked_bins)))
        heard = torch.fft.rfft(wave[0, 0, 8192:49152] * torch.hann_window(40960)).abs()
        found_hz = float(heard.argmax()) * SIZES.sample_rate_hz / 40960
        assert abs(found_hz - frequency_hz) < 3, (frequency_hz, found_hz)


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
    own = slice(tracker.stride * tracker.tracked, (tracker.stride + 1) * tracker.tracked)
    advice.unflatten(2, (2, -1))[..., own] = 1.5
    turned = tracker(log, advice, decoder.noise.angles(3, frames)).phase - plain
    # the bins around 1000 Hz, from the attack on: less and less as the sum forgets it
    near = turned[:, :, 34:44, 21:26]
    assert_close(torch.cos(near - 1.5), torch.ones_like(near), atol=0.1, rtol=0)


def test_phases_remember_so_far_and_no_further() -> None:
    tracker = PhaseTracker(TINY.autoencoder)
    frames, stride = 3 * MEMORY, TINY.autoencoder.level1.stride
    log = torch.randn(1, 2, frames, TINY.autoencoder.bins)
    advice = torch.randn(1, frames // stride, tracker.advice)
    chance = torch.randn(frames)
    whole = tracker(log, advice, chance)
    cut = tracker(log[:, :, MEMORY - 8 :], advice[:, (MEMORY - 8) // stride :], chance[MEMORY - 8 :])
    a, b = (torch.polar(torch.ones_like(t.phase), t.phase)[:, :, -MEMORY:] for t in (whole, cut))
    assert_close(a, b, atol=2e-4, rtol=0)


def test_gradients_reach_all_advice_and_stay_finite() -> None:
    tracker = PhaseTracker(TINY.autoencoder)
    log = torch.randn(1, 2, 32, TINY.autoencoder.bins)
    advice = torch.zeros(1, 16, tracker.advice, requires_grad=True)
    tracked = tracker(log, advice, torch.randn(32))
    (torch.sin(tracked.phase).sum() + tracked.tonality.sum() + tracked.advance.sum()).backward()
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
