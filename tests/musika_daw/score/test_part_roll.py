"""The score of parts as numbers of latent frames: what is told, what is left open, and what is silent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.score.part_roll import CHANNELS, KEYS, LOWEST_KEY, PLACES, part_roll, slices
from musika_daw.score.parts import DRUMS, PARTS
from musika_daw.score.roll import ROLES, Notes, sorted_notes

FRAMES = 16
events = st.lists(
    st.tuples(st.floats(-4, 20), st.floats(0.01, 8), st.integers(0, 127), st.floats(0.01, 1), st.sampled_from(PARTS)),
    max_size=30,
)


def notes_of(drawn: list[tuple[float, float, int, float, str]]) -> Notes:
    drums = list(DRUMS.values())
    return sorted_notes(
        [
            (on, on + length, drums[key % len(drums)] if part == "drums" else key, velocity, ROLES.index(part))
            for on, length, key, velocity, part in drawn
        ]
    )


@given(events)
def test_numbers_are_shares_and_every_part_is_flagged(drawn: list[tuple[float, float, int, float, str]]) -> None:
    rolled = part_roll(notes_of(drawn), FRAMES)
    assert rolled.shape == (FRAMES, CHANNELS)
    assert rolled.dtype == np.float32
    assert ((rolled >= 0) & (rolled <= 1)).all()
    assert all((rolled[:, where.stop - 1] == 1).all() for where in slices().values())


@given(events, st.sets(st.sampled_from(PARTS)))
def test_parts_that_are_not_told_leave_no_trace_and_move_no_other(
    drawn: list[tuple[float, float, int, float, str]], told: set[str]
) -> None:
    whole, some = part_roll(notes_of(drawn), FRAMES), part_roll(notes_of(drawn), FRAMES, told)
    for part, where in slices().items():
        assert np.array_equal(some[:, where], whole[:, where] if part in told else np.zeros_like(whole[:, where]))


@given(events, st.integers(1, FRAMES - 1))
def test_a_stretch_is_told_the_same_wherever_it_is_cut(
    drawn: list[tuple[float, float, int, float, str]], cut: int
) -> None:
    notes = notes_of(drawn)
    late = Notes(notes.onset - cut, notes.off - cut, notes.key, notes.velocity, notes.role)
    assert np.allclose(part_roll(notes, FRAMES)[cut:], part_roll(late, FRAMES - cut), atol=1e-5)


def test_a_bass_note_is_struck_then_sounds_until_it_ends() -> None:
    rolled = part_roll(sorted_notes([(3.25, 6.5, 40, 0.8, ROLES.index("bass"))]), FRAMES)
    column = slices()["bass"].start + 40 - LOWEST_KEY
    assert rolled[3, column] == pytest.approx(0.4)
    assert rolled[3, column + KEYS] == pytest.approx(0.4)
    assert rolled[:, column + 2 * KEYS].nonzero()[0].tolist() == [4, 5, 6]
    assert rolled[6, column + 2 * KEYS] == pytest.approx(0.4)
    places = rolled[3, slices()["bass"]][3 * KEYS : -1]
    assert places[PLACES // 4] == pytest.approx(0.8)
    assert rolled.sum() == pytest.approx(0.8 + 0.8 + 0.8 * 2.5 + FRAMES * len(PARTS))


@given(st.floats(0, FRAMES - 1.01))
def test_where_a_note_begins_can_be_read_back(onset: float) -> None:
    rolled = part_roll(sorted_notes([(onset, onset + 1, 40, 1.0, ROLES.index("bass"))]), FRAMES)
    places = rolled[:, slices()["bass"]][:, 3 * KEYS : -1].ravel()
    assert places.sum() == pytest.approx(1)
    assert (places * np.arange(len(places))).sum() / PLACES == pytest.approx(onset, abs=1e-4)


@pytest.mark.parametrize(("key", "column"), [(0, 0), (11, 11), (12, 0), (107, 95), (108, 84), (119, 95), (127, 91)])
def test_keys_out_of_eight_octaves_keep_their_pitch_class(key: int, column: int) -> None:
    rolled = part_roll(sorted_notes([(0.0, 0.5, key, 1.0, ROLES.index("lead"))]), 1)
    assert rolled[0, slices()["lead"]][:KEYS].nonzero()[0].tolist() == [column]
