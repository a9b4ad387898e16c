"""Tones are brought to the partials of notes that are known, and only these."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from musika_daw.instrument.engine import Engine
from musika_daw.instrument.models import TINY_EARS
from musika_daw.instrument.models.ears import Ears, EarsDecoder, Pitches, Synthesis
from musika_daw.instrument.models.ears.harmonics import sharpened, tuned
from musika_daw.instrument.models.spectrum import LOG_SCALE
from musika_daw.instrument.played import Loop
from musika_daw.instrument.tuning import VOICES, sounding
from musika_daw.score.controls import Controls
from musika_daw.score.roll import ROLES, Notes, sorted_notes

SIZES = TINY_EARS.autoencoder
RATE_HZ = SIZES.sample_rate_hz
BIN_HZ, BINS = 44_100 / 4096, 500
FRAME_S = 2048 / 44_100
CHORDS = ROLES.index("chords")


def known(*hz: float, frames: int = 6, chord: tuple[int, ...] | None = None) -> Pitches:
    """Notes that sound in all of so many frames, in one row."""
    of_frame = torch.full((1, frames, VOICES), math.nan)
    of_frame[..., : len(hz)] = torch.tensor(hz)
    numbers = torch.full((1, frames, VOICES), -1.0)
    numbers[..., : len(hz)] = torch.tensor(chord or (0,) * len(hz), dtype=torch.float32)
    return Pitches(torch.full((1, frames * 8), math.nan), of_frame, numbers, torch.ones(1, frames, VOICES))


def in_db(tones: Tensor) -> Tensor:
    return 20 / math.log(10) * LOG_SCALE * tones


def sine(hz: float, frames: int) -> np.ndarray:
    return 0.3 * np.sin(2 * math.pi * hz * np.arange(frames) / RATE_HZ)


def told_of(wave: np.ndarray) -> Tensor:
    """`[frames]` of mono sound as two ears hear it."""
    ears = Ears(SIZES)
    both = torch.from_numpy(np.stack([wave, wave])).float()[None]
    rest = -both.shape[-1] % ears.step
    told = ears.both(torch.nn.functional.pad(both, (ears.context, ears.context + rest)))[1]
    return ears.layout.join({name: told[name] for name in ears.layout.parts})


def strongest_hz(wave: np.ndarray) -> float:
    size = 1 << 19
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), size))
    return float(spectrum.argmax() * RATE_HZ / size)


@given(st.floats(200, 900), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_partials_stay_and_what_lies_between_is_softer(pitch_hz: float, voices: int) -> None:
    notes = [pitch_hz * 2 ** (4 * k / 12) for k in range(voices)]
    # each note a chord of its own: no tone is compared with another
    out, off = sharpened(torch.zeros(1, 2, 6, BINS), known(*notes, chord=tuple(range(voices))), BIN_HZ)
    change = in_db(out[0, 0, 0])
    bins = np.arange(BINS)
    at = np.array(notes)[:, None] / BIN_HZ
    distance = np.abs(bins - at * np.round(bins / at)).min(0)
    assert change[torch.from_numpy(distance <= 1)] == pytest.approx(0, abs=1e-4)
    between = torch.from_numpy(distance > np.maximum(2, 2 * bins * (2 ** (25 / 1200) - 1)) + 1e-3)
    assert change[between] == pytest.approx(-20, abs=1e-3)
    assert off[0, 0, 0].abs().numpy() == pytest.approx(distance, abs=1e-3)


def test_nothing_changes_where_no_note_is_known() -> None:
    tones = torch.randn(2, 2, 6, BINS)
    pitches = known(220.0)
    both = Pitches(*(torch.cat([each, each]) for each in vars(pitches).values()))
    both.hz[1] = math.nan
    both.hz[0, 3:] = math.nan
    out, off = sharpened(tones, both, BIN_HZ)
    assert torch.equal(out[1], tones[1])
    assert torch.equal(out[0, :, 3:], tones[0, :, 3:])
    assert not torch.equal(out[0, :, :3], tones[0, :, :3])
    above = torch.rand(2, 1, 6, BINS - 1) - 0.5
    assert torch.equal(tuned(above, off)[1], above[1])
    nobody = Pitches(*(each[..., :0] for each in vars(pitches).values()))
    assert torch.equal(sharpened(tones[:1], nobody, BIN_HZ)[0], tones[:1])


@pytest.mark.parametrize(("chord", "far_db"), [((0, 0, 0), 0.0), ((0, 1, 2), 8.0)])
def test_tones_struck_together_become_as_loud_as_each_other(chord: tuple[int, ...], far_db: float) -> None:
    notes = 261.6, 329.6, 392.0
    tones = torch.full((1, 1, 6, BINS), -4.0)
    for hz, louder_db in zip(notes, (4.0, 0.0, -4.0)):
        for partial in (1, 2, 3, 4):
            place = round(hz * partial / BIN_HZ)
            tones[..., place - 1 : place + 2] = louder_db / 20 * math.log(10) / LOG_SCALE
    out = in_db(sharpened(tones, known(*notes, chord=chord), BIN_HZ)[0][0, 0, 0])
    levels = [float(out[round(hz / BIN_HZ)]) for hz in notes]
    assert levels[0] - levels[2] == pytest.approx(far_db, abs=1.5)
    assert sum(levels) / 3 == pytest.approx(0, abs=1.0)


def test_no_tone_is_made_louder_than_told_by_more_than_it_may() -> None:
    tones = torch.full((1, 1, 6, BINS), -4.0)
    place = round(261.6 / BIN_HZ)
    tones[..., place - 1 : place + 2] = 0.0
    # of a tone that is not there nothing is made
    change = in_db(sharpened(tones, known(261.6, 329.6, 392.0), BIN_HZ)[0] - tones)
    assert change.max() < 8.01
    assert change.min() > -28.01


@given(st.floats(300, 1500), st.floats(-0.7, 0.7))
@settings(max_examples=12, deadline=None)
def test_a_tone_beside_a_known_partial_sounds_at_it(pitch_hz: float, off_bins: float) -> None:
    synthesis = Synthesis(SIZES)
    told = told_of(sine(pitch_hz + off_bins * synthesis.bin_hz, 2 * RATE_HZ))
    frames = told.shape[1]
    pitches = known(pitch_hz, frames=frames)
    inner = slice(RATE_HZ // 2, 3 * RATE_HZ // 2)
    made = synthesis(told, pitches=pitches)[0, 0, inner].numpy()
    assert strongest_hz(made) == pytest.approx(pitch_hz, abs=1.5)
    left = synthesis(told)[0, 0, inner].numpy()
    assert strongest_hz(left) == pytest.approx(pitch_hz + off_bins * synthesis.bin_hz, abs=1.5)


def test_a_tone_far_from_any_partial_keeps_its_pitch() -> None:
    synthesis = Synthesis(SIZES)
    told = told_of(sine(880.0, 2 * RATE_HZ))
    made = synthesis(told, pitches=known(600.0, frames=told.shape[1]))
    assert strongest_hz(made[0, 0, RATE_HZ // 2 : 3 * RATE_HZ // 2].numpy()) == pytest.approx(880, abs=1.5)


def chords(*rows: tuple[float, float, int]) -> Notes:
    return sorted_notes([(onset, off, key, 1.0, CHORDS) for onset, off, key in rows])


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 40), st.integers(1, 5))
def test_chunked_equals_whole_with_known_notes(at: int, count: int) -> None:
    torch.manual_seed(1)
    decoder = EarsDecoder(SIZES)
    for level in (decoder.level1, decoder.level2):
        torch.nn.init.normal_(level.outward[1].weight, std=0.05)  # type: ignore[arg-type]
    decoder = copy.deepcopy(decoder.eval().requires_grad_(False)).double()
    before, after, frames = decoder.context_before, decoder.context_after, decoder.frames
    total = before + 46 + after
    latents = torch.rand(1, total, SIZES.level2.latent, dtype=torch.float64) * 2 - 1
    notes = chords(*((0.2 * k, 0.2 * k + 0.25, 57 + 5 * k % 19) for k in range(40)))
    values = sounding(notes, np.arange(total), SIZES.r_time / RATE_HZ, frames)
    hz, chord, held = (torch.from_numpy(each.astype(np.float32))[None] for each in values)
    deep = torch.full((1, total * decoder.points), 55.0)

    def of(start: int, stop: int) -> Pitches:
        inner = slice(start * frames, stop * frames)
        return Pitches(
            deep[:, start * decoder.points : stop * decoder.points], hz[:, inner], chord[:, inner], held[:, inner]
        )

    whole = decoder(latents, first=-before, pitches=of(0, total))
    stop = at + before + count + after
    part = decoder(latents[:, at:stop], first=at - before, pitches=of(at, stop))
    wanted = whole[..., (before + at) * SIZES.r_time : (before + at + count) * SIZES.r_time]
    made = part[..., before * SIZES.r_time : (before + count) * SIZES.r_time]
    assert (made - wanted).abs().max() < 1e-6 * max(1.0, float(wanted.abs().max()))


@pytest.mark.slow
def test_chords_that_ship_are_clear() -> None:
    """Between partials it is quieter than where nothing is known: flatness of 180 to 2800 Hz, songs -30 dB."""
    engine = Engine.load("parts")
    flatness = []
    for seed in (3006, 3012, 3020, 3023):
        controls = Controls(seed=seed, energy=0.95, parts=("chords",))
        assert engine.played(Loop(128, 2), controls)
        mono = engine.stems(128, 4, controls)["chords"].mean(1)
        frames = np.lib.stride_tricks.sliding_window_view(mono, 8192)[::4096] * np.hanning(8192)
        power = np.abs(np.fft.rfft(frames))[:, 33:520] ** 2 + 1e-12
        power = power[power.sum(1) > np.median(power.sum(1))]
        flatness.append(np.median(10 * np.log10(np.exp(np.log(power).mean(1)) / power.mean(1))))
    assert np.median(flatness) < -25
