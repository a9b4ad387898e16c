"""What is learned of a song: steps, tempo lines, controls."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.plugin_link.codes import Flag, Known
from bridge.plugin_link.keys import KeyEvent
from bridge.plugin_link.wire import CONTROL_RANGES, FRAME_MAX, PluginTransport
from musika_daw.host.plugin.song_map import SAME_BEATS, SongMap, TempoLine, exact_bpm, segments
from musika_daw.host.plugin.steps import Steps

RATE = 48_000
KNOWN = Known.FRAME | Known.BEAT | Known.BPM


class Daw:
    """Tells a map what a DAW would."""

    def __init__(self, song: SongMap) -> None:
        self.song = song
        self.place, self.jumps = 0, 0
        self.expected: int | None = None

    def tell(
        self,
        frame: int,
        beat: float,
        bpm: float,
        controls: tuple[int, ...] = (-1, -1, -1, 0, 0),
        block: int = 512,
        flags: Flag = Flag.PLAYING,
        known: Known = KNOWN,
    ) -> bool:
        self.place += 1
        self.jumps += frame != self.expected
        self.expected = frame + block if Flag.PLAYING in flags else None
        return self.song.observe(
            PluginTransport(
                self.place,
                frame,
                0,
                beat,
                bpm,
                0,
                0,
                0,
                known,
                flags,
                self.jumps,
                block,
                1,
                4,
                4,
                (*controls, *[0] * (len(CONTROL_RANGES) - len(controls))),
            )
        )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["step", "stretch", "everywhere", "forget"]), st.integers(-50, 50), st.integers(0, 3)
        ),
        max_size=30,
    )
)
def test_steps_are_what_a_list_of_values_would_be(operations: list[tuple[str, int, int]]) -> None:
    steps: Steps[int] = Steps(0)
    plain = dict.fromkeys(range(-60, 61), 0)
    edges: set[int] = set()
    for name, frame, value in operations:
        region_end = min((e for e in edges if e > frame), default=61)
        region_start = max((e for e in edges if e <= frame), default=-60)
        if name == "step":
            steps.step(frame, value)
            plain |= dict.fromkeys(range(frame, region_end), value)
        elif name == "stretch":
            steps.stretch(frame, value)
            plain |= dict.fromkeys(range(region_start, region_end), value)
        elif name == "everywhere":
            steps.everywhere(value)
            plain = dict.fromkeys(plain, value)
        else:
            gone = {e for e in edges if frame <= e < frame + 20}
            assert steps.forget(frame, frame + 20) == bool(gone)
            if gone:
                end = min((e for e in edges if e >= frame + 20), default=61)
                plain |= dict.fromkeys(range(min(gone), end), plain[min(gone) - 1])
        edges = {f for f in range(-59, 61) if plain[f] != plain[f - 1]}
        assert {f: steps.at(f) for f in plain} == plain
        assert steps.starts(-59, 61) == sorted(edges)
        assert steps.start_after(0) == min((e for e in edges if e > 0), default=FRAME_MAX)
        assert steps.start_before(0) == max((e for e in edges if e <= 0), default=None)


def test_a_tempo_that_holds_from_the_start_has_no_shift_whatever_the_rounding() -> None:
    for bpm in (120.0, 97.0, 128.1, 174.0, 90.00001):
        song = SongMap(RATE)
        daw = Daw(song)
        for frame in (0, 123_456, 50_000_000):
            beat = round(frame / RATE * bpm / 60 * 1920) / 1920  # as DAWs round them
            daw.tell(frame, beat, bpm)
            assert song.tempo.at(frame) == TempoLine(exact_bpm(bpm), 0)


def test_a_step_while_playing_begins_where_it_is_met_and_one_met_elsewhere_is_of_the_stretch() -> None:
    song = SongMap(RATE)
    daw = Daw(song)
    assert not daw.tell(0, 0.0, 120)
    assert daw.tell(512, 512 / 24_000, 150)
    assert song.boundaries(0, 10_000) == [512]
    assert song.next_boundary(0) == 512
    assert daw.tell(100, 100 / RATE * 110 / 60, 110)  # a jump back: the stretch before the step is otherwise
    assert float(song.tempo.at(0).bpm) == 110
    assert song.tempo.at(0).shift_frames == 0
    assert float(song.tempo.at(600).bpm) == 150


def test_a_knob_turned_while_nothing_plays_is_meant_for_all_of_the_song() -> None:
    song = SongMap(RATE)
    daw = Daw(song)
    daw.tell(0, 0.0, 120)
    daw.tell(512, 512 / 24_000, 120, (50, -1, -1, 0, 0))
    assert song.controls.starts(0, 10_000) == [512]
    daw.tell(0, 0.0, 120, (70, -1, -1, 0, 0), flags=Flag(0))
    assert song.controls.starts(0, 10_000) == []
    assert song.place(0).piece.controls.density == pytest.approx(0.7)


def test_within_a_block_of_a_bounce_nothing_changes() -> None:
    song = SongMap(RATE)
    daw = Daw(song)
    daw.tell(0, 0.0, 120)
    daw.tell(512, 512 / 24_000, 150)
    offline = Flag.PLAYING | Flag.OFFLINE
    assert daw.tell(0, 0.0, 120, flags=offline, block=2048)
    assert song.boundaries(0, 10_000) == []


@given(st.floats(60, 200), st.floats(-6, 6), st.integers(64, 2048))
def test_on_a_ramp_the_line_is_never_far_from_the_beat(start: float, slope: float, block: int) -> None:
    song = SongMap(RATE)
    daw = Daw(song)
    for index in range(200):
        seconds = index * block / RATE
        bpm, beat = start + slope * seconds, start / 60 * seconds + slope / 120 * seconds**2
        daw.tell(index * block, beat, bpm, block=block, flags=Flag.PLAYING | Flag.OFFLINE)
        assert abs(song.tempo.at(index * block).beat(index * block, RATE) - beat) <= SAME_BEATS + 1e-4


@pytest.mark.parametrize(
    ("score", "chord", "muted"), [("", (), ()), ("piano", ("Am",), ()), ("parts", ("Am",), ("lead",))]
)
def test_a_model_is_asked_for_nothing_that_it_cannot_follow(
    score: str, chord: tuple[str, ...], muted: tuple[str, ...]
) -> None:
    song = SongMap(RATE, score=score)
    daw = Daw(song)
    song.play(tuple(KeyEvent(0, 0.0, 0.0, 1, 4, 4, (0x90, key, 64)) for key in (57, 60, 64)))
    daw.tell(0, 0.0, 120, (-1, -1, -1, 0, 0, 0, 0, 1))
    controls = song.place(0).piece.controls
    assert tuple(name for _, name in controls.changes) == chord
    assert controls.muted == muted


def test_chords_are_read_in_the_key_of_the_piece_that_plays() -> None:
    """A fifth is major or minor as the key has it: another seed, and the same keys are another chord."""
    songs = SongMap(RATE, score="parts")
    daw = Daw(songs)
    songs.play(tuple(KeyEvent(0, 0.0, 0.0, 1, 4, 4, (0x90, key, 64)) for key in (57, 64)))
    found = set()
    for seed in range(12):
        daw.tell(0, 0.0, 120, (-1, -1, -1, 0, seed), flags=Flag.PLAYING if seed == 0 else Flag(0))
        found.add(songs.place(0).piece.controls.changes)
    assert found == {((0.0, "A"),), ((0.0, "Am"),)}


def test_without_beats_or_tempo_there_is_still_music() -> None:
    song = SongMap(RATE)
    daw = Daw(song)
    assert not daw.tell(0, 0.0, 0.0, known=Known.FRAME)
    assert daw.tell(512, 0.0, 140, known=Known.FRAME | Known.BPM)
    assert song.place(512).piece.bpm == 140
    assert list(segments(song, 0, 1024)) == [(0, 512, song.place(0)), (512, 1024, song.place(512))]


def test_a_song_that_changes_for_ever_is_forgotten_at_last() -> None:
    steps: Steps[int] = Steps(0)
    for frame in range(10_000):
        steps.step(frame, frame)
    assert steps.at(9_999) == 9_999
    assert len(steps.starts(0, 10_000)) <= 4096


@given(st.floats(1, 1000))
def test_a_tempo_is_taken_as_it_is_meant(bpm: float) -> None:
    assert abs(float(exact_bpm(bpm)) / bpm - 1) <= 1.1e-6
    assert exact_bpm(127.99999999) == 128
    assert exact_bpm(128.5) == Fraction(257, 2)
