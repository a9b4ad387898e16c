"""What plays, given out as MIDI: the notes of the score on their frames, one channel a role."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.plugin_link.codes import Flag, Known
from bridge.plugin_link.keys import NOTE_SOUNDS
from bridge.plugin_link.wire import CONTROL_RANGES, PluginTransport
from musika_daw.host.notes.bars import CHANNELS, bar_of_notes
from musika_daw.host.play.piece import Piece
from musika_daw.host.plugin.played import PlayedBars, PlayedNotes
from musika_daw.host.plugin.session import PluginSession
from musika_daw.host.plugin.song_map import SongMap
from musika_daw.instrument.scores import SCORES
from musika_daw.score.controls import Controls
from musika_daw.score.following.changes import Changes
from tests.plugin.chord_notes import BAR, RATE, TRACK, Track
from tests.plugin.clap.clap_host import ClapHost, cached
from tests.plugin.lv2.lv2_host import Lv2Host

Played = list[tuple[int, bytes]]


def struck(notes: Iterable[tuple[int, bytes]]) -> Played:
    return sorted((at, midi) for at, midi in notes if midi[0] & 0xF0 == 0x90)


def written(bars: range, changes: Changes = (), **controls: object) -> Played:
    """What the score strikes in bars, by frame."""
    asked = Controls(style_seed=0, morph_seed=1, changes=changes, **controls)  # type: ignore[arg-type]
    piece = Piece(Fraction(120), asked, RATE)
    notes = [note for bar in bars for note in bar_of_notes(SCORES["parts"], piece, bar)]
    found = [(int(n.beat * RATE / 2 + 0.5), bytes((0x90 | n.channel, n.key, n.velocity))) for n in notes]
    return sorted((at, midi) for at, midi in found if at >= 0)


def held_after(notes: Iterable[tuple[int, bytes]]) -> set[tuple[int, int]]:
    """Keys that are down at the end; none is struck twice, or let go that is not down."""
    down: set[tuple[int, int]] = set()
    last = 0
    for at, midi in notes:
        key = midi[0] & 0x0F, midi[1]
        assert at >= last
        last = at
        if midi[0] & 0xF0 == 0x90:
            assert key not in down
            down.add(key)
        else:
            assert midi[0] & 0xF0 == 0x80
            assert key in down
            down.discard(key)
    return down


def test_a_bounce_gives_out_the_score_on_its_frames(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model=f"parts:{RATE}:0")
    one = clap(block=480)
    one.set_offline(True)
    one.play(0, 4 * BAR)
    wanted = written(range(4))
    assert struck(one.notes) == [note for note in wanted if note[0] < 4 * BAR]
    assert {midi[0] & 0x0F for _, midi in one.notes} == {CHANNELS["drums"] - 1, CHANNELS["chords"] - 1}
    one.process(4 * BAR, playing=False)
    assert held_after(one.notes) == set()


def test_notes_follow_the_chord_track_and_let_go_of_what_is_over(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model=f"parts:{RATE}:0")
    one = clap(block=512)
    Track(one).bounce(0, 4 * BAR)
    wanted: Played = []
    for bar, chord in enumerate(TRACK):
        changes = tuple((4.0 * number, other.name) for number, other in enumerate(TRACK[: bar + 1]))
        wanted += [note for note in written(range(bar, bar + 2), changes) if chord.first <= note[0] < chord.first + BAR]
    assert struck(one.notes) == wanted
    one.process(4 * BAR, playing=False)
    assert held_after(one.notes) == set()
    again = clap(block=100)
    Track(again).bounce(0, 4 * BAR)
    again.process(4 * BAR, playing=False)
    assert sorted(again.notes) == sorted(one.notes)


def test_a_muted_part_gives_no_notes_and_neither_does_bypass(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model=f"parts:{RATE}:0")
    one = clap()
    one.set_offline(True)
    one.set("mute_drums", 1)
    one.play(0, 2 * BAR)
    assert struck(one.notes) == [note for note in written(range(2), muted=("drums",)) if note[0] < 2 * BAR]
    del one.notes[:]
    one.set("bypass", 1)
    one.play(2 * BAR, 3 * BAR)
    assert struck(one.notes) == []


def test_in_real_time_notes_come_with_the_sound_and_a_seek_lets_go(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model=f"parts:{RATE}:0")
    one = clap(block=128)
    cached(one, 0, 3)
    one.play(0, BAR, real_time=True)
    assert struck(one.notes) == [note for note in written(range(1)) if note[0] < BAR]
    down = held_after(one.notes)
    assert down
    del one.notes[:]
    one.process(BAR // 2 + 7)
    offs = {(midi[0] & 0x0F, midi[1]) for at, midi in one.notes if at == BAR // 2 + 7 and midi[0] & 0xF0 == 0x80}
    assert down <= offs


def test_a_model_without_a_score_gives_none(host: Callable[..., PluginSession], clap: Callable[..., ClapHost]) -> None:
    host()
    one = clap()
    one.set_offline(True)
    one.play(0, BAR)
    assert one.notes == []


def test_lv2_gives_out_the_same(built: Path, host: Callable[..., PluginSession]) -> None:
    host(model=f"parts:{RATE}:0")
    one = Lv2Host(built / "musika-daw.lv2", RATE)
    for frame in range(0, BAR, 1000):
        time = {"frame": frame, "speed": 1.0, "beatsPerMinute": 120.0, "beatsPerBar": 4.0, "beatUnit": 4.0}
        one.process(1000, time | {"bar": 0, "barBeat": frame / (RATE // 2)})
    assert struck(one.notes) == [note for note in written(range(1)) if note[0] < BAR]
    one.process(1000, {"frame": BAR, "speed": 0.0})
    assert held_after(one.notes) == set()
    one.close()


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 3 * BAR), st.integers(0, 3)), max_size=3), st.integers(0, BAR))
@example([(1, 1), (2, 0)], 0)  # let go of by a part that is muted for a frame
@example([(1, 1), (2, 0), (3, 1)], 0)  # and muted again, when there is nothing left to let go of
def test_chunks_fit_together_wherever_the_song_changes(steps: list[tuple[int, int]], first: int) -> None:
    """Nothing is let go that was not struck, and all that sounds where a chunk begins is what the last one left."""
    song = SongMap(RATE, score="parts")
    controls = [-1, -1, -1, 0, 0] + [0] * (len(CONTROL_RANGES) - 5)
    known = Known.FRAME | Known.BEAT | Known.BPM
    for place, (frame, mutes) in enumerate([(0, 0), *sorted(steps)], 1):
        controls[5], controls[7] = mutes & 1, mutes >> 1
        news = PluginTransport(
            place, frame, 0, frame / 24_000, 120.0, 0, 0, 0, known, Flag.PLAYING, 1, 1, 1, 4, 4, tuple(controls)
        )
        song.observe(news)
    notes = PlayedNotes(song, PlayedBars("parts"))
    down: set[tuple[int, int]] | None = None
    for chunk in range(first // 1024, (first + BAR) // 1024):
        events = notes.of(chunk * 1024, 1024)
        sounds = {(midi[0] & 0x0F, midi[1]) for _, midi in events if midi[0] & 0xF0 == NOTE_SOUNDS}
        gone = {(midi[0] & 0x0F, midi[1]) for at, midi in events if midi[0] & 0xF0 == 0x80 and at == 0}
        if down is not None:
            assert sounds | gone >= down >= sounds
        down = set(sounds) | (gone if down is None else down)
        for _, midi in events:
            key = midi[0] & 0x0F, midi[1]
            if midi[0] & 0xF0 == 0x90:
                down.add(key)
            elif midi[0] & 0xF0 == 0x80:
                assert key in down
                down.discard(key)
