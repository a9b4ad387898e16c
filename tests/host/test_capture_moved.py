"""Capture where controls were moved: what is kept is what was heard, not what would be heard now."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from musika_daw.host.capture import HeardBars, Take
from musika_daw.host.play.piece import Piece
from musika_daw.score.controls import Controls

OLD = Piece(Fraction(120), Controls(seed=1), 48_000)
NEW = replace(OLD, controls=Controls(seed=2))
OTHER = replace(OLD, controls=Controls(seed=3))


def _play(heard: HeardBars, *stretches: tuple[float, float, Piece], jumps: int = 0) -> HeardBars:
    for first, last, piece in stretches:
        for beat in np.arange(first, last, 0.05):
            heard.play(float(beat), True, jumps, piece)
    return heard


def test_bars_before_a_control_was_moved_are_kept_as_they_were_heard() -> None:
    heard = _play(HeardBars(), (0, 41, OLD), (41, 47, NEW))
    assert heard.last(8, NEW) == Take(8, 8, OLD)
    _play(heard, (47, 60.1, NEW))
    assert heard.last(8, NEW) == Take(44, 4, NEW)  # fewer, where fewer were heard
    assert heard.last(8, OTHER) == Take(44, 4, NEW)  # what is not rendered yet was not heard


@pytest.mark.parametrize("late", [-0.06, 0.0, 0.06])
def test_a_part_that_is_muted_on_a_beat_costs_no_bar(late: float) -> None:
    muted = replace(OLD, controls=replace(OLD.controls, muted=("drums",)))
    heard = _play(HeardBars(), (0, 32 + late, OLD), (32 + late, 33, muted))
    assert heard.last(8, muted) == Take(0, 8, OLD)
    _play(heard, (33, 48.1, muted))
    assert heard.last(4, muted) == Take(32, 4, muted)


def test_where_controls_move_all_the_time_the_bars_are_kept_and_it_is_said() -> None:
    stretches = [(beat, beat + 2.0, OLD if beat % 4 else NEW) for beat in np.arange(0, 40, 2.0)]
    heard = _play(HeardBars(), *stretches, (40, 40.1, OTHER))
    assert heard.last(8, OTHER) == Take(8, 8, OTHER, True)
    heard.play(40.1, False, 1, OTHER)
    assert heard.last(8, OLD) == Take(8, 8, OTHER, True)  # stopped
    _play(heard, (100, 105, OLD), jumps=2)
    assert heard.last(8, OLD) == Take(8, 8, OTHER, True)
    _play(heard, (105, 120, OLD), jumps=2)
    assert heard.last(8, OLD) == Take(100, 4, OLD)


def test_tempo_and_played_chords_do_not_end_the_bars_and_the_last_tempo_counts() -> None:
    faster = replace(OLD, bpm=Fraction(125), controls=replace(OLD.controls, changes=((20.0, "Am"),)))
    heard = _play(HeardBars(), (0, 20, OLD), (20, 32.1, faster))
    assert heard.last(8, OLD) == Take(0, 8, faster)


def test_bars_in_which_nothing_was_rendered_yet_were_not_heard() -> None:
    heard = HeardBars()
    for beat in np.arange(0, 60, 0.05):
        heard.play(float(beat), True, 0, OLD, sounds=bool(beat >= 22))
    assert heard.last(16, OLD) == Take(24, 8, OLD)
    for beat in np.arange(100, 120, 0.05):  # sent elsewhere, where nothing comes
        heard.play(float(beat), True, 1, OLD, sounds=False)
    assert heard.last(16, OLD) == Take(24, 8, OLD)
    hole = _play(HeardBars(), (0, 10, OLD))
    hole.play(10, True, 0, OLD, sounds=False)
    assert _play(hole, (10, 32.1, OLD)).last(8, OLD) == Take(0, 8, OLD)
