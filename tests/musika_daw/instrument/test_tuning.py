"""Tuning: the pitch that is known of a line at every point, and a bass of the weights that ship."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.instrument.engine import Engine
from musika_daw.instrument.played import Loop
from musika_daw.instrument.tuning import sounding, tuning
from musika_daw.score.controls import Controls
from musika_daw.score.roll import ROLES, Notes, sorted_notes
from musika_daw.score.techno.playing import span_notes
from musika_daw.score.tempo import TempoMap

BASS, CHORDS = ROLES.index("bass"), ROLES.index("chords")
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


def chords(*rows: tuple[float, float, int]) -> Notes:
    return sorted_notes([(onset, off, key, 1.0, CHORDS) for onset, off, key in rows])


def test_notes_sound_from_shortly_before_until_they_have_rung() -> None:
    hz, chord, held = sounding(chords((1.0, 1.5, 69), (1.001, 1.5, 76), (3.0, 3.2, 57)), np.arange(100), FRAME_S, 2)
    seconds = (np.arange(200) + 0.5) * FRAME_S / 2
    struck = (seconds > 0.96) & (seconds < 1.79)
    assert np.sort(hz[struck][:, :2]) == pytest.approx(np.tile([440, 659.255], (struck.sum(), 1)), abs=1e-2)
    assert np.isnan(hz[(seconds < 0.94) | ((seconds > 1.81) & (seconds < 2.94))]).all()
    assert (chord[struck][:, 0] == chord[struck][:, 1]).all()
    assert chord[seconds > 3.1].max() > chord[struck].max()
    assert (held[(seconds > 1) & (seconds < 1.58)][:, :2] == 1).all()
    falls = (seconds > 1.6) & (seconds < 1.8)
    assert held[falls][:, 0] == pytest.approx((1.8 - seconds[falls]) / 0.2, abs=0.01)


def test_a_key_struck_again_is_one_voice_and_the_last_struck_are_kept() -> None:
    again = chords(*((0.1 * k, 0.1 * k + 0.3, 60) for k in range(20)))
    assert (~np.isnan(sounding(again, np.arange(40), FRAME_S, 2)[0])).sum(1).max() == 1
    many = chords(*((0.1 * k, 9.0, 40 + k) for k in range(20)))
    last = sounding(many, np.arange(80, 90), FRAME_S, 2)[0]
    assert np.sort(last[0]) == pytest.approx(440 * 2 ** ((np.arange(52, 60) - 69) / 12))


@given(st.integers(0, 500), st.sampled_from(["bass", "lead", "chords"]), st.integers(0, 16), st.floats(60, 240))
@settings(max_examples=60, deadline=None)
def test_a_stretch_knows_the_pitches_of_the_whole_piece(seed: int, role: str, bar: int, bpm: float) -> None:
    """Lines rest for bars, and a stretch is told the notes of one bar before it."""
    tempo, controls = TempoMap.constant(bpm), Controls(seed=seed)
    first, stop = (int(float(tempo.seconds(4 * edge)) / FRAME_S) + 1 for edge in (bar, bar + 2))

    def known(begin: int) -> tuple[np.ndarray, np.ndarray]:
        notes = span_notes(begin * FRAME_S, stop * FRAME_S, tempo, controls).of(role)
        index = np.arange(begin, stop)
        return tuning(notes, index, FRAME_S, POINTS), sounding(notes, index, FRAME_S, 2)

    (deep, part), (whole_deep, whole) = known(first), known(0)
    assert np.array_equal(deep, whole_deep[-len(deep) :], equal_nan=True)
    whole = whole[:, -part.shape[1] :]
    assert np.array_equal(part[[0, 2]], whole[[0, 2]], equal_nan=True)
    # chords are numbered from where the stretch begins: the same ones are together
    for one, other in zip(part[1], whole[1]):
        assert np.array_equal(one[:, None] == one, other[:, None] == other)


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
