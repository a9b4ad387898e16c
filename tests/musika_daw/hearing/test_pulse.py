"""The pulse of loops that do not play every beat: heard at the places of their notes, right or wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.hearing.check import check_loop
from musika_daw.hearing.findings import Findings
from musika_daw.hearing.limits import BEAT, NO_BEAT, TEMPO, broken
from musika_daw.hearing.pulse import places_of, pulse_of_notes
from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import ROLES, sorted_notes
from tests.pack_builder.pack_stand_in import struck

RATE_HZ = 44_100
EARLY_MS = 10.0


def loop_of(places: np.ndarray, bpm: float, bars: int, late_s: float = 0.0, speed: float = 1.0) -> np.ndarray:
    """A loop [frames, 2] of struck notes, seamless since they are added on a circle."""
    frames = round(bars * 240 * RATE_HZ / bpm)
    wave = np.zeros(frames)
    for number, place in enumerate(places):
        note = struck(220 * 2 ** ((7 * number % 12) / 12), 1.5, 0.3, RATE_HZ)
        start = round((place * 60 / bpm / speed + late_s) * RATE_HZ)
        np.add.at(wave, (start + np.arange(len(note))) % frames, note)
    return np.stack([wave, wave], axis=1).astype(np.float32) * 0.2


def checked(loop: np.ndarray, bpm: float, places: np.ndarray) -> Findings:
    """A loop of four bars, held against notes that begin at places in beats."""
    notes = sorted_notes([(place, place + 0.5, 60, 0.8, ROLES.index("piano")) for place in places])
    return check_loop(loop, RATE_HZ, bpm, 16, notes, every_beat=False)


# a tempo is heard between notes that are far from each other
rhythms = st.lists(st.integers(1, 23), min_size=2, max_size=14, unique=True).map(
    lambda steps: np.array([0, *sorted(steps), 26]) / 2
)


@given(rhythms, st.floats(70, 180))
@settings(max_examples=15, deadline=None)
def test_a_loop_is_in_time_wherever_its_notes_are(places: np.ndarray, bpm: float) -> None:
    findings = checked(loop_of(places, bpm, 4), bpm, places)
    assert findings.pulse is not None
    assert findings.pulse.bpm == pytest.approx(bpm, rel=0.004)
    # struck strings of 1 ms are heard 7.5 ms early in the median of 150 rhythms, 9.3 at most; a pack's limit is 10
    assert findings.pulse.beat_offset_ms < EARLY_MS
    # its seam may be told nonetheless: a downbeat after a long rest rises more than notes within what still sounds
    assert not {TEMPO, BEAT, NO_BEAT} & set(broken(findings))


@given(rhythms, st.sampled_from([0.98, 1.015]), st.sampled_from([-0.03, 0.025, 0.04]))
@settings(max_examples=10, deadline=None)
def test_a_wrong_tempo_and_a_late_loop_are_told(places: np.ndarray, speed: float, late_s: float) -> None:
    fast = pulse_of_notes(loop_of(places, 120, 4, speed=speed), RATE_HZ, 120, places)
    late = pulse_of_notes(loop_of(places, 120, 4, late_s=late_s), RATE_HZ, 120, places)
    assert fast is not None
    assert fast.bpm == pytest.approx(120 * speed, rel=0.004)
    assert late is not None
    assert late.beat_offset_ms == pytest.approx(abs(late_s) * 1000, abs=EARLY_MS)
    assert TEMPO in broken(checked(loop_of(places, 120, 4, speed=speed), 120, places))
    assert BEAT in broken(checked(loop_of(places, 120, 4, late_s=late_s), 120, places))


def test_notes_that_are_not_played_are_no_pulse() -> None:
    places = np.array([0.0, 3.5, 7.25, 11.0])
    steady = np.random.default_rng(1).normal(size=(4 * RATE_HZ, 2)).astype(np.float32) * 0.1
    assert pulse_of_notes(steady * 0, RATE_HZ, 240, places) is None
    assert pulse_of_notes(loop_of(places, 120, 4), RATE_HZ, 120, np.zeros(0)) is None
    assert NO_BEAT in broken(checked(loop_of(np.array([5.0]), 120, 4), 120, places))


@given(st.lists(st.floats(0, 16), max_size=40), st.floats(60, 200))
def test_places_are_those_of_the_midi_file(onsets: list[float], bpm: float) -> None:
    places = places_of(np.array(onsets), bpm, 16)
    assert (np.diff(places) > 0.0).all()
    assert ((places >= 0) & (places < 16)).all()
    ticks = np.rint(np.array(onsets) * 960) % (16 * 960)  # as they are written
    np.testing.assert_array_equal(places, places_of(ticks / 960, bpm, 16))
    assert len(places) <= len(onsets)
    assert bool(len(places)) == bool(onsets)


def test_broken_beats_are_heard_where_their_drums_strike() -> None:
    """Drums between the beats have no pulse by the beats alone."""
    places = np.array([0, 1.75, 3.25, 5.5, 6.75, 8.5, 9.75, 11.25, 13.5, 14.75])
    loop = loop_of(places, 120, 4)
    assert NO_BEAT in broken(check_loop(loop, RATE_HZ, 120, 16))
    kick = sorted_notes([(place, place + 0.2, DRUMS["kick"], 0.8, ROLES.index("drums")) for place in places])
    findings = check_loop(loop, RATE_HZ, 120, 16, kick)
    assert findings.pulse is not None
    assert findings.pulse.bpm == pytest.approx(120, rel=0.004)
    assert not {TEMPO, BEAT, NO_BEAT} & set(broken(findings))


@pytest.mark.parametrize(("late_s", "broken_limits"), [(0.0, set()), (0.03, {BEAT})])
def test_what_swells_beside_a_kick_is_not_the_beat(late_s: float, broken_limits: set[str]) -> None:
    """Each beat has a soft noise 20 ms after its kick, which changes more of the spectrum than the kick does."""
    beats = np.arange(16.0)
    loop = loop_of(beats, 120, 4, late_s=late_s)
    noise = np.random.default_rng(3).standard_normal(len(loop)) * 0.03
    seconds = (np.arange(len(loop)) / RATE_HZ - late_s - 0.02) % 0.5
    loop += (noise * np.exp(-seconds / 0.1))[:, None].astype(np.float32)
    kick = sorted_notes([(beat, beat + 0.2, DRUMS["kick"], 0.8, ROLES.index("drums")) for beat in beats])
    assert BEAT in broken(check_loop(loop, RATE_HZ, 120, 16))
    assert {BEAT, NO_BEAT} & set(broken(check_loop(loop, RATE_HZ, 120, 16, kick))) == broken_limits
