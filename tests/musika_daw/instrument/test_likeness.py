"""Styles of single voices, and those that sound like a recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musika_daw.instrument.engine import Engine
from musika_daw.instrument.likeness import like
from musika_daw.instrument.scores import check_asked
from musika_daw.score.controls import Controls
from musika_daw.score.parts import PARTS, VOICES, voices_named, voices_text


@pytest.fixture(scope="module")
def parts_engine(parts_model: Path) -> Engine:
    return Engine.load(parts_model)


@pytest.fixture(scope="module")
def tiny_engine(tiny_model: Path) -> Engine:
    return Engine.load(tiny_model)


PIECE = Controls(seed=3, energy=1.0)


def test_a_voice_of_its_own_changes_that_voice_alone(parts_engine: Engine) -> None:
    plain = parts_engine.stems(128, 2, PIECE)
    assert {"drums", "bass"} <= set(plain)
    other = parts_engine.stems(128, 2, replace(PIECE, voices=(("bass", 99),)))
    same = parts_engine.stems(128, 2, replace(PIECE, voices=tuple((part, PIECE.seed) for part in PARTS)))
    assert not np.allclose(other["bass"], plain["bass"], atol=1e-3)
    for role, audio in plain.items():
        np.testing.assert_array_equal(same[role], audio)
    # what limits a mix hangs on all of it
    correlation = np.corrcoef(other["drums"].ravel(), plain["drums"].ravel())[0, 1]
    assert correlation > 0.98


def test_a_kind_of_drum_goes_before_all_drums(parts_engine: Engine) -> None:
    def kick(**voices: int) -> np.ndarray:
        return parts_engine.one_shot("kick", replace(PIECE, voices=tuple(voices.items())))

    np.testing.assert_array_equal(kick(drums=8, kick=5), kick(kick=5))
    np.testing.assert_array_equal(kick(drums=5, hat=8), kick(kick=5))


@pytest.mark.parametrize("text", ["kick=12", "drums=0,bass=7, kick=18446744073709551615", "chords=1"])
def test_voices_are_read_as_they_are_written(text: str) -> None:
    voices = voices_named(text)
    assert voices_named(voices_text(voices)) == voices
    assert [name for name, _ in voices] == sorted((name for name, _ in voices), key=VOICES.index)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be VOICE=SEED"),
        ("kick", "must be VOICE=SEED"),
        ("kick=-1", "must be VOICE=SEED"),
        ("kick=1.5", "must be VOICE=SEED"),
        ("tuba=1", "must be one of drums, bass, lead, chords, kick"),
        ("kick=1,kick=2", "kick must be given once"),
        ("kick=18446744073709551616", r"in 0..2\*\*64-1"),
    ],
)
def test_what_is_no_voice_or_no_seed_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        voices_named(text)


def test_voices_are_for_models_of_parts() -> None:
    with pytest.raises(ValueError, match="techno plays no score of parts"):
        check_asked(Controls(voices=(("kick", 1),)), "", "techno")


def test_its_own_styles_are_found_again_among_others(parts_engine: Engine) -> None:
    recording = parts_engine.loop(128, 2, replace(PIECE, voices=tuple((part, 5) for part in PARTS)))
    told: list[int] = []
    found = like(parts_engine, recording, 44_100, 128, Controls(seed=3), tries=4, report=told.append)
    assert told == [1, 2, 3, 4]
    assert found.controls.seed == 3
    assert dict(found.controls.voices) == dict.fromkeys(dict(found.controls.voices), 5)
    assert found.distance < 0.2 * found.typical


def test_of_a_model_without_parts_the_style_is_found(tiny_engine: Engine) -> None:
    recording = tiny_engine.loop(128, 2, Controls(seed=0, style_seed=2))
    found = like(tiny_engine, recording, 44_100, 128, tries=4)
    assert (found.controls.style_seed, found.controls.voices) == (2, ())
    assert found.distance == pytest.approx(0, abs=1e-6)


def test_silence_sounds_like_nothing(tiny_engine: Engine) -> None:
    with pytest.raises(ValueError, match="silent"):
        like(tiny_engine, np.zeros((44_100, 2), np.float32), 44_100, 128)
    with pytest.raises(ValueError, match="tries: 0"):
        like(tiny_engine, np.ones((44_100, 2), np.float32), 44_100, 128, tries=0)
