"""Notes that are told are counted where they are heard, however dense, and only there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.hearing.check import check_take
from musika_daw.hearing.onsets import note_onsets_s
from musika_daw.hearing.told import told_onsets_s
from musika_daw.score.density import density_of_rate, merge_onsets
from musika_daw.score.roll import Notes, sorted_notes
from musika_daw.score.score import bar_notes, piece_of
from tests.pack_builder.pack_stand_in import piano_sound

pytestmark = pytest.mark.slow

RATE_HZ, SECONDS = 44_100, 12.0
BODY_S = SECONDS - 3.0
AGREE = 0.08
ASKED = (0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95)


def composed(seed: int, density: float) -> Notes:
    """What a piano plays at a density over the body of a take, in seconds, at 100 bpm."""
    bar_s = 2.4
    rows = []
    for bar in range(5):
        asked = np.full(64, density)
        notes = bar_notes(seed, piece_of(seed), bar, bar_s, density=asked, energy=None, opens=bar == 0)
        times = (notes.onset * bar_s / 4 + bar * bar_s, notes.off * bar_s / 4 + bar * bar_s)
        rows += list(zip(*times, notes.key.tolist(), notes.velocity.tolist(), [0] * len(notes)))
    return sorted_notes([row for row in rows if row[0] < BODY_S])


def written(notes: Notes) -> float:
    """Density of notes in the body of a take."""
    return float(density_of_rate(len(merge_onsets(notes.onset)) / BODY_S))


def heard(sound: np.ndarray, told: Notes | None, rate_hz: int = RATE_HZ) -> float:
    """Density that a take is measured at."""
    density = check_take(sound, rate_hz, SECONDS, told).density
    assert density is not None
    return density


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("seed", [2, 3])
def test_what_a_piano_is_asked_is_written_and_measured(asked: float, seed: int) -> None:
    notes = composed(seed, asked)
    assert written(notes) == pytest.approx(asked, abs=0.04)  # five notes or six are 0.05 apart
    assert heard(piano_sound(notes, SECONDS), notes) == pytest.approx(asked, abs=AGREE)


@given(st.floats(0.05, 0.95), st.integers(0, 10_000), st.sampled_from([44_100, 48_000, 96_000]))
@settings(max_examples=12, deadline=None)
def test_any_density_is_measured_as_it_is_written(asked: float, seed: int, rate_hz: int) -> None:
    notes = composed(seed, asked)
    assert heard(piano_sound(notes, SECONDS, rate_hz), notes, rate_hz) == pytest.approx(written(notes), abs=AGREE)


def test_a_picker_that_is_told_nothing_hears_less_of_dense_music() -> None:
    notes = composed(2, 0.95)
    sound = piano_sound(notes, SECONDS)
    assert heard(sound, None) < heard(sound, notes) - AGREE


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("played", [0.1, 0.3, 0.5])
def test_what_is_told_and_not_played_is_not_counted(played: float, seed: int) -> None:
    """More density adds notes to those that were there, so few are told that are played elsewhere."""
    few, many = composed(seed, played), composed(seed, 0.9)
    assert len(many) > 2 * len(few)
    assert heard(piano_sound(few, SECONDS), many) == pytest.approx(written(few), abs=2 * AGREE)


@pytest.mark.parametrize("told", [0.05, 0.2])
def test_what_is_played_and_not_told_is_counted(told: float) -> None:
    few, many = composed(5, told), composed(5, 0.5)
    assert heard(piano_sound(many, SECONDS), few) == pytest.approx(0.5, abs=AGREE)


def test_notes_that_are_told_elsewhere_are_not_heard() -> None:
    notes = sorted_notes([(at, at + 0.3, 60, 0.8, 0) for at in (1.0, 2.0, 3.0)])
    sound = piano_sound(notes, SECONDS)
    np.testing.assert_allclose(told_onsets_s(sound, RATE_HZ, notes), notes.onset)
    both = sorted_notes([(at, at + 0.3, 60, 0.8, 0) for at in (1.0, 1.5, 2.0, 2.25, 3.0)])
    np.testing.assert_allclose(told_onsets_s(sound, RATE_HZ, both), notes.onset)


def test_no_note_is_heard_in_silence_or_a_note_that_sounds_on() -> None:
    notes = sorted_notes([(at, at + 0.1, 60, 0.5, 0) for at in (0.0, 0.2, 0.4, 0.5, 0.7)])
    assert not len(told_onsets_s(np.zeros((RATE_HZ, 2), np.float32), RATE_HZ, notes))
    sound = piano_sound(notes.at(slice(0, 1)), SECONDS)
    assert told_onsets_s(sound, RATE_HZ, notes).tolist() == [0.0]


def test_notes_at_and_beyond_the_edges_are_no_fault() -> None:
    notes = sorted_notes([(at, at + 0.1, key, 0.5, 0) for at, key in ((0.0, 21), (0.99, 108), (1.0, 60), (7.0, 60))])
    sound = piano_sound(notes.at(slice(0, 1)), 1.0)
    sound[-2000:] *= np.linspace(1, 0, 2000, dtype=np.float32)[:, None]  # no click
    assert told_onsets_s(sound, RATE_HZ, notes).tolist() == [0.0]
    assert told_onsets_s(sound, RATE_HZ, notes.at(slice(0, 0))) == pytest.approx(note_onsets_s(sound, RATE_HZ))
