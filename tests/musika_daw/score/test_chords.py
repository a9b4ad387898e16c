"""Chord progressions: any text is read or refused in one line, names come back, keys fit, the piano follows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.score import chords as reading
from musika_daw.score.chords import BARS_MAX, TEXT_MAX, chord_name, chord_named, key_of, progression_name
from musika_daw.score.chords import progression_named as read
from musika_daw.score.controls import Controls
from musika_daw.score.harmony import NOTES, Chord
from musika_daw.score.playing import span_notes, written_key
from musika_daw.score.tempo import TempoMap
from tests.musika_daw.score.progressions import PROGRESSIONS


@pytest.mark.parametrize(
    ("name", "root", "tones", "low"),
    [
        ("Am", 9, (9, 0, 4), 9),
        ("C/E", 0, (0, 4, 7), 4),
        ("Bb", 10, (10, 2, 5), 10),
        ("bb", 10, (10, 2, 5), 10),
        ("Bbm7b5", 10, (10, 1, 4, 8), 10),
        ("F#maj7", 6, (6, 10, 1, 5), 6),
        ("G7sus4/D", 7, (7, 0, 2, 5), 2),
        ("D♭9", 1, (1, 5, 8, 11, 3), 1),
        ("Cb", 11, (11, 3, 6), 11),
        ("E+", 4, (4, 8, 0), 4),
        ("Cadd9", 0, (0, 4, 7, 2), 0),
        ("Dsus2", 2, (2, 4, 9), 2),
        ("B°7", 11, (11, 2, 5, 8), 11),
    ],
)
def test_a_chord_has_the_tones_of_its_name(name: str, root: int, tones: tuple[int, ...], low: int) -> None:
    chord = chord_named(name)
    assert chord is not None
    assert (chord.root, chord.tones, chord.low) == (root, tones, low)


@pytest.mark.parametrize(
    "text",
    [
        "Am | F | C | G7",
        "Am F C G7",
        "| Am | F | C | G7 |",
        "||Am|F|C|G7||",
        "Am, F, C, G7",
        "Am-F-C-G7",
        "Am – F – C – G7",
        " am  f\nc\tg7 ",
    ],
)
def test_all_ways_to_type_a_progression_are_one(text: str) -> None:
    assert progression_name(read(text)) == "Am | F | C | G7"


def test_a_percent_sign_is_the_bar_before() -> None:
    assert progression_name(read("Am | % | F | %")) == "Am | Am | F | F"
    assert progression_name(read("Am % F/A %")) == "Am | Am | F/A | F/A"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "chords: '', must have a chord at least"),
        (" | ", "chords: '', in bar 1, must be a chord like Am, F#, Bbmaj7 or C/E"),
        ("Am | H | C", "chords: 'H', in bar 2, must be a chord like"),
        ("Am F Csus9", "chords: 'Csus9', in bar 3, must be a chord like"),
        ("Am | | C", "chords: '', in bar 2, must be a chord like"),
        ("% C", "chords: '%', in bar 1, must be a chord like"),
        ("Am F | C G", "chords: 'Am F', in bar 1, must be one chord a bar"),
        ("Am | C/H", "chords: 'C/H', in bar 2, must be a chord like"),
        ("Am " * (BARS_MAX + 1), f"has {BARS_MAX + 1} bars, must have at most {BARS_MAX}"),
        ("A" * (TEXT_MAX + 1), f"must have at most {TEXT_MAX} characters"),
    ],
)
def test_what_is_no_progression_is_refused_by_bar(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^chords: ") as caught:
        Controls(chords=text)
    assert said in str(caught.value)


@given(st.text(max_size=60) | st.text("ABCDEFGbm#/|% 7sudi49-,\n", max_size=60) | PROGRESSIONS.map(" | ".join))
@settings(max_examples=400)
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    chords: tuple[Chord, ...] = ()
    said = None
    try:
        chords = read(text)
    except ValueError as error:
        said = str(error)
    if said is None:
        assert chords
        assert all(0 <= tone < 12 for chord in chords for tone in (*chord.tones, chord.root, chord.low))
    else:
        assert said.startswith("chords: ")
        assert "must " in said
        assert len(said) < 700
        assert said.isprintable()


@given(PROGRESSIONS)
def test_names_come_back(names: list[str]) -> None:
    chords = read(" | ".join(names))
    assert len(chords) == len(names)
    assert read(progression_name(chords)) == chords
    assert all(chord_named(chord_name(chord)) == chord for chord in chords)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Am F C G", "Amin"),
        ("C Am F G", "Cmaj"),
        ("F G Am", "Amin"),
        ("G D Em C", "Gmaj"),
        ("Dm7 G7 Cmaj7", "Cmaj"),
        ("Eb Bb Cm Ab", "Ebmaj"),
        ("E7 Am", "Amin"),
        ("C7 F7 G7", "Cmaj"),
        ("Asus4 G Asus2", "Amin"),
        ("C#m A E B", "Dbmin"),
        ("F#", "F#maj"),
    ],
)
def test_the_key_that_fits(text: str, key: str) -> None:
    assert key_of(read(text)).name == key
    assert written_key(Controls(chords=text)) == key
    assert written_key(Controls(chords=text, key="Ebm")) == "Ebmin"


@given(PROGRESSIONS, st.integers(0, 11))
def test_a_transposed_progression_is_in_the_transposed_key(names: list[str], up: int) -> None:
    chords = read(" | ".join(names))
    moved = tuple(
        Chord((c.root + up) % 12, tuple((tone + up) % 12 for tone in c.tones), (c.low + up) % 12) for c in chords
    )
    # where two keys fit as well, either is right
    assert reading._fit(moved, key_of(moved)) == pytest.approx(reading._fit(chords, key_of(chords)))


@given(st.integers(0, 2**64 - 1), PROGRESSIONS, st.integers(0, 60), st.none() | st.sampled_from(["Am", "F#maj"]))
@settings(max_examples=40, deadline=None)
def test_the_piano_plays_the_chord_of_each_bar(seed: int, names: list[str], start: int, key: str | None) -> None:
    chords = read(" | ".join(names))
    controls = Controls(seed, density=0.6, key=key, chords=" ".join(names))
    tempo, bar_s = TempoMap.constant(120), 2.0
    notes = span_notes(start * bar_s, (start + 6) * bar_s, tempo, controls)
    for bar in range(start, start + 6):
        chord = chords[bar % len(chords)]
        inside = (notes.onset >= bar * bar_s - 1e-6) & (notes.onset < (bar + 1) * bar_s - 1e-6)
        keys, onsets = notes.key[inside], notes.onset[inside]
        scale = set(reading.asked_key(key, controls.chords).scale.tolist())
        assert set((keys % 12).tolist()) <= scale | set(chord.tones) | {chord.low}
        first = keys[onsets < bar * bar_s + 0.06]
        if len(first) > 1:
            assert first.min() % 12 == chord.low, (NOTES[first.min() % 12], chord)
