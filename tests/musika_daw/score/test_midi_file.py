"""MIDI files: on the grid to the tick, read back by mido as they were meant, and nothing else passes as one."""

import contextlib
import io
from fractions import Fraction

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.score.harmony import NOTES
from musika_daw.score.midi_file import CHANNELS, HIT_TICKS, PPQ, decode_midi, encode_midi, music_of
from musika_daw.score.roll import ROLES, Notes, sorted_notes

BPM = st.fractions(60, 200, max_denominator=100)
ROWS = st.lists(
    st.tuples(
        st.floats(0, 0.999999),
        st.floats(0, 1.5),
        st.integers(-20, 150),
        st.floats(0, 1),
        st.integers(0, len(ROLES) - 1),
    ),
    max_size=40,
)
KEYS = st.none() | st.tuples(st.sampled_from(NOTES), st.sampled_from(["maj", "min"])).map("".join)


def notes_of(rows: list[tuple[float, ...]], seconds: float) -> Notes:
    """Notes of rows whose onset is a share of the length, and whose length is one too."""
    return sorted_notes([(on * seconds, (on + last) * seconds, *rest) for on, last, *rest in rows])


@given(rows=ROWS, bpm=BPM, bars=st.sampled_from([1, 2, 4, 8]), key=KEYS)
@settings(deadline=None)
def test_a_loop_is_read_back_as_it_was_written(
    rows: list[tuple[float, ...]], bpm: Fraction, bars: int, key: str | None
) -> None:
    seconds = float(bars * 240 / bpm)
    music = music_of(notes_of(rows, seconds), seconds, bpm, key, "MSK_x", loops=True)
    data = encode_midi(music)
    assert data == encode_midi(music)
    assert (music.ticks, music.beats) == (bars * 4 * PPQ, bars * 4)
    read = decode_midi(data)
    assert (read.ticks, read.key, read.name, read.ppq) == (music.ticks, key, "MSK_x", PPQ)
    assert read.bpm == pytest.approx(float(bpm), rel=2e-6)
    for name in ("onset", "off", "key", "velocity", "role"):
        assert np.array_equal(getattr(read.notes, name), getattr(music.notes, name)), name
    file = mido.MidiFile(file=io.BytesIO(data))
    assert (file.type, file.ticks_per_beat) == (1, PPQ)
    assert {sum(message.time for message in track) for track in file.tracks} == {music.ticks}
    assert all(track[-1].type == "end_of_track" for track in file.tracks)
    for track in file.tracks[1:]:
        assert {m.channel for m in track if not m.is_meta} == {CHANNELS[track.name]}


@given(rows=ROWS, bpm=BPM, seconds=st.floats(1, 60))
@settings(deadline=None)
def test_notes_are_where_they_are_played_to_half_a_tick(
    rows: list[tuple[float, ...]], bpm: Fraction, seconds: float
) -> None:
    notes = notes_of(rows, seconds)
    music = music_of(notes, seconds, bpm, None, "", loops=False)
    tick_s = 60 / float(bpm) / PPQ
    assert abs(music.ticks * tick_s - seconds) <= tick_s / 2 + 1e-9
    for onset, off, role in zip(music.notes.onset * tick_s, music.notes.off * tick_s, music.notes.roles):
        near = np.abs(notes.onset - onset) <= tick_s / 2 + 1e-9
        assert (near & (notes.roles == role)).any()
        assert onset < off <= music.ticks * tick_s + 1e-9
    ends: dict[tuple[int, int], float] = {}
    for onset, off, key, role in zip(music.notes.onset, music.notes.off, music.notes.key, music.notes.roles):
        assert ends.get((role, key), 0) <= onset, "notes of one key do not overlap"
        ends[role, key] = off
        assert 0 <= key <= 127


@given(data=st.binary(max_size=300))
@settings(deadline=None)
def test_what_is_no_midi_file_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]*midi file[^\n]*$"):
        decode_midi(data)


WHOLE = encode_midi(
    music_of(
        notes_of([(0.1, 0.2, 60, 0.5, 0), (0.5, 0.2, 36, 1, 1)], 2.0), 2.0, Fraction(120), "Bbmin", "x", loops=True
    )
)


@given(noise=st.binary(max_size=30), at=st.integers(0, len(WHOLE)), cut=st.integers(0, len(WHOLE)))
@settings(max_examples=400, deadline=None)
def test_a_damaged_file_is_refused_or_read(noise: bytes, at: int, cut: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[at : at + len(noise)] = noise
    for data in (bytes(damaged), WHOLE[:cut]):
        with contextlib.suppress(ValueError):
            read = decode_midi(data)
            assert np.isfinite(read.notes.onset).all()
            assert read.bpm > 0
            assert len(read.notes) < len(data)


def test_of_two_notes_at_once_the_louder_is_written_and_what_is_struck_again_ends() -> None:
    notes = sorted_notes(
        [(0, 9, 60, 0.2, 0), (0, 9, 60, 0.8, 0), (1, 9, 60, 0.5, 0), (0, 0, 36, 1, 1), (0.01, 9, 36, 1, 2)]
    )
    music = music_of(notes, 2.0, Fraction(120), None, "", loops=False)
    piano = music.notes.of("piano")
    assert piano.onset.tolist() == [0, 2 * PPQ]
    assert piano.off.tolist() == [2 * PPQ, 4 * PPQ]
    assert np.rint(piano.velocity * 127).tolist() == [102, 64]
    assert (music.notes.of("drums").off - music.notes.of("drums").onset).tolist() == [HIT_TICKS]
    assert music.roles == ("piano", "drums", "bass")


def test_a_note_at_the_very_end_begins_a_loop_and_no_take() -> None:
    notes = sorted_notes([(1.9999999, 2.5, 60, 0.5, 0)])
    assert music_of(notes, 2.0, Fraction(120), None, "", loops=True).notes.onset.tolist() == [0]
    assert len(music_of(notes, 2.0, Fraction(120), None, "", loops=False).notes) == 0


def test_files_of_others_are_read() -> None:
    file = mido.MidiFile(type=0, ticks_per_beat=96)
    file.tracks.append(
        mido.MidiTrack(
            [
                mido.MetaMessage("set_tempo", tempo=400_000),
                mido.MetaMessage("key_signature", key="D#m"),
                mido.Message("note_on", channel=9, note=38, velocity=100),
                mido.Message("note_on", channel=9, note=38, velocity=0, time=24),
                mido.Message("note_on", note=60, velocity=64, time=24),
                mido.Message("note_off", note=61, time=1),
                mido.MetaMessage("end_of_track", time=47),
            ]
        )
    )
    stream = io.BytesIO()
    file.save(file=stream)
    read = decode_midi(stream.getvalue())
    assert (read.bpm, read.key, read.ticks, read.beats) == (150, "Ebmin", 96, 1)
    assert read.roles == ("piano", "drums")
    assert list(zip(read.notes.onset, read.notes.off)) == [(0, 24), (48, 96)]
    assert read.onsets_s().tolist() == pytest.approx([0, 0.2])


def test_time_in_frames_of_film_is_refused() -> None:
    with pytest.raises(ValueError, match="quarter notes"):
        decode_midi(b"MThd\0\0\0\6\0\1\0\0\xe7\x28")


def test_a_length_that_no_file_holds_is_named() -> None:
    with pytest.raises(ValueError, match=r"^seconds: 0 at 120 bpm"):
        music_of(sorted_notes([]), 0.0, Fraction(120), None, "", loops=False)
