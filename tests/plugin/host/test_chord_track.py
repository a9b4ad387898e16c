"""What is learned of a chord track: the same keys make the same chords, however they were met."""

from __future__ import annotations

from itertools import groupby, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.plugin_link.keys import KEYS_LOST, KeyEvent
from musika_daw.host.plugin.chord_track import EVENTS_MAX, ChordManner, ChordTrack
from musika_daw.score.chords import chord_name
from musika_daw.score.following.changes import Changes
from musika_daw.score.following.held import chord_of
from musika_daw.score.harmony import key_named

RATE = 48_000
BEAT = 24_000
C_MAJOR = key_named("Cmaj")
END = 16 * BEAT


def name_of(keys: tuple[int, ...], frame: int, before: Changes) -> str | None:
    chord = chord_of(keys, C_MAJOR)
    return None if chord is None else chord_name(chord)


Note = tuple[int, int, int]
"""Key, and the frames at which it is struck and let go."""


class Daw:
    """Plays notes of a track into what learns them, from anywhere, as a plugin tells it."""

    def __init__(self, **manner: str) -> None:
        self.track = ChordTrack(RATE, name_of)
        self.track.manner = ChordManner(**manner)  # type: ignore[arg-type]
        self.jumps = 0

    def play(
        self, notes: list[Note], first: int, last: int, block: int = 1000, *, lets_go: bool = True, chases: bool = False
    ) -> bool:
        """Whether any of it was news."""
        self.jumps += 1
        events = []
        for key, on, off in notes:
            begun = first <= on < last
            if chases and on < first < off:
                events.append((first, 1, key))
            if begun:
                events.append((on, 1, key))
            if first <= off < last and (begun or lets_go):
                events.append((off, 0, key))
        edges = sorted({*range(first, last, block), *(at for at, _, _ in events), last})
        by_frame = {at: list(group) for at, group in groupby(sorted(events), key=lambda event: event[0])}
        news = False
        for at, end in pairwise(edges):
            self.track.play([self.event(at, key, on) for _, on, key in by_frame.get(at, [])])
            news |= self.track.come_to(at, end - 1, self.jumps, playing=True)
        self.jumps += 1
        return news | self.track.come_to(last, last, self.jumps, playing=False)

    def event(self, at: int, key: int, on: int) -> KeyEvent:
        return KeyEvent(at, at / BEAT, at // (4 * BEAT) * 4.0, self.jumps, 4, 4, (0x90 if on else 0x80, key, 64 * on))

    @property
    def chords(self) -> list[tuple[int, Changes]]:
        return self.track.steps.since(-END)


def notes_of(*chords: tuple[tuple[int, ...], int, int]) -> list[Note]:
    return [(key, first * BEAT, last * BEAT) for keys, first, last in chords for key in keys]


AM, F, C = (57, 60, 64), (53, 57, 60), (48, 52, 55)


def test_chords_begin_on_their_frames_and_lines() -> None:
    daw = Daw()
    assert daw.play(notes_of((AM, 0, 4), (F, 4, 8), (C, 8, 9)), 0, END)
    am, f, c = (0.0, "Am"), (4.0, "F"), (8.0, "C")
    assert daw.chords == [(0, (am,)), (4 * BEAT, (am, f)), (8 * BEAT, (am, f, c))]
    assert not daw.play(notes_of((AM, 0, 4), (F, 4, 8), (C, 8, 9)), 0, END)


def test_at_the_next_bar_a_chord_in_its_midst_waits() -> None:
    daw = Daw(at="bar")
    daw.play(notes_of((AM, 0, 4), (F, 6, 8)), 0, END)
    assert daw.chords == [(0, ((0.0, "Am"),)), (6 * BEAT, ((0.0, "Am"), (8.0, "F")))]


def test_keys_that_leave_one_by_one_are_no_chords_of_their_own() -> None:
    daw = Daw()
    daw.play([(57, 0, 9000), (60, 0, 9300), (64, 0, 9900)], 0, END)
    assert daw.chords == [(0, ((0.0, "Am"),))]
    free = Daw(held="free")
    free.play([(57, 0, 9000), (60, 0, 9300), (64, 0, 9900)], 0, END)
    assert free.chords == [(0, ((0.0, "Am"),)), (9900 + 3840, ((0.0, "Am"), (1.0, None)))]


TONES = st.lists(st.integers(36, 84), min_size=1, max_size=4, unique=True)


@st.composite
def tracks(draw: st.DrawFn) -> list[Note]:
    """Chords that overlap or leave gaps, each key of its own length."""
    notes: list[Note] = []
    ends: dict[int, int] = {}
    for at in sorted(draw(st.lists(st.integers(0, 13 * 4), max_size=6, unique=True))):
        first = at * BEAT // 4
        for key in draw(TONES):
            if ends.get(key, -1) < first:
                last = first + draw(st.integers(1, 3 * BEAT))
                notes.append((key, first, last))
                ends[key] = last
    return notes


@settings(deadline=None, max_examples=30)
@given(
    tracks(),
    st.lists(st.tuples(st.integers(0, END - 1), st.integers(1, END), st.booleans(), st.booleans()), max_size=3),
    st.sampled_from([700, 1000, 5000]),
    st.sampled_from(["beat", "bar"]),
    st.sampled_from(["keep", "free"]),
)
def test_what_is_played_again_in_parts_is_what_was_played_in_one_go(
    notes: list[Note], parts: list[tuple[int, int, bool, bool]], block: int, at: str, held: str
) -> None:
    whole = Daw(at=at, held=held)
    whole.play(notes, 0, END, 512)
    wanted = whole.chords
    for first, length, lets_go, chases in parts:
        whole.play(notes, first, min(first + length, END), block, lets_go=lets_go, chases=chases)
        assert whole.chords == wanted
    whole.play(notes, 0, END, block)
    assert whole.chords == wanted
    backwards = Daw(at=at, held=held)
    for first in range(END - 4 * BEAT, -1, -4 * BEAT):
        backwards.play(notes, first, first + 4 * BEAT, block)
    backwards.play(notes, 0, END, block)
    assert backwards.chords == wanted


@settings(deadline=None, max_examples=30)
@given(tracks(), tracks())
def test_a_track_that_was_edited_is_the_new_one_once_it_is_played(old: list[Note], new: list[Note]) -> None:
    daw, fresh = Daw(), Daw()
    daw.play(old, 0, END)
    daw.play(new, 0, END)
    fresh.play(new, 0, END)
    assert daw.chords == fresh.chords


def test_keys_that_were_lost_are_not_down_for_ever() -> None:
    daw = Daw()
    daw.jumps += 1
    daw.track.play([daw.event(0, key, 1) for key in AM])
    daw.track.play([KeyEvent(4 * BEAT, 4.0, 4.0, daw.jumps, 4, 4, KEYS_LOST)])
    daw.track.play([daw.event(8 * BEAT, key, 1) for key in C])
    daw.track.come_to(0, END, daw.jumps, playing=True)
    assert daw.chords[-1] == (8 * BEAT, ((0.0, "Am"), (8.0, "C")))


def test_what_a_song_holds_is_bounded() -> None:
    daw = Daw()
    daw.jumps += 1
    for at in range(0, 2 * EVENTS_MAX, 500):
        daw.track.play([daw.event(at + number, 60 + at // 500 % 12, number % 2) for number in range(500)])
        daw.track.come_to(at, at + 499, daw.jumps, playing=True)
    assert EVENTS_MAX / 2 < len(daw.track._events) <= EVENTS_MAX
    assert all(len(changes) <= 256 for _, changes in daw.chords)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(-100, 100), st.integers(0, 3), st.integers(0, 127), st.booleans()), max_size=40))
def test_whatever_is_told_in_whatever_order_does_no_harm(told: list[tuple[int, int, int, bool]]) -> None:
    track = ChordTrack(RATE, name_of)
    for at, jumps, key, playing in told:
        track.play([KeyEvent(at, at / 7, 0.0, jumps, 4, 4, (0x90, key, 64))])
        track.come_to(-at, 5, jumps, playing=playing)
    frames = [frame for frame, _ in track.steps.since(-1000)]
    assert frames == sorted(set(frames))


def messages(daw: Daw, *played: tuple[int, tuple[int, int, int]]) -> list[KeyEvent]:
    return [KeyEvent(at, at / BEAT, at // (4 * BEAT) * 4.0, daw.jumps, 4, 4, midi) for at, midi in played]


def learn(daw: Daw, events: list[KeyEvent], last: int) -> None:
    daw.track.play(events)
    daw.track.come_to(events[0].frame, last, daw.jumps, playing=True)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3 * BEAT), st.sampled_from([*C, 1, 64]), st.integers(0, 127), st.integers(1, 4 * BEAT - 1))
def test_a_pedal_or_controller_is_no_key_where_play_jumps_to(
    at: int, controller: int, value: int, entered: int
) -> None:
    first = [(0, (0x90, key, 64)) for key in C] + [(4 * BEAT, (0x80, key, 0)) for key in C]
    second = [(4 * BEAT, (0x90, key, 64)) for key in F] + [(8 * BEAT, (0x80, key, 0)) for key in F]
    one_go, jumped = Daw(), Daw()
    for daw in (one_go, jumped):
        daw.jumps = 1
        learn(daw, messages(daw, *first[:3], (at, (0xB0, controller, value)), *first[3:], *second), END)
    jumped.jumps = 2
    # of a DAW that lets go of nothing that it did not strike
    again = [(at, (0xB0, controller, value))] if at > entered else []
    jumped.track.play(messages(jumped, (at, (0xB0, controller, value))) if at == entered else [])
    jumped.track.come_to(entered, entered, jumped.jumps, playing=True)
    learn(jumped, messages(jumped, *again, *second), END)
    assert jumped.chords == one_go.chords


def test_all_notes_off_leaves_no_key_under_a_place_that_is_jumped_to() -> None:
    daw = Daw()
    daw.jumps = 1
    learn(daw, messages(daw, (0, (0x90, 48, 64)), (BEAT, (0xB0, 123, 0)), (5 * BEAT, (0x80, 48, 0))), END)
    daw.jumps = 2
    learn(daw, messages(daw, (2 * BEAT, (0x90, 53, 64))), END)
    frame, changes = daw.chords[-1]
    assert (frame, changes[-1]) == (2 * BEAT, (2.0, name_of((53,), 0, ())))
