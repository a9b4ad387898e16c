"""Round trips: distances with known answers, onsets, hits, pre-echo, MP3 in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluate.audio import read_folder, write_examples
from training.evaluate.codec import Codec
from training.evaluate.measures.beats import drum_track
from training.evaluate.measures.mp3 import aligned, delay_frames, through_mp3
from training.evaluate.measures.onsets import Agreement, hits, level_errors_db, matches, pre_echo_db
from training.evaluate.reconstruction import (
    evaluate_reconstruction,
    fidelity_rows,
    mel_distance_db,
    spectral_distance_db,
)

RATE_HZ = 44_100
ONSETS = st.lists(st.floats(0, 20), max_size=30).map(lambda x: np.sort(np.array(x)))


def stereo(mono: np.ndarray) -> np.ndarray:
    return np.repeat(mono[:, None], 2, 1).astype(np.float32)


def kicks(seconds: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    """A track of lone kicks and the seconds at which they begin (the first has nothing before it)."""
    return stereo(drum_track(60, seconds, "lone kicks")), np.arange(0.0, int(seconds))


@given(ONSETS)
def test_onsets_match_themselves(times: np.ndarray) -> None:
    assert matches(times, times) == len(times)
    assert Agreement.of(times, times).f_measure == 1


@given(ONSETS, ONSETS)
def test_matching_is_symmetric_and_uses_each_onset_once(a: np.ndarray, b: np.ndarray) -> None:
    assert matches(a, b) == matches(b, a)
    assert matches(a, b) <= min(len(a), len(b))


def test_f_measure_of_known_counts() -> None:
    reference = np.array([0.0, 1, 2, 3])
    found = np.array([0.02, 1.03, 2.0])
    assert Agreement.of(reference, found) == Agreement(2, 4, 3)
    assert (Agreement(2, 4, 3) + Agreement(1, 1, 1)).f_measure == pytest.approx(6 / 9)


@given(st.floats(-12, 12))
@settings(max_examples=10, deadline=None)
def test_a_gain_is_its_own_spectral_distance(gain_db: float) -> None:
    audio = stereo(np.random.default_rng(0).normal(0, 0.1, 20_000))
    other = (audio * 10 ** (gain_db / 20)).astype(np.float32)
    assert spectral_distance_db(audio, other) == pytest.approx(abs(gain_db), abs=0.02)
    assert mel_distance_db(audio, other) == pytest.approx(abs(gain_db), abs=0.02)


def test_what_is_far_below_the_loudest_is_not_counted() -> None:
    time = np.arange(RATE_HZ) / RATE_HZ
    audio = stereo(np.sin(2 * np.pi * 1000 * time))
    noise = stereo(np.random.default_rng(0).normal(0, 1e-6, len(time)))
    assert spectral_distance_db(audio, audio + noise) < 0.01


def test_kicks_are_kicks_and_no_hats() -> None:
    audio, times = kicks()
    found = hits(audio, RATE_HZ, times, "kick")
    assert np.abs(found / RATE_HZ - times[1:]).max() < 0.012
    rng = np.random.default_rng(0)
    hat = rng.normal(0, 0.3, 2000) * np.exp(-np.arange(2000) / 400)
    hats = audio.copy()
    for time in times[1:] + 0.5:
        start = round(time * RATE_HZ)
        hats[start : start + 2000] += hat[: len(hats) - start, None].astype(np.float32)
    both = np.sort(np.concatenate([times[1:], times[1:] + 0.5]))
    assert hits(hats, RATE_HZ, both, "hat") / RATE_HZ == pytest.approx(times[1:] + 0.5, abs=0.005)
    assert len(hits(hats, RATE_HZ, both, "kick")) == len(times) - 1


@pytest.mark.parametrize("gain_db", [-6.0, 0.0, 3.0])
def test_level_of_each_hit(gain_db: float) -> None:
    audio, times = kicks()
    frames = hits(audio, RATE_HZ, times, "kick")
    errors = level_errors_db(audio, audio * 10 ** (gain_db / 20), RATE_HZ, frames, kind="kick")
    assert errors == pytest.approx(gain_db, abs=0.01)


@pytest.mark.parametrize("pre_db", [-60.0, -30.0, -10.0])
def test_pre_echo_is_what_sounds_before_a_kick(pre_db: float) -> None:
    audio, times = kicks()
    frames = np.round(times[1:] * RATE_HZ).astype(int)
    made = audio.copy()
    for frame in frames:
        level = np.sqrt(np.mean(audio[frame : frame + 2646] ** 2.0)) * 10 ** (pre_db / 20)
        made[frame - 1323 : frame - 132] += np.float32(level)
    found = pre_echo_db(audio, made, RATE_HZ, frames)
    assert len(found) == len(frames)
    assert found == pytest.approx(pre_db, abs=1.0)


def test_a_kick_under_other_sound_says_nothing_about_pre_echo() -> None:
    audio, times = kicks()
    audio = audio + np.random.default_rng(0).normal(0, 0.02, audio.shape).astype(np.float32)
    assert len(pre_echo_db(audio, audio, RATE_HZ, np.round(times[1:] * RATE_HZ).astype(int))) == 0


@given(st.integers(-2000, 2000))
@settings(max_examples=15, deadline=None)
def test_delay_is_found_and_taken_off(delay: int) -> None:
    audio = stereo(np.random.default_rng(1).normal(0, 0.1, 12_000))
    late = aligned(audio, -delay, len(audio))
    assert delay_frames(audio, late) == delay
    inside = slice(2000, 10_000)
    assert np.array_equal(aligned(late, delay, len(audio))[inside], audio[inside])


def test_mp3_comes_back_in_time_and_without_its_treble() -> None:
    rng = np.random.default_rng(0)
    audio = stereo(0.3 * drum_track(128, 3, "kicks") + rng.normal(0, 0.02, 3 * RATE_HZ))
    coded = through_mp3(audio, RATE_HZ)
    assert coded.shape == audio.shape
    assert delay_frames(audio, coded) == 0
    treble = [np.abs(np.fft.rfft(a[:, 0]))[3 * 15_000 :].mean() for a in (audio, coded)]
    assert treble[1] < 0.1 * treble[0]


def loud(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """A detector of kicks: where the level passes a fifth of its maximum after 0.3 s below."""
    above = np.flatnonzero(np.abs(audio) > 0.2 * np.abs(audio).max())
    return above[np.diff(above, prepend=-sample_rate_hz) > 0.3 * sample_rate_hz] / sample_rate_hz


def test_a_perfect_round_trip_meets_every_target() -> None:
    audio, _ = kicks()
    noisy = audio + np.random.default_rng(0).normal(0, 1e-3, audio.shape).astype(np.float32)
    said: list[str] = []
    result = evaluate_reconstruction(lambda a: a, {"kicks": [("one", noisy)]}, loud, report=said.append)
    assert said == ["kicks: 1 of 1 songs measured"]
    assert {r.name for r in result.rows} >= {"kicks: onset F-measure, 25 ms", "before a lone kick, worst of 12"}
    assert [r.name for r in result.rows if r.met is False] == []
    values = {r.name: r.measured for r in result.rows}
    assert values["kicks: multi-resolution log-spectral distance"] == 0
    assert len(result.inputs) == len(result.outputs) == 1


def test_a_set_without_drums_has_no_rows_of_kicks() -> None:
    audio, _ = kicks(3)
    result = evaluate_reconstruction(lambda a: 0.5 * a, {"piano": [("one", audio)]}, loud, ["piano"])
    assert not any("kick level" in r.name for r in result.rows)
    facts = result.details["piano"]
    assert any("kick level" in r.name for r in fidelity_rows("x", facts["model"], facts["mp3"]))


def test_an_empty_set_is_refused_before_anything_is_measured() -> None:
    def never(audio: np.ndarray) -> np.ndarray:
        raise AssertionError("nothing was to be coded")

    audio, _ = kicks(3)
    with pytest.raises(ValueError, match="set: none holds no songs of the test split"):
        evaluate_reconstruction(never, {"some": [("one", audio)], "none": []}, loud)


def test_codec_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds neither a checkpoint nor exported weights"):
        Codec.load(tmp_path)


def test_examples_are_written_and_a_folder_is_read(tmp_path: Path) -> None:
    audio, _ = kicks(3)
    write_examples(tmp_path, [("a b/c", audio), ("two", audio)])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00-a-b-c.flac", "01-two.flac"]
    (name, read), _ = read_folder(tmp_path, 2.0)
    assert name == "00-a-b-c"
    assert read.shape == (2 * RATE_HZ, 2)
    assert np.abs(read - audio[RATE_HZ // 2 : RATE_HZ // 2 + len(read)]).max() < 1e-4


def test_folders_without_audio_or_with_broken_audio_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no audio"):
        list(read_folder(tmp_path, 1))
    (tmp_path / "broken.wav").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read"):
        list(read_folder(tmp_path, 1))
