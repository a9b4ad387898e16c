"""Rendered takes: sound where the labels are, pitch and tempo as asked, decay at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyloudnorm
import pytest

from training.corpus.piano import Sampler
from training.corpus.piano.performance import Performance, read_performance
from training.corpus.piano.render import (
    LONGEST_SONG_S,
    Rendition,
    draw_rendition,
    render_notes,
    render_take,
    shifted_keys,
    song_windows,
)
from training.corpus.piano.room import impulse_response

RATE_HZ = 44_100


def rendition(**changes: Any) -> Rendition:
    """Plain: nothing transposed, tempo 1, a nearly dry room."""
    drawn = draw_rendition(np.random.default_rng(1))
    room = replace(drawn.room, wet_db=-60, low_db=0, high_db=0, width=1.0, decay_s=0.5)
    plain = replace(drawn, transpose=0, tempo=1.0, tuning_cents=0.0, release_s=0.2, room=room)
    return replace(plain, **changes)


def piece_of(onset_s: Any, key: Any, length_s: float = 0.2, velocity: float = 80.0) -> Performance:
    on_s = np.asarray(onset_s, np.float64)
    off_s = on_s + length_s
    return Performance(
        on_s, off_s, off_s, np.broadcast_to(np.asarray(key, np.int64), on_s.shape), np.full(len(on_s), velocity)
    )


def attacks_s(audio: np.ndarray, silence_s: float = 0.1) -> np.ndarray:
    """Where sound begins after silence."""
    level = np.abs(audio).max(axis=1)
    loud = np.nonzero(level > 0.01 * level.max())[0]
    first = np.concatenate([[True], np.diff(loud) > silence_s * RATE_HZ])
    return loud[first] / RATE_HZ


@pytest.mark.parametrize("tuning_cents", [0.0, -14.3, 9.9])
@pytest.mark.parametrize("tempo", [0.87, 1.0, 1.13])
def test_onsets_are_where_sound_starts(sampler: Sampler, tuning_cents: float, tempo: float) -> None:
    piece = piece_of(np.arange(12) * 1.1, [40, 52, 61, 66, 73, 80] * 2)
    take = render_take(sampler, piece, rendition(tuning_cents=tuning_cents, tempo=tempo))
    found = attacks_s(take.audio)
    assert len(found) == len(take.onset_frames) == 12
    np.testing.assert_allclose(found, take.onset_frames / RATE_HZ, atol=0.002)
    np.testing.assert_allclose(np.diff(found), 1.1 / tempo, atol=0.002)


def test_onsets_are_exact_inside_a_window(sampler: Sampler) -> None:
    piece = piece_of(np.arange(40) * 1.1, 60)
    take = render_take(sampler, piece, rendition(tuning_cents=5.0), (20.85, 30.0))
    found = attacks_s(take.audio)
    assert np.sum(take.notes.onset >= 0) == len(take.onset_frames) == len(found) == 9
    np.testing.assert_allclose(take.notes.onset[take.notes.onset >= 0], take.onset_frames, atol=1)
    np.testing.assert_allclose(found, take.onset_frames / RATE_HZ, atol=0.002)
    assert take.onset_frames[0] / RATE_HZ == pytest.approx(20.9 - 20.85, abs=0.001)
    assert len(take.audio) / RATE_HZ == pytest.approx(30 - 20.85, abs=0.001)


def test_strings_struck_before_a_window_ring_into_it(sampler: Sampler) -> None:
    piece = piece_of([0.0, 10.0, 11.0], [60, 60, 64], length_s=1.4)
    take = render_take(sampler, piece, rendition(), (10.5, 12.4))
    assert np.abs(take.audio[1000:10_000]).max() > 0.01
    assert len(take.onset_frames) == 1
    assert np.sum(take.notes.onset >= 0) == 1 < len(take.notes)


def test_chords_are_one_onset(sampler: Sampler) -> None:
    piece = piece_of([0.0, 0.01, 0.02, 1.0], [60, 64, 67, 72])
    take = render_take(sampler, piece, rendition())
    assert len(take.onset_frames) == 2
    assert len(take.notes) == 4


def test_transposition_shifts_pitch(sampler: Sampler) -> None:
    piece = piece_of([0.0], [66], length_s=1.0)

    def peak_hz(transpose: int) -> float:
        mono = render_take(sampler, piece, rendition(transpose=transpose)).audio.mean(axis=1)[4000:40_000]
        spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), 1 << 19))
        return np.argmax(spectrum) * RATE_HZ / (1 << 19)

    for semitones in (-3, 3):
        assert 12 * np.log2(peak_hz(semitones) / peak_hz(0)) == pytest.approx(semitones, abs=0.02)


def test_tuning_shifts_pitch_by_cents(sampler: Sampler) -> None:
    piece = piece_of([0.0], [81], length_s=1.0)

    def peak_hz(cents: float) -> float:
        mono = render_take(sampler, piece, rendition(tuning_cents=cents)).audio.mean(axis=1)[4000:40_000]
        return np.argmax(np.abs(np.fft.rfft(mono * np.hanning(len(mono)), 1 << 20))) * RATE_HZ / (1 << 20)

    assert 1200 * np.log2(peak_hz(12.0) / peak_hz(0.0)) == pytest.approx(12, abs=1)


def test_piece_stays_on_the_keyboard() -> None:
    assert shifted_keys(np.array([107, 60]), 3).tolist() == [108, 61]
    assert shifted_keys(np.array([22, 60]), -3).tolist() == [21, 59]


def test_file_that_ends_with_the_pedal_down_dies_away(sampler: Sampler, midi: Callable[..., Path]) -> None:
    events = [(0.0, "cc", 64, 127), (0.1, "on", 60, 90), (0.4, "off", 60, 0)]
    take = render_take(sampler, read_performance(midi("a.mid", events)), rendition())
    assert 1.0 < len(take.audio) / RATE_HZ < 8
    assert np.abs(take.audio[-500:]).max() < 1e-3


def test_peak_and_loudness_are_kept(sampler: Sampler) -> None:
    piece = piece_of(np.arange(20) * 0.4, [48, 55, 60, 64] * 5, length_s=0.5)
    for wanted in (-40.0, -30.0):
        take = render_take(sampler, piece, rendition(loudness_lufs=wanted))
        assert pyloudnorm.Meter(RATE_HZ).integrated_loudness(take.audio) == pytest.approx(wanted, abs=0.5)
    loud = render_take(sampler, piece, rendition(loudness_lufs=0.0))
    assert np.abs(loud.audio).max() <= 10 ** (-1 / 20) + 1e-6


def test_damper_stops_a_string_and_undamped_strings_ring(sampler: Sampler) -> None:
    def level_at_half(key: int) -> float:
        mix = render_notes(
            sampler,
            np.array([0]),
            np.array([4410]),
            np.array([key]),
            velocity=np.array([100.0]),
            frames=RATE_HZ,
            release_s=0.2,
        )
        return np.abs(mix[RATE_HZ // 2 :]).max()

    assert level_at_half(60) == 0
    assert level_at_half(100) > 0.01


def test_repeated_key_does_not_pile_up(sampler: Sampler) -> None:
    times = np.arange(30) * 4410
    mix = render_notes(
        sampler, times, times + 10 * RATE_HZ, np.full(30, 60), velocity=np.full(30, 127.0), frames=4 * RATE_HZ
    )
    assert np.abs(mix).max() < 3 * np.abs(sampler.voice(60, 1).audio).max()


@pytest.mark.parametrize("duration_s", [20.0, 179.0, 181.0, 700.0])
def test_windows_cover_a_piece_without_overlap(duration_s: float) -> None:
    onsets = np.sort(np.random.default_rng(3).uniform(0, duration_s, int(duration_s * 4)))
    windows = song_windows(onsets, duration_s)
    assert windows[0][0] == 0
    assert windows[-1][1] == duration_s
    assert [w[1] for w in windows[:-1]] == [w[0] for w in windows[1:]]
    assert all(0 < stop - start <= LONGEST_SONG_S for start, stop in windows)


def test_room_adds_the_asked_energy_after_the_direct_sound() -> None:
    room = replace(draw_rendition(np.random.default_rng(0)).room, wet_db=-10.0)
    response = impulse_response(room)
    assert 10 * np.log10(np.sum(response**2) / 2) == pytest.approx(-10, abs=1)
    assert np.abs(response[: int(0.003 * RATE_HZ)]).max() < 1e-6
