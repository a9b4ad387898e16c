"""Chords that change on the way: music before a change stays as it was, music after it is in its chord."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.instrument.scores import SCORES, check_asked
from musika_daw.score.chords import chord_name, chord_named
from musika_daw.score.controls import Controls
from musika_daw.score.following.changes import CHANGES_MAX, Changes, change_at, changed, changes_named
from musika_daw.score.roll import ROLES, Notes
from musika_daw.score.tempo import TempoMap
from tests.musika_daw.score.progressions import NAMES

BPM = 120
BEAT_S = 60 / BPM
TEMPO = TempoMap.constant(BPM)
KINDS = st.sampled_from(["piano", "parts"])
BEATS = st.integers(0, 60)
MOVES = st.lists(st.tuples(BEATS, st.none() | NAMES), max_size=8)


def notes(kind: str, controls: Controls, first: float, stop: float) -> Notes:
    """Those that begin from one beat up to another; onsets in beats."""
    found = SCORES[kind].notes(first * BEAT_S, stop * BEAT_S, TEMPO, controls)
    return found.at((found.onset >= first * BEAT_S - 0.02) & (found.onset < stop * BEAT_S - 0.02))


def same(one: Notes, other: Notes) -> bool:
    """Whether two begin alike; where a change comes a note may end earlier."""

    def begins(notes: Notes) -> list[tuple[float, ...]]:
        return sorted(zip(notes.onset, notes.key, notes.velocity, strict=True))

    return begins(one) == begins(other)


def played(moves: list[tuple[int, str | None]]) -> Changes:
    """The changes of someone who played these chords, each at its beat, in this order."""
    changes: Changes = ()
    for beat, chord in moves:
        changes = changed(changes, beat, chord)
    return changes


@given(MOVES, BEATS, NAMES)
def test_a_chord_holds_from_its_beat_on_and_what_was_before_it_stays(
    moves: list[tuple[int, str | None]], beat: int, name: str
) -> None:
    before = played(moves)
    after = changed(before, beat, name)
    read, then = changes_named(before), changes_named(after)
    for place in np.arange(0, 64, 0.5):
        here, now = change_at(read, place), change_at(then, place)
        if place < beat:
            assert (here and here.chord) == (now and now.chord)
        else:
            assert now is not None
            assert now.chord == chord_named(name)
    assert changed(after, beat, name) == after
    assert changed(after, beat + 4, name) == after


@given(KINDS, st.integers(0, 50), MOVES, BEATS, NAMES)
@settings(max_examples=40, deadline=None)
def test_music_before_a_change_does_not_know_of_it(
    kind: str, seed: int, moves: list[tuple[int, str | None]], beat: int, name: str
) -> None:
    before = Controls(seed=seed, changes=played(moves))
    after = Controls(seed=seed, changes=changed(before.changes, beat, name))
    first = max(0, beat - 12)
    assert same(notes(kind, before, first, beat), notes(kind, after, first, beat))


@given(st.integers(0, 50), st.integers(4, 40), NAMES, st.sampled_from([None, "Am", "F#maj"]))
@settings(max_examples=60, deadline=None)
def test_parts_play_the_chord_from_the_beat_of_its_change_on(seed: int, beat: int, name: str, key: str | None) -> None:
    chord = chord_named(name)
    assert chord is not None
    controls = Controls(seed=seed, key=key, energy=1.0, changes=((beat, name),))
    found = notes("parts", controls, beat, beat + 8)
    chords = found.key[found.roles == ROLES.index("chords")] % 12
    assert set(chords.tolist()) <= set(chord.tones)
    bass = found.at(found.roles == ROLES.index("bass"))
    if len(bass.key):
        assert bass.key[0] % 12 == chord.low
    # what was struck before the change is over when it comes
    earlier = SCORES["parts"].notes((beat - 4) * BEAT_S, beat * BEAT_S, TEMPO, controls)
    rings = earlier.at((earlier.roles != ROLES.index("drums")) & (earlier.onset < beat * BEAT_S - 0.02))
    swing_s = 0.2 * BEAT_S
    assert not len(rings.off) or rings.off.max() <= beat * BEAT_S + swing_s


@given(st.integers(0, 50), st.integers(0, 12), NAMES)
@settings(max_examples=30, deadline=None)
def test_the_piano_strikes_the_chords_of_their_bars(seed: int, bar: int, name: str) -> None:
    chord = chord_named(name)
    assert chord is not None
    found = notes("piano", Controls(seed=seed, density=0.9, changes=((4.0 * bar, name),)), 4 * bar, 4 * bar + 8)
    low = found.key < 52  # runs of the melody, which pass through the key, come down to 55
    assert np.isin(found.key[low] % 12, [*chord.tones, chord.low]).all()


@given(KINDS, st.integers(0, 50), st.integers(0, 8), st.integers(1, 8), NAMES)
@settings(max_examples=40, deadline=None)
def test_a_piece_that_is_let_go_is_its_own_again(kind: str, seed: int, bar: int, bars: int, name: str) -> None:
    back = 4.0 * (bar + bars)
    controls = Controls(seed=seed, changes=((4.0 * bar, name), (back, None)))
    assert same(notes(kind, controls, back, back + 16), notes(kind, Controls(seed=seed), back, back + 16))


def test_a_typed_progression_goes_on_where_no_chord_was_played() -> None:
    typed = Controls(seed=3, chords="Am | F | C | G", energy=1.0)
    led = Controls(seed=3, chords="Am | F | C | G", energy=1.0, changes=((8.0, "Dm"), (12.0, None)))
    for first, stop in ((0, 8), (12, 16)):
        assert same(notes("parts", typed, first, stop), notes("parts", led, first, stop))
    assert not same(notes("parts", typed, 8, 12), notes("parts", led, 8, 12))


def test_a_loop_of_bars_has_the_chords_of_those_bars() -> None:
    controls = Controls(seed=5, energy=1.0, changes=((16.0, "Dm"), (24.0, "G7")))
    there = SCORES["parts"].notes(16 * BEAT_S, 32 * BEAT_S - 0.01, TEMPO, controls)
    loop = SCORES["parts"].notes(0.0, 16 * BEAT_S - 0.01, TEMPO, controls, (4, 4))
    begun = there.at(there.onset >= 16 * BEAT_S - 1e-6)
    turned = loop.at(loop.onset >= -1e-6)
    assert begun.key.tolist() == turned.key.tolist()
    assert begun.onset == pytest.approx(turned.onset + 16 * BEAT_S)


def test_the_key_is_that_which_was_asked_or_fits_what_was_played() -> None:
    for kind in ("piano", "parts"):
        key = SCORES[kind].key
        assert key(Controls(changes=((0.0, "Am"), (4.0, "F")))) == "Amin"
        assert key(Controls(changes=((0.0, "C"), (4.0, "F")))) == "Cmaj"
        assert key(Controls(key="Dm", changes=((0.0, "Am"),))) == "Dmin"
        assert key(Controls(seed=2, changes=((0.0, "Am"), (4.0, None)))) == key(Controls(seed=2))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (((0.0, "H"),), "changes: 'H', at beat 0, must be a chord like Am"),
        (((4.0, "Am"), (4.0, "F")), "changes: 4, must be beats, each after the one before"),
        (((float("nan"), "Am"),), "changes: nan, must be beats"),
        (tuple((float(beat), "Am") for beat in range(CHANGES_MAX + 1)), f"must be at most {CHANGES_MAX}"),
    ],
)
def test_changes_that_are_none_are_refused(changes: Changes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Controls(changes=changes)


def test_the_last_changes_are_kept_and_a_model_without_a_score_has_none() -> None:
    changes: Changes = ()
    for beat in range(2 * CHANGES_MAX):
        changes = changed(changes, beat, "Am" if beat % 2 else "F")
    assert len(changes) == CHANGES_MAX
    assert changes[-1][0] == 2 * CHANGES_MAX - 1
    with pytest.raises(ValueError, match="changes: 256, but click plays no score, which would follow them"):
        check_asked(Controls(changes=changes), "", "click")


@given(KINDS, st.integers(0, 2**32), MOVES, st.none() | st.just("Dm | G7/B"), st.floats(-64, 200))
@settings(max_examples=100, deadline=None)
def test_the_chord_of_any_beat_has_a_name(
    kind: str, seed: int, moves: list[tuple[int, str | None]], typed: str | None, beat: float
) -> None:
    controls = Controls(seed=seed, chords=typed, changes=played(moves))
    chord = SCORES[kind].chord(controls, beat)
    assert chord_named(chord_name(chord)) == chord
    there = change_at(changes_named(controls.changes), beat)
    if there is not None and there.chord is not None:
        assert chord == there.chord
    elif typed is not None:
        assert chord_name(chord) == ("Dm", "G7/B")[int(beat // 4) % 2]
