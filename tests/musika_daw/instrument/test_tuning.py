"""Tuning: the pitch that is known of a line at every point, and a bass of the weights that ship."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.instrument.engine import Engine
from musika_daw.instrument.played import Loop
from musika_daw.instrument.tuning import tuning
from musika_daw.score.controls import Controls
from musika_daw.score.roll import ROLES, Notes, sorted_notes
from musika_daw.score.techno.playing import span_notes
from musika_daw.score.tempo import TempoMap

BASS = ROLES.index("bass")
FRAME_S, POINTS = 2048 / 44_100, 16


def bass(*rows: tuple[float, int]) -> Notes:
    return sorted_notes([(onset, onset + 0.2, key, 1.0, BASS) for onset, key in rows])


def test_nothing_is_known_in_rests_and_a_note_rings_on() -> None:
    pitch_hz = tuning(bass((0.5, 45), (1.0, 57)), np.arange(60), FRAME_S, POINTS)
    seconds = (np.arange(60 * POINTS) + 0.5) * FRAME_S / POINTS
    assert np.isnan(pitch_hz[seconds < 0.475]).all()
    assert pitch_hz[(seconds > 0.485) & (seconds < 0.975)] == pytest.approx(110)
    assert pitch_hz[(seconds > 0.985) & (seconds < 1.695)] == pytest.approx(220)
    assert np.isnan(pitch_hz[seconds > 1.705]).all()


def test_of_a_chord_the_lowest_is_known() -> None:
    chord = bass((0.0, 52), (0.0, 45), (0.0, 49))
    assert tuning(chord, np.arange(4), FRAME_S, POINTS) == pytest.approx(110)
    assert np.isnan(tuning(bass(), np.arange(4), FRAME_S, POINTS)).all()


@given(st.integers(0, 500), st.sampled_from(["bass", "lead", "chords"]), st.integers(0, 16), st.floats(60, 240))
@settings(max_examples=60, deadline=None)
def test_a_stretch_knows_the_pitches_of_the_whole_piece(seed: int, role: str, bar: int, bpm: float) -> None:
    """Lines rest for bars, and a stretch is told the notes of one bar before it."""
    tempo, controls = TempoMap.constant(bpm), Controls(seed=seed)
    first, stop = (int(float(tempo.seconds(4 * edge)) / FRAME_S) + 1 for edge in (bar, bar + 2))

    def known(begin: int) -> np.ndarray:
        notes = span_notes(begin * FRAME_S, stop * FRAME_S, tempo, controls).of(role)
        return tuning(notes, np.arange(begin, stop), FRAME_S, POINTS)

    part = known(first)
    assert np.array_equal(part, known(0)[-len(part) :], equal_nan=True)


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
