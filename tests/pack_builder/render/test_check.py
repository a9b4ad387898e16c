"""Measurements: known tempi, offsets, seams, onsets and faults are found in sounds made for the purpose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.hearing.check import check_loop, check_take, clipped_frames, seam, seam_step, silent
from musika_daw.hearing.limits import END, NO_BEAT, SEAM, SEAM_LIMIT, SILENCE, STEP, STEP_LIMIT, broken
from musika_daw.hearing.onsets import note_onsets_s
from musika_daw.hearing.pulse import crashes_first, measured_pulse
from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import ROLES, sorted_notes
from tests.pack_builder.pack_stand_in import piano, techno


@pytest.mark.parametrize("late_ms", [0, 12, -25])
@pytest.mark.parametrize(("bpm", "bars", "sample_rate_hz"), [(120, 4, 44100), (171.3, 2, 48000), (66, 1, 96000)])
def test_tempo_and_offset_are_measured(bpm: float, bars: int, sample_rate_hz: int, late_ms: float) -> None:
    pulse = measured_pulse(techno(bpm, bars, sample_rate_hz, late_s=late_ms / 1000), sample_rate_hz, bpm, bars * 4)
    assert pulse is not None
    assert pulse.bpm == pytest.approx(bpm, rel=0.001)
    assert pulse.downbeat_offset_ms == pytest.approx(late_ms, abs=2)
    assert pulse.beat_offset_ms == pytest.approx(abs(late_ms), abs=2)


@pytest.mark.parametrize("speed", [0.96, 0.99, 1.004, 1.03])
def test_a_wrong_tempo_inside_the_right_length_is_heard(speed: float) -> None:
    findings = check_loop(techno(130, 4, speed=speed), 44100, 130, 16)
    assert findings.tempo_error_pct == pytest.approx(100 * (speed - 1), abs=0.1)
    assert findings.pulse is not None
    assert findings.pulse.beat_offset_ms > 8


def test_noise_and_silence_have_no_pulse() -> None:
    noise = np.random.default_rng(1).standard_normal((88200, 2)).astype(np.float32) * 0.1
    assert measured_pulse(noise, 44100, 120, 4) is None
    assert measured_pulse(noise * 0, 44100, 120, 4) is None
    assert broken(check_loop(noise, 44100, 120, 4))[NO_BEAT] == 1


@pytest.mark.parametrize("bpm", [120, 128.5, 133, 147])
@pytest.mark.parametrize("late_ms", [0, 4])
def test_a_seamless_loop_has_no_seam_although_a_kick_stands_on_it(bpm: float, late_ms: float) -> None:
    loop = techno(bpm, 4, late_s=late_ms / 1000)
    score, ratio, _ = seam(loop, 44100, 16)
    assert score < 0.5 * SEAM_LIMIT
    assert ratio == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("bpm", [120, 128.5, 133, 147])
def test_clicks_steps_and_cuts_are_seams(bpm: float) -> None:
    loop = techno(bpm, 4)
    spoilt = {name: loop.copy() for name in ("click first", "click last")}
    spoilt["click first"][0] += 0.1
    spoilt["click last"][-1] += 0.1
    spoilt["gap"] = np.concatenate([loop[:-900], np.zeros((900, 2), np.float32)])
    spoilt["step"] = loop * np.linspace(1, 0.1, len(loop), dtype=np.float32)[:, None]
    for name, samples in spoilt.items():
        assert seam(samples, 44100, 16)[0] > SEAM_LIMIT or seam_step(samples) > STEP_LIMIT, name
    assert seam_step(loop) < 1


@pytest.mark.parametrize("bpm", [120, 147])
def test_a_step_that_a_kick_hides_is_found(bpm: float) -> None:
    loop = techno(bpm, 4)
    loop[0] += 0.5
    assert STEP in broken(check_loop(loop, 44100, bpm, 16))
    assert seam_step(loop * 0) == 0


@pytest.mark.parametrize("accent", [1.0, 1.2, 1.4])
def test_an_accented_downbeat_within_the_loop_s_own_range_is_no_seam(accent: float) -> None:
    """Beats differ in music: the wrap is held against the strongest of the loop's other beats, not the usual one."""
    loop = techno(128, 4)
    quarter = len(loop) // 16
    for beat in (0, 8):
        loop[beat * quarter : (beat + 1) * quarter] *= accent
    assert seam(loop, 44100, 16)[0] < SEAM_LIMIT


def test_a_level_step_in_steady_noise_is_a_seam() -> None:
    noise = np.random.default_rng(1).standard_normal((88200, 2)).astype(np.float32) * 0.1
    assert seam(noise, 44100, 4)[0] < SEAM_LIMIT
    noise[:44100] *= 0.3
    assert seam(noise, 44100, 4)[0] > SEAM_LIMIT


def test_an_even_sound_has_no_seam_and_a_break_in_it_is_one() -> None:
    tone = np.sin(2 * np.pi * 100 * np.arange(44100) / 44100).astype(np.float32)[:, None].repeat(2, axis=1)
    assert seam(tone, 44100, 4)[0] < SEAM_LIMIT
    assert seam(tone[:-200], 44100, 4)[0] > SEAM_LIMIT
    assert seam(tone * 0, 44100, 4) == (0, 0, 0)


def crashing(bpm: float) -> np.ndarray:
    """Four bars over a held tone with a crash on the first beat and on no other."""
    loop = techno(bpm, 4)
    time_s = np.arange(len(loop)) / 44100
    noise = 0.5 * np.random.default_rng(2).standard_normal((len(loop), 2)) * np.exp(-3 * time_s)[:, None]
    tone = 0.1 * np.sin(2 * np.pi * round(440 * len(loop) / 44100) * np.arange(len(loop)) / len(loop))[:, None]
    return (loop + noise + tone).astype(np.float32)


@pytest.mark.parametrize("bpm", [120, 133])
def test_the_only_crash_of_a_loop_is_no_seam_and_hides_none(bpm: float) -> None:
    loop = crashing(bpm)
    assert SEAM in broken(check_loop(loop, 44100, bpm, 16))
    crash = sorted_notes([(0, 1, DRUMS["crash"], 0.8, ROLES.index("drums"))])
    findings = check_loop(loop, 44100, bpm, 16, crash)
    assert not broken(findings)
    assert (findings.seam or 0) < SEAM_LIMIT < (findings.seam_score or 0)
    gap = np.concatenate([loop[:-900], np.zeros((900, 2), np.float32)])
    assert SEAM in broken(check_loop(gap, 44100, bpm, 16, crash))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 63), st.sampled_from(["kick", "crash", "ride"])), max_size=12))
def test_a_loop_crashes_first_if_no_other_beat_has_a_crash(hits: list[tuple[int, str]]) -> None:
    notes = sorted_notes(
        [(tick / 4 + 0.03, tick / 4 + 0.2, DRUMS[name], 0.8, ROLES.index("drums")) for tick, name in hits]
    )
    crashed = {tick // 4 for tick, name in hits if name == "crash" and tick % 4 == 0}
    assert crashes_first(notes, 16) == (crashed == {0})


@pytest.mark.parametrize("onsets_per_s", [0.7, 2.0, 4.0, 7.0])
@pytest.mark.parametrize("sample_rate_hz", [44100, 96000])
def test_notes_are_found_where_they_begin(onsets_per_s: float, sample_rate_hz: int) -> None:
    samples, onsets_s = piano(12, onsets_per_s, sample_rate_hz, seed=3)
    found_s = note_onsets_s(samples, sample_rate_hz)
    hits = sum(np.abs(found_s - onset).min() < 0.025 for onset in onsets_s)
    assert 2 * hits / (len(found_s) + len(onsets_s)) > 0.9


def test_measured_density_rises_with_the_notes() -> None:
    densities = [check_take(piano(10, 0.5 * 32**d, seed=1)[0], 44100, 10).density for d in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert densities == sorted(densities)
    assert np.allclose(densities, (0.1, 0.3, 0.5, 0.7, 0.9), atol=0.12)


def test_silence_is_reported_and_has_no_notes() -> None:
    quiet = np.zeros((44100, 2), np.float32)
    assert silent(quiet)
    assert check_take(quiet, 44100, 1).onsets_per_s == 0
    assert list(broken(check_loop(quiet, 44100, 240, 4))) == [SILENCE]
    assert not silent(techno(120, 1))
    assert not len(note_onsets_s(quiet, 44100))


def test_flat_tops_are_clipping_and_clean_peaks_are_not() -> None:
    tone = np.sin(np.arange(44100) * 0.05)[:, None].repeat(2, axis=1).astype(np.float32)
    assert clipped_frames(tone * 0.9) < 0.002 * tone.size
    assert clipped_frames(np.clip(tone, -0.5, 0.5)) > 0.2 * tone.size
    assert clipped_frames(tone * 0) == 0


def test_a_take_cut_off_in_a_note_is_a_fault() -> None:
    samples, _ = piano(6, 3)
    assert not broken(check_take(samples, 44100, 6))
    assert list(broken(check_take(samples[: 44100 * 3], 44100, 3))) == [END]
