"""One-shots of the model of parts that ships: one hit, note or chord alone, and the score that it is made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.hearing.key import pitch_of
from musika_daw.instrument.engine import Engine
from musika_daw.instrument.shot import ended
from musika_daw.score.controls import Controls
from musika_daw.score.harmony import NOTES, key_named
from musika_daw.score.parts import DRUMS, ONE_SHOTS, PARTS, PLAYED, STRUCK
from musika_daw.score.techno.shot import shot_score

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def parts() -> Engine:
    return Engine.load("parts")


def test_every_voice_of_the_score_but_the_loops_can_be_had_alone() -> None:
    voices = {voice for sound in STRUCK.values() for voice in sound}
    assert voices == {voice for voice in DRUMS if not voice.startswith("loop")}
    assert {"drums", *PLAYED.values()} == set(PARTS)


@given(st.sampled_from(sorted(STRUCK)), st.integers(0, 2**64 - 1))
def test_a_drum_is_one_hit_of_its_voice(sound: str, seed: int) -> None:
    score = shot_score(sound, Controls(seed=seed))
    assert (score.role, score.velocity, score.root) == ("drums", 1.0, None)
    assert score.keys[0] in {DRUMS[voice] for voice in STRUCK[sound]}
    notes = score.notes(0.5)
    assert (notes.onset.tolist(), notes.key.tolist()) == ([0.5], list(score.keys))


@given(
    st.sampled_from(sorted(PLAYED)),
    st.integers(0, 2**32),
    st.sampled_from([f"{note}{mode}" for note in NOTES for mode in ("min", "maj")]),
)
def test_a_tone_is_the_tonic_of_the_key_or_its_chord(sound: str, seed: int, key: str) -> None:
    score = shot_score(sound, Controls(seed=seed, key=key))
    asked = key_named(key)
    assert score.role == PLAYED[sound]
    assert score.root in score.keys
    assert score.root % 12 == asked.tonic
    assert list(score.keys) == sorted(set(score.keys))
    if score.role == "chords":
        third = 3 if key.endswith("min") else 4
        classes = {(key - asked.tonic) % 12 for key in score.keys}
        assert {0, third, 7} <= classes
        assert len(score.keys) == len(classes) <= 4
    else:
        assert len(score.keys) == 1


def test_a_hit_is_the_one_that_the_loop_plays(parts: Engine) -> None:
    controls = Controls(seed=11)
    shot = parts.one_shot("kick", controls)
    kit = parts.player.struck(DRUMS["kick"], controls)
    assert np.corrcoef(shot[:4000, 0], kit[:4000, 0])[0, 1] > 0.8, "the desk's tone is all that lies between"
    assert not np.array_equal(shot[:4000], parts.one_shot("kick", Controls(seed=12))[:4000])
    assert np.array_equal(shot, parts.one_shot("kick", controls)), "a pure function of its arguments"
    softer = parts.one_shot("kick", controls, velocity=0.5)
    assert np.allclose(softer, 0.5 * shot, atol=1e-6)


def test_a_note_that_is_asked_for_is_played_at_any_rate(parts: Engine) -> None:
    for key, rate_hz in ((57, 44_100), (64, 48_000), (69, 96_000)):
        # a lead of a clear pitch: of other seeds high notes are too noisy for the measurement
        shot = parts.one_shot("lead", Controls(seed=1), rate_hz, keys=[key])
        pitch = pitch_of(shot[round(0.03 * rate_hz) : round(0.3 * rate_hz)], rate_hz)
        assert pitch is not None
        assert abs(pitch.from_note(key)) < 20


def test_what_is_no_sound_key_or_velocity_is_refused(parts: Engine, tiny_model: Path) -> None:
    with pytest.raises(ValueError, match=r"^sound: 'cowbell', must be one of kick, snare, .*, pad$"):
        parts.one_shot("cowbell")
    with pytest.raises(ValueError, match=r"^keys: 36, but a kick has none; must be left out$"):
        parts.one_shot("kick", keys=[36])
    for keys, said in (((), "none"), ((11,), "11"), ((60, 108), "60, 108"), ((60, 60), "60, 60")):
        with pytest.raises(ValueError, match=rf"^keys: {said}, must be different ones within 12\.\.107$"):
            parts.one_shot("stab", keys=keys)
    for velocity in (0.0, -1.0, 1.01, float("nan")):
        with pytest.raises(ValueError, match=rf"^velocity: {velocity:g}, must be above 0 and at most 1$"):
            parts.one_shot("bass", velocity=velocity)
    tiny = Engine.load(tiny_model)
    assert tiny.sounds == ()
    with pytest.raises(ValueError, match=r"^one-shot: tiny plays no score of parts$"):
        tiny.one_shot("kick")
    assert parts.sounds == ONE_SHOTS


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_a_sound_ends_where_it_has_died_or_fallen_into_the_hum(rate_hz: int) -> None:
    seconds = np.arange(3 * rate_hz) / rate_hz
    rng = np.random.default_rng(1)
    for hum_db, dies_s in ((-90, 0.1 * 60 / 8.686), (-46, 0.1 * 50.4 / 8.686)):
        wave = np.sin(2 * np.pi * 300 * seconds) * np.exp(-seconds / 0.1)
        wave += 10 ** (hum_db / 20) * np.clip(rng.standard_normal(len(wave)), -1, 1)
        kept = ended(np.stack([wave, wave], 1).astype(np.float32), rate_hz)
        assert len(kept) / rate_hz == pytest.approx(dies_s, abs=0.06)
        assert not kept[-1].any()
        assert np.array_equal(kept[: rate_hz // 4, 0], wave[: rate_hz // 4].astype(np.float32))


def test_silence_and_what_is_too_short_stay_as_they_are() -> None:
    for sound in (np.zeros((RATE_HZ, 2), np.float32), np.ones((50, 2), np.float32), np.zeros((0, 2), np.float32)):
        assert ended(sound, RATE_HZ) is sound
