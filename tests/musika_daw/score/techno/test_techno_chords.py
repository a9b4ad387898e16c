"""Asked chords in techno: every bar of chords, bass and lead is on its chord, however the bar is reached."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.score.chords import asked_key, progression_named
from musika_daw.score.controls import Controls
from musika_daw.score.harmony import Chord
from musika_daw.score.roll import Notes
from musika_daw.score.techno.harmony import SCALES, _ladder
from musika_daw.score.techno.playing import piece_of, span_notes, written_key
from musika_daw.score.tempo import TempoMap
from tests.musika_daw.score.progressions import PROGRESSIONS

BAR_S = 2.0
TEMPO = TempoMap.constant(120)
SEEDS = st.integers(0, 2**64 - 1)
KEYS = st.none() | st.sampled_from(["Am", "Ebmaj", "F#min"])


def asked(data: st.DataObject) -> tuple[Controls, tuple[Chord, ...]]:
    text = " | ".join(data.draw(PROGRESSIONS))
    density = data.draw(st.none() | st.floats(0.2, 1))
    controls = Controls(data.draw(SEEDS), density=density, energy=1.0, key=data.draw(KEYS), chords=text)
    return controls, progression_named(text)


def of_bar(notes: Notes, bar: int) -> Notes:
    """What begins in a bar; onsets may come early or late by a few milliseconds."""
    return notes.at((notes.onset > bar * BAR_S - 0.02) & (notes.onset < (bar + 1) * BAR_S - 0.02))


def follows(notes: Notes, bar: int, chord: Chord, scale: set[int]) -> None:
    tones = set(chord.tones)
    inside = of_bar(notes, bar)
    assert set((inside.of("chords").key % 12).tolist()) <= tones
    assert (inside.of("chords").off <= (bar + 1) * BAR_S + 0.1).all()  # as far as swing goes
    bass = inside.of("bass")
    if len(bass):
        assert bass.key[np.argmin(bass.onset)] % 12 == chord.low
        assert set((bass.key % 12).tolist()) <= scale | tones | {chord.low}
    lead = inside.of("lead")
    on_beat = np.abs((lead.onset / 0.5 + 0.01) % 1 - 0.01) < 1e-6
    assert set((lead.key[on_beat] % 12).tolist()) <= tones
    assert set((lead.key % 12).tolist()) <= scale | tones


@given(st.data(), st.integers(-8, 90))
@settings(max_examples=60, deadline=None)
def test_every_bar_is_on_its_chord(data: st.DataObject, start: int) -> None:
    controls, chords = asked(data)
    harmony = piece_of(controls).harmony
    notes = span_notes(start * BAR_S, (start + 5) * BAR_S, TEMPO, controls)
    for bar in range(start, start + 5):
        chord = chords[bar % len(chords)]
        ladder = _ladder(chord, harmony.root % 12, harmony.scale)
        follows(notes, bar, chord, {(chord.root + rung) % 12 for rung in ladder})


@given(st.data(), st.integers(0, 60), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_a_loop_has_the_chords_of_its_own_bars(data: st.DataObject, start: int, bars: int) -> None:
    controls, chords = asked(data)
    notes = span_notes(0.0, bars * BAR_S, TEMPO, controls, (start, bars))
    for bar in range(bars):
        inside = of_bar(notes, bar)
        assert set((inside.of("chords").key % 12).tolist()) <= set(chords[(start + bar) % len(chords)].tones)


@given(SEEDS, st.lists(st.sampled_from(["Am", "Dm7", "F", "G7", "Em", "C/G"]), min_size=1, max_size=8), KEYS)
@settings(max_examples=40, deadline=None)
def test_chords_of_the_key_leave_bass_and_lead_in_its_scale(seed: int, names: list[str], key: str | None) -> None:
    controls = Controls(seed, energy=1.0, chords=" ".join(names), key=key)
    wanted = asked_key(key, controls.chords)
    assert wanted is not None
    assert written_key(controls) == wanted.name
    harmony = piece_of(controls).harmony
    scale = {(harmony.root + step) % 12 for step in SCALES[harmony.scale]}
    if all(set(chord.tones) <= scale for chord in harmony.asked):
        notes = span_notes(0.0, 16.0, TEMPO, controls)
        lines = {key % 12 for part in ("bass", "lead") for key in notes.of(part).key.tolist()}
        assert lines <= scale | {chord.low for chord in harmony.asked}


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_drums_and_rhythm_stay_what_they_are_without_chords(seed: int) -> None:
    free, held = (span_notes(0, 16, TEMPO, Controls(seed, energy=1.0, chords=text)) for text in (None, "Dm | Bb/D"))
    for part in ("drums", "bass", "lead"):
        assert np.array_equal(free.of(part).onset, held.of(part).onset)
    assert np.array_equal(free.of("drums").key, held.of("drums").key)


@given(st.tuples(PROGRESSIONS, st.integers(0, 11), st.sampled_from(sorted(SCALES))))
def test_a_ladder_rises_and_holds_the_chord(drawn: tuple[list[str], int, str]) -> None:
    names, tonic, scale = drawn
    for chord in progression_named(" ".join(names)):
        ladder = _ladder(chord, tonic, scale)
        assert ladder[0] == 0
        assert {(tone - chord.root) % 12 for tone in chord.tones} <= set(ladder)
        assert len(ladder) == 7
