"""Tuning: the pitch that is known of a line at every point, and a bass of the weights that ship."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.instrument.engine import Engine
from musika_daw.instrument.played import Loop
from musika_daw.instrument.tuning import tuning
from musika_daw.score.controls import Controls
from musika_daw.score.roll import ROLES, Notes, sorted_notes

BASS = ROLES.index("bass")
FRAME_S, POINTS = 2048 / 44_100, 16


def bass(*rows: tuple[float, int]) -> Notes:
    return sorted_notes([(onset, onset + 0.2, key, 1.0, BASS) for onset, key in rows])


def test_nothing_is_known_before_the_first_note_and_the_last_one_holds() -> None:
    pitch_hz = tuning(bass((0.5, 45), (1.0, 57)), np.arange(40), FRAME_S, POINTS)
    seconds = (np.arange(40 * POINTS) + 0.5) * FRAME_S / POINTS
    assert np.isnan(pitch_hz[seconds < 0.475]).all()
    assert pitch_hz[(seconds > 0.485) & (seconds < 0.975)] == pytest.approx(110)
    assert pitch_hz[seconds > 0.985] == pytest.approx(220)


def test_of_a_chord_the_lowest_is_known() -> None:
    chord = bass((0.0, 52), (0.0, 45), (0.0, 49))
    assert tuning(chord, np.arange(4), FRAME_S, POINTS) == pytest.approx(110)
    assert np.isnan(tuning(bass(), np.arange(4), FRAME_S, POINTS)).all()


@given(
    st.lists(st.tuples(st.floats(0, 4), st.integers(28, 60)), min_size=1, max_size=12),
    st.integers(0, 60),
    st.integers(1, 30),
)
def test_a_pitch_depends_on_its_place_alone(rows: list[tuple[float, int]], first: int, count: int) -> None:
    notes = bass(*rows)
    whole = tuning(notes, np.arange(100), FRAME_S, POINTS)
    part = tuning(notes, np.arange(first, first + count), FRAME_S, POINTS)
    assert np.array_equal(part, whole[first * POINTS : (first + count) * POINTS], equal_nan=True)


@pytest.mark.slow
def test_the_bass_that_ships_is_in_tune() -> None:
    from training.evaluate.measures.pitch import cents_off

    engine, off = Engine.load("parts"), []
    # basses that were a third to three quarters of a semitone off
    for seed in (3011, 3016, 3038, 3041):
        controls = Controls(seed=seed, energy=0.95, parts=("bass",))
        notes = engine.played(Loop(128, 4), controls)
        assert notes is not None
        off += cents_off(engine.stems(128, 4, controls)["bass"], notes, 44_100).tolist()
    assert len(off) >= 24
    assert np.quantile(np.abs(off), 0.9) < 30
