from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import ClockGenerator, FakeTransport, InternalClock, MidiClockOut, Transport
from bridge.midi.out import song_position, time_of
from tests.waiting import wait_for

Timed = tuple[float, bytes]
Midi = Callable[..., list[Timed]]


def control(messages: list[Timed]) -> list[tuple[float, str]]:
    return [(round(t, 3), m.hex()) for t, m in messages if m != b"\xf8"]


def test_start_comes_with_its_first_clock(midi_of: Midi) -> None:
    messages = midi_of(FakeTransport(120).play(1), 3)
    starts = [i for i, (_, m) in enumerate(messages) if m == b"\xfa"]
    assert len(starts) == 1
    assert messages[starts[0] + 1] == (pytest.approx(1, abs=1e-9), b"\xf8")
    clocks = [t for t, m in messages[starts[0] :] if m == b"\xf8"]
    assert clocks == [pytest.approx(1 + i / 48, abs=1e-6) for i in range(len(clocks))]


def test_continue_is_on_a_sixteenth(midi_of: Midi) -> None:
    fake = FakeTransport(120).locate(0.5, 10.1).play(1)
    messages = midi_of(fake, 2)
    assert control(messages) == [(1, song_position(41).hex()), (1, "fb")]
    first = next(t for t, m in messages if m == b"\xf8" and t >= 1)
    assert first == pytest.approx(1 + 0.15 / 2)


def test_stop_locate_and_loop_wrap(midi_of: Midi) -> None:
    fake = FakeTransport(120).loop(0, 4, 8).play(1).locate(6, 16).halt(7)
    assert control(midi_of(fake, 8)) == [
        (1, "fa"),
        (5, "fc"),
        (5, song_position(16).hex()),
        (5, "fb"),
        (6, "fc"),
        (6, song_position(64).hex()),
        (6, "fb"),
        (7, "fc"),
    ]


def test_clocks_go_on_while_stopped_unless_not_wanted() -> None:
    stopped = Transport.of(playing=False, tempo_bpm=120, position_beats=0, host_time_s=0)
    messages = ClockGenerator().update(stopped, 1.001)
    assert [m for _, m in messages] == [b"\xf8"] * 48
    assert ClockGenerator(clocks_when_stopped=False).update(stopped, 1) == []


@settings(max_examples=40, deadline=None)
@given(st.floats(20, 999), st.floats(0.001, 0.05))
def test_no_clock_is_missing_or_double_whatever_the_step(tempo: float, step_s: float) -> None:
    fake = FakeTransport(tempo).play(0)
    generator, messages = ClockGenerator(), []
    for step in range(int(1 / step_s)):
        messages += generator.update(fake.truth(step * step_s), (step + 1) * step_s)
    clocks = [t for t, m in messages if m == b"\xf8"]
    assert clocks == [pytest.approx(i * 60 / tempo / 24, abs=1e-6) for i in range(len(clocks))]
    assert len(clocks) == pytest.approx(tempo * 24 / 60 * int(1 / step_s) * step_s, abs=1.01)


def test_clocks_of_a_ramp_lie_on_the_ramp(midi_of: Midi) -> None:
    fake = FakeTransport(120).play(0).ramp(0, 180, over_s=4)
    clocks = [t for t, m in midi_of(fake, 4) if m == b"\xf8"]
    assert [fake.truth(t).position_beats * 24 for t in clocks] == [
        pytest.approx(i, abs=1e-3) for i in range(len(clocks))
    ]


def test_a_source_that_no_longer_knows_is_a_stop() -> None:
    generator = ClockGenerator()
    generator.update(FakeTransport(120).play(0).truth(0), 0.01)
    assert [m for _, m in generator.update(Transport.of(host_time_s=1), 1.01)] == [b"\xfc"]
    assert generator.update(Transport.of(host_time_s=2), 2.01) == []


def test_song_positions_beyond_what_midi_can_say_start_again() -> None:
    assert song_position(16384 + 5) == song_position(5)


def test_a_position_a_falling_ramp_never_reaches_has_no_time() -> None:
    falling = Transport.of(playing=True, tempo_bpm=60, tempo_increment_bpm_per_s=-10, position_beats=0, host_time_s=0)
    assert time_of(falling, 2.9) == pytest.approx(4.905, abs=0.01)
    assert time_of(falling, 4) is None


class Output:
    """Records what is sent."""

    def __init__(self) -> None:
        self.messages: list[Timed] = []
        self.closed = False

    def __call__(self, port: str, **options: object) -> Output:
        return self

    def send(self, message: bytes) -> None:
        self.messages.append((time.perf_counter(), message))

    def close(self) -> None:
        self.closed = True


def test_the_thread_sends_and_stops_with_a_stop() -> None:
    clock, output = InternalClock(200), Output()
    sender = MidiClockOut(clock, "anything", opener=output)
    clock.play()
    sender.start()
    assert wait_for(lambda: sender.sent > 20)
    sender.stop()
    kinds = [m for _, m in output.messages]
    assert kinds[-1] == b"\xfc"
    assert b"\xf8" in kinds
    assert output.closed
    sender.stop()


def test_an_output_wants_a_port_or_a_virtual_one() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        MidiClockOut(InternalClock())
