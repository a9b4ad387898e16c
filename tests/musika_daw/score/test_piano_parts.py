"""The parts of a piano: chords, melody and bass are what it plays, each note in one of them; and how pieces begin."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.instrument.played import Loop, Take
from musika_daw.instrument.scores import SCORES, check_asked
from musika_daw.score.controls import Controls
from musika_daw.score.parts import PIANO_PARTS
from musika_daw.score.playing import LOOP_FREEDOM, span_notes
from musika_daw.score.roll import Notes
from musika_daw.score.score import slots_per_bar
from musika_daw.score.tempo import TempoMap

PIANO = SCORES["piano"]
FRAME_S = Fraction(2048, 44_100)
seeds = st.integers(0, 2**64 - 1)
densities = st.floats(0.01, 1)


def rows(notes: Notes) -> list[tuple[float, ...]]:
    return sorted(zip(*(part.tolist() for part in (notes.onset, notes.off, notes.key, notes.velocity)), strict=True))


@given(seeds, densities, st.sampled_from([None, (3, 2)]))
@settings(max_examples=25, deadline=None)
def test_parts_are_all_notes_and_no_note_twice(seed: int, density: float, turn: tuple[int, int] | None) -> None:
    tempo = TempoMap.constant(100)
    whole = span_notes(0, 12, tempo, Controls(seed, density=density), turn)
    apart = [span_notes(0, 12, tempo, Controls(seed, density=density, parts=(part,)), turn) for part in PIANO_PARTS]
    assert sorted(row for part in apart for row in rows(part)) == rows(whole)


def test_hands_are_where_they_are_on_a_keyboard() -> None:
    keys = {
        part: np.concatenate(
            [span_notes(0, 60, TempoMap.constant(110), Controls(seed, parts=(part,))).key for seed in range(8)]
        )
        for part in PIANO_PARTS
    }
    assert np.median(keys["bass"]) < 48 < np.median(keys["chords"]) < np.median(keys["melody"]) > 66
    assert all(len(part) > 100 for part in keys.values())


@given(seeds, densities, st.floats(30, 240))
@settings(max_examples=50, deadline=None)
def test_a_take_begins_with_a_note(seed: int, density: float, bpm: float) -> None:
    notes = Take(8.0, bpm=Fraction(bpm)).notes(PIANO, Controls(seed, density=density), FRAME_S)
    assert notes.onset[0] <= 0.02
    free = Take(8.0).notes(PIANO, Controls(seed, density=density), FRAME_S)
    assert free.onset[0] <= 0.02


@given(seeds, densities, st.fractions(60, 200, max_denominator=100), st.integers(0, 40), st.sampled_from([1, 2, 4]))
@settings(max_examples=50, deadline=None)
def test_a_loop_begins_on_its_downbeat_and_keeps_to_its_grid(
    seed: int, density: float, bpm: Fraction, first: int, bars: int
) -> None:
    notes = Loop(bpm, bars, 4 * first).notes(PIANO, Controls(seed, density=density), FRAME_S)
    assert notes.onset[0] <= LOOP_FREEDOM * 0.02 * 1.1
    assert notes.onset[-1] < float(bars * 240 / bpm)
    # the circle that a loop is made on is of whole latents: its bar may be longer, and have more slots
    slot_s = float(240 / bpm) / slots_per_bar(240 / Loop(bpm, bars).circle(FRAME_S)[1])
    off_s = notes.onset - np.rint(notes.onset / slot_s) * slot_s
    # late by 5 ms at most, and a chord of six is rolled over as much; the circle is up to 0.5 / 20 longer
    assert np.abs(off_s).max() <= LOOP_FREEDOM * (0.02 + 5 * 0.004) * 1.1


def test_silence_has_no_first_note() -> None:
    assert not len(Take(8.0).notes(PIANO, Controls(1, density=0.0), FRAME_S))


@pytest.mark.parametrize(
    ("parts", "kind", "message"),
    [
        (("melody",), "parts", "parts: melody, but x plays drums, bass, lead, chords"),
        (("drums", "bass"), "piano", "parts: drums, bass, but x plays chords, melody, bass"),
        (("bass",), "", "parts: bass, but x plays no score of parts"),
    ],
)
def test_parts_that_a_model_has_not_are_named(parts: tuple[str, ...], kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_asked(Controls(parts=parts), kind, "x")
    check_asked(Controls(parts=("bass",)), "piano", "x")
