"""Notes of a stretch of techno: the same wherever a stretch is cut, loops that close, parts and key as asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.score.controls import Controls
from musika_daw.score.density import rate_of_density
from musika_daw.score.harmony import NOTES, key_named
from musika_daw.score.roll import ROLES
from musika_daw.score.techno.harmony import SCALES
from musika_daw.score.techno.playing import piece_of, span_notes, written_key
from musika_daw.score.tempo import TempoMap

seeds = st.integers(0, 2**64 - 1)


def rows(notes: object, first_s: float, stop_s: float) -> list[tuple[float, ...]]:
    """Notes that begin within a stretch, rounded to a microsecond."""
    table = np.stack([getattr(notes, name) for name in ("onset", "off", "key", "velocity", "role")], 1)
    inside = table[(table[:, 0] >= first_s) & (table[:, 0] < stop_s)]
    return sorted(map(tuple, np.round(inside, 6).tolist()))


@given(seeds, st.floats(60, 200), st.floats(0.5, 12))
@settings(max_examples=25)
def test_a_stretch_holds_what_its_pieces_hold(seed: int, bpm: float, cut_s: float) -> None:
    tempo, controls = TempoMap.constant(bpm), Controls(seed=seed)
    whole = span_notes(0.0, 14.0, tempo, controls)
    early, late = span_notes(0.0, cut_s, tempo, controls), span_notes(cut_s, 14.0, tempo, controls)
    assert rows(whole, 0.0, cut_s) == rows(early, 0.0, cut_s)
    assert rows(whole, cut_s, 14.0) == rows(late, cut_s, 14.0)


@given(seeds, st.integers(0, 300), st.sampled_from([1, 2, 4, 8]))
@settings(max_examples=25)
def test_a_loop_comes_round_to_its_first_bar(seed: int, start: int, bars: int) -> None:
    tempo, length = TempoMap.constant(120.0), 2.0 * bars
    notes = span_notes(0.0, 2 * length, tempo, Controls(seed=seed), (start, bars))
    first, second = rows(notes, 0.1, length), rows(replace(notes, onset=notes.onset - length), 0.1, length)
    assert [row[0] for row in first] == [row[0] for row in second]
    assert [row[2:] for row in first] == [row[2:] for row in second]


@given(seeds, st.floats(0.15, 0.6))
@settings(max_examples=25)
def test_density_says_how_many_moments_a_second_has(seed: int, density: float) -> None:
    tempo = TempoMap.constant(128.0)
    notes = span_notes(0.0, 15.0, tempo, Controls(seed=seed, density=density, energy=1.0))
    bar_s = 4 * 60 / 128
    moments = len({round(t, 2) for t in notes.onset.tolist() if 0 <= t < 8 * bar_s - 0.02})
    # fills, humanised hits and pads may add a few, thin layers may lack some
    assert moments <= 8 * (float(rate_of_density(density)) * bar_s + 4)


@given(seeds)
@settings(max_examples=25)
def test_lines_are_in_the_written_key(seed: int) -> None:
    controls = Controls(seed=seed, energy=1.0)
    harmony, name = piece_of(controls).harmony, written_key(controls)
    assert NOTES[harmony.root % 12] == name[:-3]
    assert (harmony.scale == "major") == name.endswith("maj")
    scale = {(harmony.root + step) % 12 for step in SCALES[harmony.scale]}
    notes = span_notes(0.0, 16.0, TempoMap.constant(130.0), controls)
    assert {key % 12 for part in ("bass", "lead") for key in notes.of(part).key.tolist()} <= scale


def test_a_style_seed_keeps_the_key_and_a_seed_changes_the_notes() -> None:
    one, other = (Controls(seed=seed, style_seed=7) for seed in (1, 2))
    assert written_key(one) == written_key(other)
    tempo = TempoMap.constant(125.0)
    assert rows(span_notes(0, 8, tempo, one), 0, 8) != rows(span_notes(0, 8, tempo, other), 0, 8)
    roles = set(span_notes(0, 60, tempo, one).roles.tolist())
    assert ROLES.index("drums") in roles
    assert ROLES.index("piano") not in roles


@pytest.mark.parametrize("parts", [(), ("drum",), ("bass", "vocals")])
def test_unknown_parts_are_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="must be some of drums, bass, lead, chords"):
        Controls(parts=parts)


@given(seeds, st.sampled_from(["Am", "Bbmaj", "F#min", "8B", "Eb"]))
@settings(max_examples=25)
def test_a_piece_is_written_in_the_key_that_is_asked(seed: int, key: str) -> None:
    controls = Controls(seed=seed, energy=1.0, key=key)
    wanted = key_named(key)
    assert written_key(controls) == wanted.name
    harmony = piece_of(controls).harmony
    assert 33 <= harmony.root <= 44
    own = piece_of(Controls(seed=seed, energy=1.0))
    asked, free = (span_notes(0.0, 8.0, TempoMap.constant(120), c) for c in (controls, Controls(seed=seed, energy=1.0)))
    assert np.array_equal(asked.of("drums").onset, free.of("drums").onset)
    if own.harmony.scale == harmony.scale:
        moved = set((asked.of("bass").key - free.of("bass").key).tolist())
        assert moved <= {harmony.root - own.harmony.root}


@pytest.mark.parametrize("key", ["H", "", "Am7", "13A"])
def test_unknown_keys_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="must be like Am, F#, Bbmin or 8A"):
        Controls(key=key)
