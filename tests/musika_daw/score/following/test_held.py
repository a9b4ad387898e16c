"""The chord of held keys: every voicing of every chord has its tones and its bass, and any keys are a chord."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.score.chords import QUALITIES, chord_name, chord_named
from musika_daw.score.following.held import chord_of
from musika_daw.score.harmony import MAJOR, MINOR, Key, key_named

KEYS = st.builds(Key, st.integers(0, 11), st.sampled_from([MAJOR, MINOR]))


@st.composite
def voicings(draw: st.DrawFn) -> tuple[int, tuple[int, ...], list[int]]:
    """(root, tones above it, MIDI keys) of a chord in any inversion and any octaves, tones doubled at will."""
    tones = draw(st.sampled_from(sorted(QUALITIES)))
    root = draw(st.integers(0, 11))
    low = draw(st.sampled_from(tones))
    bass = 12 * draw(st.integers(1, 4)) + (root + low) % 12
    keys = [bass]
    for tone in (*tones, *draw(st.lists(st.sampled_from(tones), max_size=3))):
        above = (root + tone - bass) % 12
        keys.append(bass + above + 12 * draw(st.integers(0, 3)))
    return root, tones, draw(st.permutations(keys))


@given(voicings(), KEYS)
def test_every_voicing_has_its_tones_and_its_lowest_note(
    voicing: tuple[int, tuple[int, ...], list[int]], key: Key
) -> None:
    root, tones, keys = voicing
    chord = chord_of(keys, key)
    assert chord is not None
    assert set(chord.tones) == {(root + tone) % 12 for tone in tones}
    assert chord.low == min(keys) % 12
    if min(keys) % 12 == root:  # what stands on its root is called after it, whatever else it could be called
        assert chord.root == root
        assert chord.tones == tuple((root + tone) % 12 for tone in tones)


@given(voicings(), KEYS, st.integers(0, 11))
def test_a_chord_is_the_same_in_every_key_that_it_is_moved_to(
    voicing: tuple[int, tuple[int, ...], list[int]], key: Key, up: int
) -> None:
    here = chord_of(voicing[2], key)
    there = chord_of([pitch + up for pitch in voicing[2]], Key((key.tonic + up) % 12, key.steps))
    assert here is not None
    assert there is not None
    assert (there.root, there.low) == ((here.root + up) % 12, (here.low + up) % 12)
    assert there.tones == tuple((tone + up) % 12 for tone in here.tones)


@given(st.lists(st.integers(0, 127), max_size=20), KEYS)
def test_any_keys_are_a_chord_that_can_be_written_and_read(keys: list[int], key: Key) -> None:
    chord = chord_of(keys, key)
    assert (chord is None) == (not keys)
    if chord is not None:
        assert chord_named(chord_name(chord)) == chord
        assert chord.low == min(keys) % 12
        assert chord == chord_of(keys, key)


@pytest.mark.parametrize(
    ("keys", "key", "name"),
    [
        ([60], "Am", "C"),
        ([62], "Am", "Dm"),
        ([62], "D", "D"),
        ([71], "C", "Bm"),
        ([70], "Am", "Bb"),
        ([66], "Am", "F#m"),
        ([60, 72, 84], "Cm", "Cm"),
        ([60, 67], "C", "C"),
        ([60, 67], "Cm", "Cm"),
        ([60, 65], "C", "F/C"),
        ([60, 64], "Am", "C"),
        ([60, 69], "Am", "Am/C"),
        ([60, 64, 70], "F", "C7"),
        ([60, 70], "F", "C7"),
        ([60, 71], "C", "Cmaj7"),
        ([60, 62, 67], "C", "Csus2"),
        ([60, 65, 67], "C", "Csus4"),
        ([60, 64, 67, 69], "Am", "C6"),
        ([57, 60, 64, 67], "C", "Am7"),
        ([54, 60, 64, 67], "C", "C/F#"),
        ([50, 60, 64, 67], "C", "Cadd9/D"),
        ([41, 55, 59, 62, 65], "C", "G7/F"),
        ([53, 57, 60, 64], "Am", "Fmaj7"),
        ([60, 64, 68], "Am", "Caug"),
        ([59, 62, 65, 68], "Am", "Bdim7"),
    ],
)
def test_what_hands_play_is_called_as_musicians_call_it(keys: list[int], key: str, name: str) -> None:
    chord = chord_of(keys, key_named(key))
    assert chord is not None
    assert chord_name(chord) == name
