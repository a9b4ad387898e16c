"""A piece of techno: every bar from its number alone, as many onsets as asked, in its own key."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.hearing.key import key_fits
from musika_daw.score.controls import Controls
from musika_daw.score.harmony import NOTES, key_named
from musika_daw.score.techno.harmony import SCALES, draw_harmony
from musika_daw.score.techno.piece import BarScore, Piece, draw_piece, risers
from musika_daw.score.techno.playing import piece_of

pieces = st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 20))


def moments(score: BarScore) -> set[float]:
    """Steps on which something begins, pads left out."""
    hits = {hit.step for struck in score.hits.values() for hit in struck}
    return hits | {tone.step for bus, tones in score.tones.items() if bus != "pad" for tone in tones}


@given(pieces, st.integers(-64, 5000))
@settings(max_examples=40)
def test_a_bar_is_the_same_however_it_is_reached(which: tuple[int, int], bar: int) -> None:
    piece, again = draw_piece(*which), draw_piece(*which)
    for before in range(bar - 3, bar):
        again.bar(before)
    assert piece.bar(bar) == again.bar(bar)
    assert all(hit.bar == bar and 0 <= hit.step < 16 for hits in piece.bar(bar).hits.values() for hit in hits)


@given(pieces)
@settings(max_examples=30)
def test_notes_are_of_the_key_unless_a_sampled_chord_is_moved_along(which: tuple[int, int]) -> None:
    piece = draw_piece(*which)
    scale = {(piece.harmony.root + step) % 12 for step in SCALES[piece.harmony.scale]}
    for bar in range(8):
        for bus, tones in piece.bar(bar, energy=1.0).tones.items():
            if not (piece.harmony.parallel and bus in ("stab", "pad")):
                assert {int(tone.pitch) % 12 for tone in tones} <= scale


@given(st.integers(0, 1 << 40), st.integers(0, 7))
@settings(max_examples=60)
def test_a_piece_in_a_major_key_has_no_minor_chord_on_its_tonic(seed: int, bar: int) -> None:
    """A minor seventh that is moved along would be one, drawn or asked for: its key would be told wrongly."""
    asked = piece_of(Controls(seed=seed, key="Cmaj"))
    scale = {0, 2, 4, 5, 7, 9, 11}
    assert {int(tone.pitch) % 12 for tones in asked.bar(bar, energy=1.0).tones.values() for tone in tones} <= scale
    drawn = draw_harmony(np.random.default_rng(seed))
    assert drawn.scale != "major" or not drawn.parallel


@given(pieces, st.integers(0, 200), st.integers(1, 16))
@settings(max_examples=40)
def test_a_bar_has_as_many_moments_as_asked_if_its_layers_have_them(
    which: tuple[int, int], bar: int, onsets: int
) -> None:
    piece = draw_piece(*which)
    most = len(moments(piece.bar(bar, onsets=1000)))
    assert len(moments(piece.bar(bar, onsets=onsets))) == min(onsets, most)


@given(pieces, st.integers(0, 100))
@settings(max_examples=30)
def test_more_onsets_keep_those_that_were_there(which: tuple[int, int], bar: int) -> None:
    piece = draw_piece(*which)
    few, more = (moments(piece.bar(bar, onsets=n)) for n in (4, 9))
    assert few <= more


def test_energy_says_how_many_layers_play() -> None:
    layers = np.array([[_layers(draw_piece(3, i).bar(5, energy=e)) for e in (0.2, 0.6, 1.0)] for i in range(40)])
    assert (np.diff(layers, axis=1) >= 0).all()
    low, _, high = layers.mean(0)
    assert high > low + 4


def _layers(score: BarScore) -> int:
    return len(score.hits) + len(score.tones)


@pytest.mark.parametrize("index", range(6))
def test_no_window_of_32_bars_has_two_breaks(index: int) -> None:
    section = draw_piece(1, index).arrangement.section
    kinds = [section(4 * block).kind for block in range(-100, 400)]
    windows = [kinds[i : i + 8].count("break") for i in range(len(kinds) - 8)]
    assert max(windows) == 1


def test_risers_end_where_a_drop_begins() -> None:
    spans = [(draw_piece(2, i), span) for i in range(30) for span in risers(draw_piece(2, i), 32)]
    assert spans
    for piece, (first, end) in spans:
        assert end - first == 4
        assert piece.arrangement.section(end).kind == "drop"


@given(pieces, st.integers(0, 500))
@settings(max_examples=40)
def test_a_pedal_keeps_the_bass_on_the_motif_of_the_first_bar(which: tuple[int, int], bar: int) -> None:
    harmony = draw_piece(*which).harmony
    for line in (draw_piece(*which).lines.get(bus) for bus in ("bass", "acid")):
        if line is None or bar % 4 == 3:
            continue
        here, first = ([tone.pitch for tone in line.tones(number, harmony)] for number in (bar, 0))
        moves = harmony.bar_degree(bar) != harmony.bar_degree(0)
        assert (here == first) == (harmony.pedal or not moves)


def test_nine_pieces_of_ten_are_in_their_key_by_their_notes() -> None:
    drawn = [draw_piece(11, index) for index in range(300)]
    heard = [
        (_heard(piece), piece.harmony.key.name) for piece in drawn if any(piece.bar(b, 0.95).tones for b in range(8))
    ]
    assert len(heard) > 250
    assert np.mean([best in (asked, _relative(asked)) for best, asked in heard]) > 0.88


def _heard(piece: Piece) -> str:
    """The key of eight bars by a key finder that is told the notes, as long and loud as they are."""
    classes = np.zeros(12)
    for bar in range(8):
        for tones in piece.bar(bar, energy=0.95).tones.values():
            for tone in tones:
                classes[int(tone.pitch) % 12] += tone.length * tone.velocity
    fits = key_fits(classes)
    return max(fits, key=lambda name: fits[name])


def _relative(name: str) -> str:
    key = key_named(name)
    return f"{NOTES[(key.tonic + 3) % 12]}maj" if name.endswith("min") else f"{NOTES[(key.tonic - 3) % 12]}min"
