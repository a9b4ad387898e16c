from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.score.techno.arrangement import BLOCK_BARS, draw_arrangement
from musika_daw.score.techno.grid import Grid, Hit, onsets_in, rng_of
from musika_daw.score.techno.patterns import euclid, fill_bar, hat_bar
from musika_daw.score.techno.piece import draw_piece
from musika_daw.score.techno.style import STYLES, draw_bpm, draw_style

tempi = st.floats(100, 180)


@given(tempi, st.integers(1, 64))
def test_length_is_rounded_once(bpm: float, bars: int) -> None:
    assert abs(Grid(bpm, bars).frames - bars * 4 * 60 / bpm * 44_100) <= 0.5 + 1e-6


@given(tempi, st.floats(0, 0.36), st.integers(0, 31), st.sampled_from(range(0, 16, 2)), st.floats(-0.006, 0.006))
def test_swing_and_lateness_never_move_an_even_sixteenth(
    bpm: float, swing: float, bar: int, step: int, late_s: float
) -> None:
    exact = (bar * 16 + step) * 60 / bpm / 4 * 44_100
    assert abs(Grid(bpm, 32, swing).hit_frame(Hit(bar, step, 1.0, late_s)) - exact) <= 0.5 + 1e-6


@given(tempi, st.floats(0.01, 0.36), st.sampled_from(range(1, 16, 2)))
def test_swing_delays_an_odd_sixteenth_by_its_share(bpm: float, swing: float, step: int) -> None:
    sixteenth = 60 / bpm / 4 * 44_100
    late = Grid(bpm, 4, swing).frame(1, step) - Grid(bpm, 4).frame(1, step)
    assert abs(late - swing * sixteenth) <= 1


@given(st.lists(st.integers(-1000, 50_000), max_size=60))
def test_merged_onsets_are_sorted_inside_and_apart(frames: list[int]) -> None:
    merged = onsets_in(frames, 40_000)
    assert (np.diff(merged) >= 441).all()
    assert ((merged >= 0) & (merged < 40_000)).all()
    assert set(merged) <= set(frames)


def test_random_streams_of_two_purposes_differ_and_repeat() -> None:
    one, again, other = (rng_of(1, 2, p).random(4) for p in ("kit", "kit", "mix"))
    assert (one == again).all()
    assert (one != other).all()


@given(st.integers(1, 16), st.integers(0, 15))
def test_euclid_spreads_evenly(hits: int, turn: int) -> None:
    steps = euclid(hits, 16, turn)
    gaps = np.diff([*steps, steps[0] + 16])
    assert len(set(steps)) == hits
    assert gaps.max() - gaps.min() <= 1


@given(st.integers(0, 10_000))
def test_motifs_stay_in_their_bar(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bars = [hat_bar(rng), *fill_bar(rng, "toms").values(), *fill_bar(rng, "triplets").values()]
    assert all(0 <= step < 16 and 0 < level <= 1 for bar in bars for step, level in bar)


@given(st.integers(0, 10_000))
def test_tempo_is_in_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert 100 <= draw_bpm(rng, draw_style(rng)) <= 180


@pytest.fixture(scope="module")
def drawn() -> list[tuple[bool, int, int, int]]:
    """Four on the floor, full-kick bars, kickless bars, bars for 150 songs."""
    out = []
    for index in range(150):
        piece = draw_piece(9, index)
        steps = [{h.step for h in piece.bar(bar).hits.get("kick", [])} for bar in range(32)]
        full = sum({0.0, 4.0, 8.0, 12.0} <= s for s in steps)
        out.append((piece.style.four_floor, full, sum(not s for s in steps), 32))
    return out


def test_most_songs_are_four_on_the_floor(drawn: list[tuple[bool, int, int, int]]) -> None:
    assert np.mean([d[0] for d in drawn]) >= 0.8


def test_most_bars_have_a_kick_on_every_beat_and_few_have_none(drawn: list[tuple[bool, int, int, int]]) -> None:
    bars = sum(d[3] for d in drawn)
    assert sum(d[1] for d in drawn) / bars >= 0.7
    assert 0.01 < sum(d[2] for d in drawn) / bars <= 0.15
    assert max(d[2] for d in drawn) <= BLOCK_BARS


def test_density_differs_between_songs() -> None:
    rng = np.random.default_rng(0)
    rooms = []
    for index in range(60):
        arrangement = draw_arrangement(rng, 0, index, STYLES[0], ["kick", "hat", "bass"])
        allowed = [arrangement.allows(arrangement.section(b), b, s) for b in range(32) for s in range(16)]
        rooms.append(np.mean(allowed))
    assert np.percentile(rooms, 10) < 0.5
    assert np.percentile(rooms, 90) > 0.8
