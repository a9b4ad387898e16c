"""Notes of what is read, in any order of blocks and places: each on its frame, each let go, none twice, none lost."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import FakeTransport
from musika_daw.host.host import Host
from musika_daw.host.notes.bars import BEATS_PER_BAR, CHANNELS, Note, NoteBars, bar_of_notes
from musika_daw.host.notes.sequencer import CHANNEL_NUMBERS, Sequencer
from musika_daw.host.offline import VirtualClock, play_offline
from musika_daw.host.play.cache import Generation
from musika_daw.host.play.click import ClickRenderer
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.meter import Read
from musika_daw.host.play.piece import Piece
from musika_daw.host.play.player import Player
from musika_daw.instrument.played import Bars
from musika_daw.instrument.scores import SCORES
from musika_daw.score.controls import Controls
from musika_daw.score.tempo import TempoMap

RATE = 48_000


def generation(bpm: float = 120, controls: Controls | None = None, number: int = 1) -> Generation:
    return Generation(number, Piece(Fraction(bpm).limit_denominator(10_000), controls or Controls(), RATE))


class Heard:
    """What a synth hears: strikes by frame, and what sounds; it complains of what must not be."""

    def __init__(self) -> None:
        self.struck: list[tuple[int, int, int]] = []  # frame, channel, key
        self.sounding: set[tuple[int, int]] = set()
        self.let_go: list[int] = []
        self.block_start = 0

    def block(self, events: list[tuple[int, bytes]], frames: int) -> None:
        offsets = [at for at, _ in events]
        assert offsets == sorted(offsets)
        assert all(0 <= at < frames for at in offsets)
        for at, message in events:
            status, channel, key = message[0] & 0xF0, message[0] & 0x0F, message[1]
            if status == 0x90:
                assert (channel, key) not in self.sounding, "struck twice"
                assert 1 <= message[2] <= 127
                self.sounding.add((channel, key))
                self.struck.append((self.block_start + at, channel, key))
            elif status == 0x80:
                self.sounding.remove((channel, key))
            else:
                assert message[:2] == bytes((0xB0 | channel, 123))
                assert not {held for held in self.sounding if held[0] == channel}
                self.let_go.append(self.block_start + at)
        self.block_start += frames


def dense(_generation: Generation, bar: int) -> tuple[Note, ...]:
    """Keys that never rest: sixteenths, triplets that overlap with their like, one held over two beats, odd places."""
    start = bar * BEATS_PER_BAR
    notes = [Note(start + i / 4, start + (i + 1) / 4, 9, 36, 100) for i in range(16)]
    notes += [Note(start + i / 3, start + (i + 2.5) / 3, 0, 40 + i % 2, 90) for i in range(12)]
    notes += [Note(start + 2 * i, start + 2 * i + 2, 2, 60, 80) for i in range(2)]
    notes += [Note(start + 0.7071 + i, start + 0.75 + i, 1, 72, 70) for i in range(4)]
    return tuple(sorted(notes, key=lambda note: note.beat))


def between(gen: Generation, first: float, stop: float) -> list[tuple[int, int, int]]:
    """Strikes on frames first..stop of a generation: frame, channel, key."""
    per_bar = gen.frames_per_beat * BEATS_PER_BAR
    found = []
    for bar in range(int(first // per_bar) - 1, int(stop // per_bar) + 2):
        for note in dense(gen, bar):
            frame = int(np.floor(note.beat * gen.frames_per_beat + 0.5))
            if first <= frame < stop:
                found.append((frame, note.channel, note.key))
    return sorted(found)


blocks = st.lists(st.sampled_from([64, 100, 512, 1024, 4096]), min_size=1, max_size=40)


@given(
    sizes=blocks,
    start=st.integers(-100_000, 2_000_000) | st.integers(-3000, 500),
    bpm=st.sampled_from([60, 97.3, 120, 128.1, 200]),
)
@settings(max_examples=60, deadline=None)
def test_play_strikes_every_note_once_and_on_its_frame(sizes: list[int], start: int, bpm: float) -> None:
    gen, heard = generation(bpm), Heard()
    sequencer, place = Sequencer(dense), start
    for frames in sizes:
        heard.block(sequencer.block([Read(0, frames, gen, float(place), 1.0)]), frames)
        place += frames
    first = 0 if -0.05 * RATE < start < 0 else start  # play that begins a moment before the song
    want = [(frame - start, channel, key) for frame, channel, key in between(gen, first, place)]
    before = max(start - 480, 0) if start > -0.05 * RATE else start - 480
    early = {(0, channel, key) for _, channel, key in between(gen, before, start)}
    assert sorted(set(heard.struck) - early) == sorted(set(want) - early)
    assert len(heard.struck) == len(set(heard.struck))
    heard.block(sequencer.block([]), 512)
    assert not heard.sounding


@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from(["go on", "locate", "stop", "tempo", "controls", "nudge", "bend", "loop"]),
            # a sixteenth is 6000 frames: notes on the first and the last frame of blocks
            st.integers(0, 400_000) | st.builds(lambda n, more: 500 * n + more, st.integers(0, 800), st.integers(0, 1)),
            st.lists(st.sampled_from([64, 512, 500, 777, 2000]), min_size=1, max_size=12),
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=250, deadline=None)
def test_whatever_is_played_no_note_hangs_comes_twice_or_is_lost(moves: list[tuple[str, int, list[int]]]) -> None:
    generations = [generation(120), generation(140, number=2), generation(120, Controls(seed=1), 3)]
    gen, heard, sequencer = generations[0], Heard(), Sequencer(dense)
    beat, rate = 0.0, 1.0
    strikes: dict[tuple[int, int, int], int] = {}  # since play last went elsewhere: channel, key, place
    since = None  # beat from which all notes must have been struck
    for move, number, sizes in moves:
        if move == "locate":
            elsewhere = number / gen.frames_per_beat
            if abs(elsewhere - beat) * gen.frames_per_beat > 0.03 * RATE:
                beat, since = elsewhere, None
        elif move == "stop":
            heard.block(sequencer.block([]), 512)
            assert not heard.sounding
            since = None
        elif move == "tempo":
            gen = generations[1] if gen is generations[0] else generations[0]
        elif move == "controls":
            gen = generations[2] if gen is generations[0] else generations[0]
        elif move == "nudge" and since is not None:
            beat += (number % 1000 - 500) / 500 * 0.015 * RATE / gen.frames_per_beat
        elif move == "bend":
            rate = 1.0 if rate != 1.0 else 1 + (number % 100 - 50) / 10_000
        for frames in sizes:
            if since is None:
                since, strikes = beat, {}
            position = beat * gen.frames_per_beat
            if rate == 1.0:
                position = float(round(position))
            reads = [Read(0, frames, gen, position, rate)]
            if move == "loop":  # round a loop inside the block: its second half is elsewhere
                half = frames // 2
                reads = [
                    Read(0, half, gen, position, rate),
                    Read(half, frames - half, gen, position - 3 * gen.frames_per_beat, rate, turned=True),
                ]
            before = len(heard.struck)
            heard.block(sequencer.block(reads), frames)
            last = reads[-1]
            end = (last.position + last.frames * last.rate) / gen.frames_per_beat
            if move == "loop":
                beat, since = end, None
                continue
            for frame, channel, key in heard.struck[before:]:
                at = (position + (frame - (heard.block_start - frames)) * rate) / gen.frames_per_beat
                bars = [note for bar in (-1, 0, 1) for note in dense(gen, int(at // 4) + bar)]
                near = [note.beat for note in bars if (note.channel, note.key) == (channel, key)]
                place = min(near, key=lambda beat: abs(beat - at))
                assert abs(place - at) * gen.frames_per_beat < 0.04 * RATE
                known = channel, key, round(place * 1000)
                assert known not in strikes, "twice"
                strikes[known] = frame
            beat = end
            for bar in range(int(since // 4), int(end // 4) + 1):
                for note in dense(gen, bar):
                    margin = 0.02 * RATE / gen.frames_per_beat
                    if since + 2e-4 <= note.beat < beat - margin:
                        assert (note.channel, note.key, round(note.beat * 1000)) in strikes, "lost"
    heard.block([(0, message) for message in sequencer.end()], 1)
    assert not heard.sounding
    assert heard.let_go[-1] == heard.block_start - 1


@pytest.mark.parametrize("edge", [5999, 6000, 6001, 6002])
def test_a_note_where_generations_meet_is_struck_once(edge: int) -> None:
    sequencer, heard = Sequencer(dense), Heard()
    heard.block(sequencer.block([Read(0, edge, generation(), 0.0, 1.0)]), edge)
    heard.block(sequencer.block([Read(0, 512, generation(controls=Controls(seed=1)), float(edge), 1.0)]), 512)
    assert [struck for struck in heard.struck if struck[1] == 9 and struck[0] > 3000] == [(6000, 9, 36)]


def test_another_generation_goes_on_with_what_it_holds_too() -> None:
    def held(gen: Generation, bar: int) -> tuple[Note, ...]:
        pad = Note(4.0 * bar, 4.0 * bar + 4, 2, 60, 80)
        lead = Note(4.0 * bar, 4.0 * bar + 4, 1, 72, 80)
        return (pad,) if gen.piece.controls.parts == ("chords",) else (lead, pad)

    both, one = generation(), generation(controls=Controls(parts=("chords",)), number=2)
    sequencer = Sequencer(held)
    assert len(sequencer.block([Read(0, 512, both, 0.0, 1.0)])) == 2
    assert sequencer.block([Read(0, 512, one, 512.0, 1.0)]) == [(0, bytes((0x81, 72, 0)))]
    faster = generation(140, Controls(parts=("chords",)), 3)
    assert sequencer.block([Read(0, 512, faster, 1024 * 120 / 140, 1.0)]) == []
    assert sequencer.block([Read(0, 8192, faster, 1024 * 120 / 140 + 512, 1.0)]) == []
    before_bar = round(4 * faster.frames_per_beat) - 100.0
    elsewhere = sequencer.block([Read(0, 512, faster, before_bar, 1.0)])
    assert elsewhere[0] == (0, bytes((0x82, 60, 0)))
    assert elsewhere[-1] == (100, bytes((0x92, 60, 80)))
    assert [message[1] for at, message in elsewhere[1:-1]] == [123] * len(CHANNEL_NUMBERS)


def test_notes_that_are_not_known_in_time_come_late_and_no_note_comes_twice() -> None:
    gen, known = generation(), [False]
    sequencer, heard = Sequencer(lambda g, bar: dense(g, bar) if known[0] else None), Heard()
    for block in range(40):
        known[0] = block >= 3
        heard.block(sequencer.block([Read(0, 512, gen, block * 512.0, 1.0)]), 512)
    want = between(gen, 0, 40 * 512)
    assert {(channel, key) for _, channel, key in heard.struck[:3]} == {(9, 36), (0, 40), (2, 60)}
    assert {frame for frame, _, _ in heard.struck[:3]} == {3 * 512}
    assert sorted(heard.struck[3:]) == want[3:]


def played(daw: FakeTransport, seconds: float, block: int) -> tuple[Heard, list[Read]]:
    """Notes and reads of a host that looks at its source once a block."""
    clock, heard, sequencer, reads = VirtualClock(), Heard(), Sequencer(dense), list[Read]()
    daw.clock = clock

    def listen(_now_s: float, host: Host) -> None:
        def take() -> None:
            reads.extend(host.player.reads)
            heard.block(sequencer.block(host.player.reads), block)

        if not host.on_fill:
            host.on_fill.append(take)

    play_offline(daw, clock, ClickRenderer(), seconds, block_frames=block, each_block=listen)
    return heard, reads


@pytest.mark.parametrize("block", [64, 512, 2048, 4096, 8192])
@pytest.mark.parametrize("at_s", [0.5003, 0.511, 0.55])
@pytest.mark.parametrize("start", [0.0, 16.0])
def test_a_start_that_is_noticed_late_has_the_notes_since_it(block: int, at_s: float, start: float) -> None:
    """A host that is held up by a block of up to 170 ms: what began since the start is struck as it is noticed."""
    daw = FakeTransport(120).locate(0.0, start).play(at_s).halt(at_s + 1.0).play(at_s + 1.5)
    heard, reads = played(daw, 3.0, block)
    begins = [read for read in reads if read.since is not None]
    assert [read.since for read in begins] == [start * RATE / 2, pytest.approx((start + 2) * RATE / 2, abs=2)]
    assert 0 <= begins[0].position - start * RATE / 2 < block
    first = min(frame for frame, _, _ in heard.struck)
    assert first == -(-round(at_s * RATE) // block) * block
    at_once = {(channel, key) for frame, channel, key in heard.struck if frame == first}
    assert at_once >= {(9, 36), (0, 40), (2, 60)}
    # all others once, each on its frame; of those that were missed, the last one of each key
    late = round(begins[0].position - start * RATE / 2)
    want = between(begins[0].generation, start * RATE / 2 + late, start * RATE / 2 + RATE // 2)
    want = [(frame - round(begins[0].position) + first, channel, key) for frame, channel, key in want]
    assert [struck for struck in sorted(heard.struck) if first < struck[0] <= want[-1][0]] == [
        struck for struck in want if struck[0] > first
    ]
    missed = [(channel, key) for frame, channel, key in heard.struck if frame == first]
    assert len(missed) == len(set(missed))


@pytest.mark.parametrize(("late_s", "struck"), [(0.0, True), (0.02, True), (0.2, True), (0.3, False)])
def test_a_start_that_is_heard_late_by_the_device_has_its_first_notes(late_s: float, struck: bool) -> None:
    player, sequencer, heard = Player(RATE), Sequencer(dense), Heard()
    player.generation = generation()
    out = np.zeros((2, 512), np.float32)
    grid = Grid(playing=True, at_s=1.0, beat=8.0, jumps=1, start_beat=8.0)
    for block in range(4):
        player.process(out, grid, 1.0 + late_s + block * 512 / RATE)
        heard.block(sequencer.block(player.reads), 512)
    first = {(channel, key) for frame, channel, key in heard.struck if frame == 0}
    assert ((2, 60) in first) is struck
    assert ((0, 40) in first) is struck
    # a locate, without a stop
    grid = Grid(playing=True, at_s=3.0, beat=40.0, jumps=2, start_beat=40.0)
    player.process(out, grid, 3.0 + late_s)
    heard.block(sequencer.block(player.reads), 512)
    assert (((4 * 512), 2, 60) in heard.struck) is struck
    # put right by 6 ms: nothing since the start is struck again
    before = len(heard.struck)
    player.process(out, grid, 3.0 + late_s + 512 / RATE - 0.006)
    heard.block(sequencer.block(player.reads), 512)
    assert player.reads[0].since is None
    assert len([one for one in heard.struck[before:] if one[1:] == (2, 60)]) == 0


def test_round_a_loop_that_ends_with_a_block_the_notes_before_its_start_are_left_out() -> None:
    def early(_generation: Generation, bar: int) -> tuple[Note, ...]:
        return (Note(4.0 * bar, 4.0 * bar + 1, 0, 40, 90), Note(4.0 * bar + 3.99, 4.0 * bar + 4.0, 0, 41, 90))

    player, sequencer, heard = Player(RATE), Sequencer(early), Heard()
    player.generation = generation()
    out = np.zeros((2, 480), np.float32)
    grid = Grid(playing=True, at_s=0.0, beat=8.0, loop_start=4.0, loop_end=12.0, jumps=1, start_beat=8.0)
    for block in range(2 * RATE // 480 + 1):
        player.process(out, grid, block * 480 / RATE)
        heard.block(sequencer.block(player.reads), 480)
    assert [read.turned for read in player.reads] == [True]
    assert heard.struck[-1] == (2 * RATE, 0, 40)
    assert [key for _, _, key in heard.struck] == [41, 40, 41, 40]


@pytest.mark.parametrize("kind", ["parts", "piano"])
def test_bars_hold_what_the_generator_is_told(kind: str) -> None:
    score, controls = SCORES[kind], Controls(seed=5)
    piece = Piece(Fraction(1281, 10), controls, RATE)
    notes = [note for bar in range(8) for note in bar_of_notes(score, piece, bar)]
    told = Bars(0, 32, TempoMap.constant(piece.bpm)).notes(score, controls, Fraction(1))
    ours = sorted((note.beat, note.key) for note in notes)
    theirs = sorted(zip((told.onset * float(piece.bpm) / 60).tolist(), told.key.tolist(), strict=True))
    assert len(ours) > 40
    assert 0 <= len(theirs) - len(ours) <= len(theirs) // 50  # a key that is struck twice at once is one
    for beat, key in ours:
        assert min(abs(beat - other) for other, other_key in theirs if other_key == key) < 1e-6
    assert {note.channel for note in notes} <= set(CHANNEL_NUMBERS)
    assert all(note.off_beat > note.beat for note in notes)
    assert all(a.beat <= b.beat for a, b in pairwise(notes))


def test_bars_are_worked_out_nearest_first_and_forgotten_with_their_generation() -> None:
    bars, gen = NoteBars(SCORES["parts"]), generation()
    grid = Grid(playing=True, beat=17.0, loop_start=8.0, loop_end=24.0)
    for _ in range(6):
        bars.step([gen], grid, 17.0, lambda _: False)
    assert all(bars.of(gen, bar) for bar in (2, 3, 4, 5, 6))
    assert bars.of(gen, 9) is None
    other = generation(140, number=2)
    bars.step([other], grid, 17.0, lambda used: used is gen)
    assert bars.of(gen, 4)
    bars.step([other], grid, 17.0, lambda _: False)
    assert bars.of(gen, 4) is None
    assert CHANNELS == {"piano": 1, "bass": 1, "lead": 2, "chords": 3, "drums": 10}


def test_the_player_says_what_it_read_round_a_loop_and_after_a_count_in() -> None:
    player, gen = Player(RATE), generation()
    player.generation = gen
    out = np.zeros((2, 512), np.float32)
    player.process(out, Grid(playing=True, at_s=0.0, beat=0.0, floor_beat=100 / gen.frames_per_beat), 0.0)
    assert [(r.at, r.frames, r.position) for r in player.reads] == [(100, 412, 100.0)]
    player.process(out, Grid(), 0.0)
    assert player.reads == []
    beat = (gen.frames_per_beat * 4 - 200) / gen.frames_per_beat
    player.process(out, Grid(playing=True, beat=beat, loop_start=0.0, loop_end=4.0, jumps=1), 0.0)
    assert [(r.at, r.frames, r.position) for r in player.reads] == [(0, 200, 95_800.0), (200, 312, 0.0)]
