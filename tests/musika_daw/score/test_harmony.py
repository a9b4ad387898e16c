"""How keys are spelled: as producers do, whatever they are typed like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.score.harmony import NOTES, key_in_text, key_named, other_spelling, relative_of, tonic_of

SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLATS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")


@given(st.integers(0, 11), st.sampled_from(["maj", "min"]), st.sampled_from([SHARPS, FLATS]))
def test_a_key_has_one_spelling_and_is_read_by_both(tonic: int, mode: str, names: tuple[str, ...]) -> None:
    key = f"{NOTES[tonic]}{mode}"
    assert key_in_text(names[tonic] + mode) == key == key_named(names[tonic] + mode).name
    assert tonic_of(names[tonic] + mode) == tonic
    assert {key, other_spelling(key) or key} == {SHARPS[tonic] + mode, FLATS[tonic] + mode}
    assert other_spelling(other_spelling(key)) in ("", key)


@pytest.mark.parametrize(
    ("text", "key"),
    [("a#m", "Bbmin"), ("D# minor", "Ebmin"), ("G#", "Abmaj"), ("Gbmin", "F#min"), ("C#m", "Dbmin"), ("3A", "Bbmin")],
)
def test_keys_are_spelled_as_producers_do(text: str, key: str) -> None:
    assert key_in_text(text) == key


@given(st.text(max_size=8))
def test_what_is_no_key_has_no_other_spelling_that_is_one(text: str) -> None:
    other = other_spelling(text)
    assert (key_in_text(other) is None) or key_in_text(other) == key_in_text(text)


@pytest.mark.parametrize(
    ("key", "relative"), [("Cmaj", "Amin"), ("F#min", "Amaj"), ("Bbmaj", "Gmin"), ("Bmin", "Dmaj")]
)
def test_relatives_have_the_same_notes(key: str, relative: str) -> None:
    assert relative_of(key) == relative
    assert relative_of(relative) == key
    assert set(key_named(key).scale.tolist()) == set(key_named(relative).scale.tolist())
