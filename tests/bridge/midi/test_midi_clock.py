from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import FakeTransport, MidiClock, MidiClockSource, Transport, Valid
from bridge.midi.out import song_position

Timed = tuple[float, bytes]


def feed(machine: MidiClock, text: str, start_s: float = 0.0, bpm: float = 120.0) -> float:
    """Feed hex messages; after each F8 the next message is a clock later. Returns the time of the last F8."""
    at_s = last_s = start_s
    for part in text.split():
        count = 1
        if "*" in part:
            part, number = part.split("*")
            count = int(number)
        for _ in range(count):
            machine.feed(bytes.fromhex(part), at_s)
            if part == "F8":
                last_s = at_s
                at_s += 60 / bpm / 24
    return last_s


def test_the_clock_after_start_is_beat_zero() -> None:
    machine = MidiClock()
    machine.feed(b"\xfa", 0.0)
    waiting = machine.transport(0.1)
    assert (waiting.playing, waiting.position_beats) == (False, 0)
    machine.feed(b"\xf8", 0.2)
    begun = machine.transport(0.2)
    assert (begun.playing, begun.position_beats) == (True, 0)


@pytest.mark.parametrize("before", ["", "FA F8*100 FC", "F20201 FB F8*30"])
def test_start_and_then_a_song_position_of_zero_on_the_same_frame(before: str) -> None:
    """As Giada sends it."""
    machine = MidiClock()
    at_s = feed(machine, before) + 0.5
    for message in (b"\xfa", b"\xf2\0\0", b"\xf8"):
        machine.feed(message, at_s)
    begun = machine.transport(at_s)
    assert (begun.playing, begun.position_beats) == (True, pytest.approx(0, abs=1e-9))
    last_s = feed(machine, "F8*47", at_s + 60 / 120 / 24)
    assert machine.transport(last_s).position_beats == pytest.approx(47 / 24, abs=1e-3)


def test_a_beat_is_twenty_four_clocks() -> None:
    machine = MidiClock()
    last_s = feed(machine, "FA F8*25")
    record = machine.transport(last_s)
    assert record.position_beats == pytest.approx(1)
    assert record.tempo_bpm == pytest.approx(120)
    assert machine.transport(last_s + 0.01).position_beats == pytest.approx(1.02)


def test_continue_resumes_at_the_song_position() -> None:
    machine = MidiClock()
    last_s = feed(machine, "F20201 FB F8*13")  # 130 sixteenths are 32.5 beats
    assert machine.transport(last_s).position_beats == pytest.approx(33)


def test_continue_after_stop_goes_on_with_the_next_clock() -> None:
    machine = MidiClock()
    feed(machine, "FA F8*24 FC")
    assert machine.transport(5).position_beats == 1
    assert not machine.transport(5).playing
    machine.feed(b"\xfb", 5)
    machine.feed(b"\xf8", 5.1)
    assert machine.transport(5.1).position_beats == pytest.approx(1)


def test_clocks_while_stopped_give_tempo_and_no_movement() -> None:
    machine = MidiClock()
    last_s = feed(machine, "FA F8*24 FC F8*48")
    record = machine.transport(last_s)
    assert (record.playing, record.position_beats) == (False, 1)
    assert record.tempo_bpm == pytest.approx(120)


def test_joining_in_the_middle_claims_tempo_only() -> None:
    machine = MidiClock()
    last_s = feed(machine, "F8*48")
    assert machine.transport(last_s).valid == Valid.TEMPO_BPM | Valid.HOST_TIME_S


def test_a_song_position_while_playing_is_a_locate() -> None:
    machine = MidiClock()
    last_s = feed(machine, "FA F8*24 F24000 F8*7")
    assert machine.transport(last_s).position_beats == pytest.approx(16.25)


def test_a_song_position_repeated_while_playing_keeps_the_clocks_counted() -> None:
    machine = MidiClock()
    last_s = feed(machine, "FA F8*27 F20400 F8")  # clock 27 is in the fifth sixteenth
    assert machine.transport(last_s).position_beats == pytest.approx(27 / 24)


def test_the_clock_stops_after_three_missing_and_holds_its_tempo() -> None:
    machine = MidiClock()
    last_s = feed(machine, "FA F8*49")
    assert machine.transport(last_s + 3.5 / 48).playing
    gone = machine.transport(last_s + 1)
    assert (gone.playing, gone.position_beats) == (False, 2)
    assert gone.tempo_bpm == pytest.approx(120)


def test_a_sender_of_wrong_song_positions_is_found_out() -> None:
    machine = MidiClock()
    feed(machine, "FA F8*96 FC F26000")  # 96 clocks are 16 sixteenths, not 96
    assert len(machine.warnings) == 1
    assert "6 times too far" in machine.warnings[0]
    assert "song_position_divisor=6" in machine.warnings[0]
    corrected = MidiClock(song_position_divisor=6)
    feed(corrected, "FA F8*96 FC F26000")
    assert corrected.warnings == ()
    assert corrected.transport(9).position_beats == 4


def test_a_right_sender_and_a_locate_are_not_complained_about() -> None:
    machine = MidiClock()
    feed(machine, "FA F8*96 FC F21000 FB F8*96 FC F22000 F20700 FB F8*30 FC F20000")
    assert machine.warnings == ()


@pytest.mark.parametrize("text", ["F2", "F201", "F2010203"])
def test_a_broken_song_position_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="song position"):
        MidiClock().feed(bytes.fromhex(text), 0)


def test_other_messages_are_not_ours() -> None:
    machine = MidiClock()
    assert not machine.feed(b"\x90\x40\x7f", 0)
    assert not machine.feed(b"\xfe", 0)
    assert machine.feed(b"\xf8", 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.binary(min_size=0, max_size=4), st.floats(0, 1)), max_size=80))
def test_no_bytes_can_break_it(messages: list[tuple[bytes, float]]) -> None:
    machine, at_s = MidiClock(), 0.0
    for message, later_s in messages:
        at_s += later_s
        if not message or (message[0] == 0xF2 and (len(message) != 3 or max(message[1:]) > 127)):
            with pytest.raises(ValueError, match=r"message|song position"):
                machine.feed(message, at_s)
        else:
            machine.feed(message, at_s)
        machine.transport(at_s)


class Rig:
    """A scripted DAW, its MIDI through a bad cable, and what we make of it."""

    def __init__(self, fake: FakeTransport, messages: list[Timed], until_s: float) -> None:
        self.fake, self.machine = fake, MidiClock()
        self.errors_s: dict[float, float] = {}
        self.seen: dict[float, Transport] = {}
        pending = sorted(messages, key=lambda message: message[0])
        for step in range(int(until_s / 0.01)):
            now_s = round(step * 0.01, 2)
            while pending and pending[0][0] <= now_s:
                at_s, message = pending.pop(0)
                self.machine.feed(message, at_s)
            record, truth = self.machine.transport(now_s), fake.truth(now_s)
            self.seen[now_s] = record
            if record.playing and truth.playing and record.knows(Valid.POSITION_BEATS):
                self.errors_s[now_s] = (record.position_beats - truth.position_beats) * 60 / truth.tempo_bpm

    def worst_s(self, start_s: float, end_s: float) -> float:
        errors = [abs(e) for t, e in self.errors_s.items() if start_s <= t < end_s]
        assert len(errors) > 50 * (end_s - start_s), "hardly ever playing"
        return max(errors)


Midi = Callable[..., list[Timed]]


@pytest.mark.parametrize("tempo", [20, 97, 120, 174])
def test_start_stop_continue_and_locates_both_ways(midi_of: Midi, quantised: Midi, tempo: float) -> None:
    fake = FakeTransport(tempo).play(4).halt(10).play(12).locate(16, 64).locate(20, 8).halt(24)
    rig = Rig(fake, quantised(midi_of(fake, 26), 256), 26)
    for start_s, end_s in ((4.2, 10), (12.8, 16), (16.8, 20), (20.8, 24)):
        assert rig.worst_s(start_s, end_s) < 0.0075
    assert not any(rig.seen[t].playing for t in rig.seen if 10.1 < t < 12 or t > 24.1 or t < 4)


def test_a_loop_of_four_bars_wraps(midi_of: Midi, quantised: Midi) -> None:
    fake = FakeTransport(120).loop(0, 0, 16).play(1)
    rig = Rig(fake, quantised(midi_of(fake, 26), 256), 26)
    near_wrap = {t for t in rig.errors_s if min((t - 1) % 8, 8 - (t - 1) % 8) < 0.03}
    assert max(abs(e) for t, e in rig.errors_s.items() if t > 1.2 and t not in near_wrap) < 0.0075


def test_a_tempo_step_and_a_ramp(midi_of: Midi, quantised: Midi) -> None:
    fake = FakeTransport(120).play(1).tempo(8, 140).ramp(16, 100, over_s=8)
    rig = Rig(fake, quantised(midi_of(fake, 30), 256), 30)
    assert rig.worst_s(8.45, 16) < 0.0075  # one beat after the step
    assert rig.worst_s(16, 26) < 0.02
    assert rig.worst_s(26, 30) < 0.01
    assert rig.seen[15.0].tempo_bpm == pytest.approx(140, abs=0.1)
    assert rig.seen[29.99].tempo_bpm == pytest.approx(100, abs=0.2)


def test_a_nudge(midi_of: Midi, quantised: Midi) -> None:
    fake = FakeTransport(120).play(0).nudge(20, 0.05)
    rig = Rig(fake, quantised(midi_of(fake, 70), 256), 70)
    assert rig.worst_s(1, 70) < 0.008
    assert rig.seen[69.9].tempo_bpm == pytest.approx(120.05, abs=0.02)


def test_a_dropout_of_a_second_is_survived_on_the_grid(midi_of: Midi, quantised: Midi) -> None:
    fake = FakeTransport(120).play(0)
    messages = [m for m in quantised(midi_of(fake, 20), 256) if not 8 < m[0] < 9]
    rig = Rig(fake, messages, 20)
    assert not rig.seen[8.5].playing
    assert rig.worst_s(9.05, 20) < 0.0075


def test_jitter_of_ten_milliseconds_and_lost_clocks(midi_of: Midi) -> None:
    rng = random.Random(3)
    fake = FakeTransport(120).play(1)
    clean = midi_of(fake, 40)
    shaken = [(t + rng.uniform(0, 0.01), m) for t, m in clean if m != b"\xf8" or rng.random() > 0.005]
    rig = Rig(fake, shaken, 40)
    assert rig.worst_s(5, 40) < 0.012


def test_a_daw_that_dies_and_returns(midi_of: Midi, quantised: Midi) -> None:
    fake = FakeTransport(120).play(0).vanish(6, 10).tempo(11, 90).play(12)
    messages = [m for m in quantised(midi_of(fake, 20), 256) if not 6 <= m[0] < 10]
    rig = Rig(fake, messages, 20)
    assert not any(rig.seen[t].playing for t in rig.seen if 6.2 < t < 12)
    assert rig.worst_s(13, 20) < 0.0075
    assert rig.seen[19.0].position_beats == pytest.approx(10.5, abs=0.02)


def test_song_positions_are_written_as_they_are_read() -> None:
    for sixteenths in (0, 1, 127, 128, 16383):
        machine = MidiClock()
        machine.feed(song_position(sixteenths), 0)
        assert machine.transport(0).position_beats == sixteenths / 4


class Port:
    """A MIDI port that a test plays on."""

    def __init__(self) -> None:
        self.open = 0
        self.on_message: Callable[[Sequence[int], float], None] = lambda message, time_s: None
        self.asked: tuple[object, ...] = ()

    def __call__(self, port: str, on_message: Callable[..., None], **options: object) -> Port:
        self.on_message, self.asked = on_message, (port, options)
        self.open += 1
        return self

    def close(self) -> None:
        self.open -= 1


def test_the_source_reports_counts_and_can_start_again() -> None:
    heard: list[Transport] = []
    port, now = Port(), [10.0]
    source = MidiClockSource("Live", opener=port, listener=heard.append, clock=lambda: now[0], latency_s=0.002)
    for _ in range(2):
        with source:
            assert port.open == 1
            port.on_message([0xFA], 9.0)
            for i in range(49):
                port.on_message([0xF8], 9.0 + i / 48)
            port.on_message([0xF2, 1], 10.0)
            port.on_message([0x90, 60, 1], 10.0)
            assert source.latest().position_beats == pytest.approx(2.004)
            assert source.latest().playing
        assert port.open == 0
    assert port.asked == ("Live", {"virtual": None, "api": None})
    assert (source.counts.received, source.counts.malformed) == (100, 2)
    assert len(heard) == 100
    assert source.warnings == ()


def test_a_source_wants_a_port_or_a_virtual_one() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        MidiClockSource()
    with pytest.raises(ValueError, match="exactly one"):
        MidiClockSource("a", virtual="b")


def test_a_clock_that_ceases_while_playing_is_told_and_one_that_is_stopped_is_not() -> None:
    now = [0.0]
    source = MidiClockSource("none", clock=lambda: now[0])
    last_s = feed(source.machine, "FA F8*49")
    now[0] = last_s
    assert (source.latest().playing, source.warnings) == (True, ())
    now[0] = last_s + 2
    assert source.latest().playing is False
    assert [warning[:31] for warning in source.warnings] == ["the clock ceased while playing,"]
    last_s = feed(source.machine, "F8*49", now[0])
    now[0] = last_s
    assert source.warnings == ()
    source.machine.feed(b"\xfc", last_s)
    now[0] = last_s + 60
    assert source.warnings == (), "it was told to stop"


@pytest.mark.parametrize("stays", [False, True])
def test_song_positions_repeated_beyond_what_they_can_tell_move_nothing(stays: bool) -> None:
    machine = MidiClock()
    machine.feed(song_position(16_300), 0.0)
    at_s = feed(machine, "FB F8", 0.0)
    for bar in range(1, 20):
        at_s = feed(machine, "F8*95", at_s + 60 / 120 / 24)
        sixteenths = 16_300 + 16 * bar
        machine.feed(song_position(min(sixteenths, 16_383) if stays else sixteenths), at_s + 0.01)
        at_s = feed(machine, "F8", at_s + 60 / 120 / 24)
        assert machine.transport(at_s).position_beats == pytest.approx(sixteenths / 4, abs=1e-3)
    machine.feed(song_position(32), at_s + 0.01)  # and there it was really sent
    at_s = feed(machine, "F8*25", at_s + 60 / 120 / 24)
    assert machine.transport(at_s).position_beats == pytest.approx(9, abs=1e-3)


@pytest.mark.parametrize(("period_s", "told"), [(0.001, False), (0.005, False), (0.02, True)])
def test_clocks_that_come_once_an_audio_period_are_read_or_it_is_said(period_s: float, told: bool) -> None:
    machine = MidiClock()
    machine.feed(b"\xfa", 0.0)
    for tick in range(2400):
        machine.feed(b"\xf8", math.ceil((0.02 + tick * 60 / 120 / 24) / period_s - 1e-9) * period_s)
    bpm = machine.transport(50).tempo_bpm
    assert (abs(bpm - 120) > 1) == told
    assert bool(machine.warnings) == told
    assert not told or re.match(r"1\d of the last 240 clocks are missing; .* --jitter-ms 12 or 22", machine.warnings[0])


def _warned(bpm: float, jitter_s: float, period: int, loss: float, minutes: float = 2) -> tuple[float, tuple[str, ...]]:
    """How many clocks the position is off in the end, and what is said, of clocks that an audio period hands over."""
    machine, chance, tick_s, period_s = MidiClock(jitter_s), random.Random(1), 60 / bpm / 24, period / 48_000
    machine.feed(b"\xfa", 0)
    for number in range(round(minutes * bpm * 24)):
        if number < 200 or chance.random() >= loss:
            at_s = (math.floor(number * tick_s / period_s) + 1) * period_s
            machine.feed(b"\xf8", at_s)
    return machine.transport(at_s).position_beats * 24 - at_s / tick_s, machine.warnings


@pytest.mark.parametrize("bpm", [93, 120, 140, 174])
@pytest.mark.parametrize("period", [256, 1024])
def test_lost_clocks_that_cannot_be_told_from_late_ones_are_said(bpm: float, period: int) -> None:
    off, told = _warned(bpm, 0.022, period, 0.01)
    said = any(re.search(r"elsewhere \d+ times at the same tempo: with a jitter of \d+ ms", text) for text in told)
    assert said or abs(off) < 1
    assert said or (bpm, period) == (93, 256), "there the ticks are further apart than the jitter"
    off, told = _warned(bpm, 0.022, period, 0)
    assert (abs(off) < 1, told) == (True, ())
    off, told = _warned(bpm, 0.006, 256, 0.01)
    assert abs(off) < 1
    assert not any("elsewhere" in text for text in told)


def test_the_clock_of_two_outputs_in_one_port_is_said() -> None:
    machine = MidiClock()
    machine.feed(b"\xfa", 0)
    for number in range(200):
        for _ in range(2):
            machine.feed(b"\xf8", number / 48 + random.Random(number).uniform(0, 0.002))
    assert any("clocks come in pairs" in text for text in machine.warnings)
    for number in range(200, 300):
        machine.feed(b"\xf8", number / 48)
    assert not any("clocks come in pairs" in text for text in machine.warnings)


def test_a_clock_that_came_back_without_a_start_is_said_until_the_next_one() -> None:
    machine = MidiClock()
    last_s = feed(machine, "FA F8*96")
    assert not machine.warnings
    last_s = feed(machine, "F8*48", last_s + 5)
    assert machine.transport(last_s).playing
    assert any("came back without a Start" in text for text in machine.warnings)
    last_s = feed(machine, "FC FA F8*48", last_s + 0.5)
    assert not machine.warnings
    feed(machine, "FC F8*48 F8*48", last_s + 9)  # clocks while it stands may pause
    assert not machine.warnings
