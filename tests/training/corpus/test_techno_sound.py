from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.hearing.loudness import loudness
from musika_daw.score.techno.harmony import PROGRESSIONS, SCALES, Harmony, acid_motif, draw_harmony
from training.corpus.techno import drums, mix
from training.corpus.techno.synths import (
    WAVES,
    ChordPatch,
    LinePatch,
    Note,
    filter_table,
    note_hz,
    render_chord,
    render_line,
    wave_harmonics,
)

SR = 44_100
FAMILIES = ("909", "808", "606", "hard", "soft", "rumble")
VOICES = {
    **drums.PERCUSSION,
    "snare": drums.snare,
    "clap": drums.clap,
    "hat": drums.hat,
    "ride": drums.ride,
    "crash": drums.crash,
}


@pytest.mark.parametrize("name", VOICES)
def test_drum_voice_is_finite_starts_at_once_and_ends_silent(name: str) -> None:
    for seed in range(6):
        hit = VOICES[name](np.random.default_rng(seed))
        assert np.isfinite(hit).all()
        assert np.abs(hit).max() == pytest.approx(1.0)
        assert np.abs(hit[: SR // 200]).max() > 0.15
        assert abs(hit[-1]) < 1e-3


@given(st.sampled_from(FAMILIES), st.integers(0, 500), st.floats(38, 66))
@settings(max_examples=40, deadline=None)
def test_kick_rises_within_a_millisecond(family: str, seed: int, end_hz: float) -> None:
    hit = drums.kick(np.random.default_rng(seed), family, end_hz)
    assert np.abs(hit[:44]).max() > 0.25


def test_kick_ends_at_its_pitch() -> None:
    hit = drums.kick(np.random.default_rng(3), "808", 50.0)
    tail = hit[int(0.2 * SR) : int(0.4 * SR)]
    spectrum = np.abs(np.fft.rfft(tail * np.hanning(len(tail)), 1 << 17))
    assert np.argmax(spectrum) * SR / (1 << 17) == pytest.approx(50, abs=4)


def test_open_and_closed_hat_of_one_colour_differ_in_length_only() -> None:
    closed = drums.hat(np.random.default_rng(1), 0.03, np.random.default_rng(5))
    opened = drums.hat(np.random.default_rng(1), 0.2, np.random.default_rng(5))
    assert len(opened) > 3 * len(closed)

    def centroid(x: np.ndarray) -> float:
        level = np.abs(np.fft.rfft(x[:1000]))
        return float((level * np.arange(len(level))).sum() / level.sum())

    assert centroid(opened) == pytest.approx(centroid(closed), rel=0.1)


@pytest.mark.parametrize("wave", WAVES)
def test_filter_rows_go_from_dark_to_bright_without_aliases(wave: str) -> None:
    table = filter_table(wave, 0.3, 4, 16_000.0, pitch_max_hz=440.0)
    spectrum = np.abs(np.fft.rfft(table, axis=1))
    high = (spectrum[:, 8:] ** 2).sum(1) / (spectrum**2).sum(1)
    assert high[0] < high[len(high) // 2] + 1e-9
    assert spectrum[:, 37:].max() < 1e-3 * spectrum.max()


def test_unknown_wave_is_named() -> None:
    with pytest.raises(ValueError, match="wave: 'sine'"):
        wave_harmonics("sine", 4)


def test_resonance_lifts_the_harmonic_at_the_cutoff() -> None:
    flat, peaky = (np.abs(np.fft.rfft(filter_table("saw", r, 4, 16_000, pitch_max_hz=200)[14])) for r in (0.0, 1.0))
    assert peaky[4] / peaky[1] > 3 * flat[4] / flat[1]  # row 14: cutoff two octaves above the pitch


def test_line_starts_on_its_frame_and_plays_its_pitch() -> None:
    note = Note(4410, 22_050, 57.0)
    out = render_line([note], LinePatch(cutoff=3, amp_decay_s=9), SR, np.zeros(SR, np.float32))
    assert np.abs(out[:4410]).max() == 0.0
    assert np.abs(out[4410 : 4410 + 441]).max() > 0.1
    part = out[8000:24_000] * np.hanning(16_000)
    assert np.argmax(np.abs(np.fft.rfft(part, 1 << 17))) * SR / (1 << 17) == pytest.approx(note_hz(57), abs=2)
    assert np.abs(out[27_000:]).max() == 0.0


def test_slide_joins_two_notes_without_a_gap() -> None:
    notes = [Note(0, 10_000, 45.0), Note(10_000, 10_000, 57.0, slide=True)]
    patch = LinePatch(amp_decay_s=9, sweep=0, cutoff=2)
    tied = render_line(notes, patch, 20_000, np.zeros(20_000, np.float32))
    split = render_line([notes[0], Note(10_000, 10_000, 57.0)], patch, 20_000, np.zeros(20_000, np.float32))
    assert np.abs(tied[9990:10_010]).max() > 5 * np.abs(split[9990:10_010]).max()


@given(st.integers(0, 300))
@settings(max_examples=20, deadline=None)
def test_chord_starts_at_once_and_is_not_silent(seed: int) -> None:
    rng = np.random.default_rng(seed)
    harmony = draw_harmony(rng)
    out = render_chord(harmony.chord(seed % 4), ChordPatch(), rng)
    assert np.abs(out[:, :441]).max() > 0.2
    assert np.abs(out).max() == pytest.approx(1.0)


@pytest.mark.parametrize("degrees", PROGRESSIONS)
def test_chords_follow_the_bar_of_the_phrase(degrees: tuple[int, ...]) -> None:
    harmony = Harmony(36, "minor", degrees, sevenths=True, parallel=False)
    assert len({tuple(harmony.chord(b)) for b in range(4)}) == len(set(degrees)) >= 2
    assert harmony.chord(1) == harmony.chord(5)


def test_scale_degrees_repeat_by_octaves() -> None:
    harmony = Harmony(36, "phrygian", (0, 1, 0, 6), False, False)
    assert harmony.pitch(7) == 48
    assert harmony.pitch(-7) == 24
    assert [harmony.pitch(d) - 36 for d in range(7)] == list(SCALES["phrygian"])


@given(st.integers(0, 2000))
def test_acid_motif_begins_on_the_one_and_has_room_for_every_slide(seed: int) -> None:
    motif = acid_motif(np.random.default_rng(seed))
    assert motif[0].step == 0
    assert all(a.step + a.length >= b.step for a, b in pairwise(motif) if b.slide)


def test_duck_is_deepest_on_the_kick_and_comes_back() -> None:
    gain = mix.duck_curve(40_000, [10_000], 0.8, 0.3, curve=1.0)
    assert gain[9000] == 1.0
    assert gain[10_000] == pytest.approx(0.2, abs=1e-3)
    assert gain[10_000 + int(0.3 * SR) + 1] == 1.0


@given(st.floats(0.1, 20.0), st.floats(0.3, 0.9))
def test_soft_clip_keeps_the_ceiling_and_the_order(gain: float, knee: float) -> None:
    line = np.linspace(-gain, gain, 401, dtype=np.float32)[None].repeat(2, 0)
    out = mix.soft_clip(line, knee)
    assert np.abs(out).max() <= 10 ** (-0.3 / 20)
    assert (np.diff(out, axis=1) >= 0).all()
    quiet = np.abs(line) <= knee
    assert np.allclose(out[quiet], line[quiet], atol=1e-6)


def test_widening_leaves_the_middle_and_the_first_samples() -> None:
    hit = np.repeat(drums.clap(np.random.default_rng(0))[None], 2, 0)
    wide = mix.widen(hit, np.random.default_rng(1), 0.8)
    assert np.allclose(wide.sum(0), hit.sum(0), atol=1e-5)
    assert np.allclose(wide[:, :8], hit[:, :8], atol=1e-5)
    assert np.abs(wide[0] - wide[1]).max() > 0.05


def test_low_end_is_mono_and_the_top_is_not() -> None:
    t = np.arange(SR) / SR
    for hz, least, most in ((40.0, 0.0, 0.15), (2000.0, 0.9, 1.1)):
        tone = np.sin(2 * np.pi * hz * t).astype(np.float32)
        out = mix.mono_below(np.stack([tone, -tone]))
        assert least <= np.abs(out[0, SR // 2 :]).max() <= most


@pytest.mark.parametrize("seed", range(4))
def test_master_keeps_an_attack_on_its_sample(seed: int) -> None:
    audio = np.zeros((2, 5 * SR), np.float32)
    kick = drums.kick(np.random.default_rng(seed), "909")
    for frame in range(SR, 4 * SR, SR // 2):
        audio[:, frame : frame + len(kick)] += kick[: len(kick)]
    out = mix.master(audio, np.random.default_rng(seed), -9.0)
    level = np.abs(out).max(0)
    assert level[:SR].max() < 1e-4
    assert SR <= int(np.argmax(level > 0.1 * level.max())) <= SR + 20


def test_loudness_agrees_with_the_reference_meter() -> None:
    rng = np.random.default_rng(0)
    for colour in (0.0, 0.9):
        noise = rng.standard_normal((2, 6 * SR)).astype(np.float32) * 0.1
        noise[:, 1:] += colour * noise[:, :-1]
        expected = pyloudnorm.Meter(SR).integrated_loudness(noise.T.astype(float))
        assert loudness(noise.T, SR, loops=False) == pytest.approx(expected, abs=0.1)


def test_sweep_opens_a_low_pass() -> None:
    noise = np.random.default_rng(0).standard_normal((2, SR)).astype(np.float32)
    out = mix.sweep_filter(noise, np.geomspace(200, 15_000, 43), "low")
    assert out[:, -SR // 8 :].std() > 3 * out[:, : SR // 8].std()
