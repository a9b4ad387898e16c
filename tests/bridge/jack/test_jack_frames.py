"""Frames of a server that drops cycles, and a MIDI clock that is counted by them."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge import JackMidiClockSource
from bridge.jack.frames import FRAMES_WRAP, FrameCounter, ServedFrames
from tests.bridge.jack_stand_in import JackClient

SIZE = 512


def cycle(frames: ServedFrames, client: JackClient, counter: int, place: int, rolling: bool = True) -> int:
    """One cycle at a state of the counter and a frame of the transport; its first frame."""
    client.last_frame_time = client.frame_time = counter % FRAMES_WRAP
    client.state, client.position["frame"] = int(rolling), place
    return frames.begin(client, SIZE)


def client() -> JackClient:
    return JackClient("client", True, None)


@given(st.integers(0, 2**40), st.integers(0, 2**30))
def test_a_counter_does_not_wrap(start: int, further: int) -> None:
    counter = FrameCounter()
    first = counter.begin(start % FRAMES_WRAP)
    assert counter.at((start + further) % FRAMES_WRAP) == first + further


def test_while_the_transport_stands_frames_are_the_counters() -> None:
    frames, jack = ServedFrames(), client()
    first = cycle(frames, jack, 2**32 - 700, 5000, rolling=False)
    assert cycle(frames, jack, 2**32 - 188, 5000, rolling=False) == first + 512
    assert cycle(frames, jack, 2**32 + 836, 5000, rolling=False) == first + 1536
    jack.frame_time += 100
    assert frames.now(jack) == first + 1636


def test_a_cycle_that_this_client_alone_missed_was_played() -> None:
    frames, jack = ServedFrames(), client()
    first = cycle(frames, jack, 0, 9000)
    assert cycle(frames, jack, 1024, 10024) == first + 1024


def test_a_counter_that_goes_on_while_the_server_is_held_up_counts_nothing() -> None:
    frames, jack = ServedFrames(), client()
    first = cycle(frames, jack, 0, 9000)
    for number in range(1, 4):
        assert cycle(frames, jack, 2048 + 512 * number, 9000 + 512 * number) == first + 512 * number
    jack.frame_time += 7
    assert frames.now(jack) == first + 1536 + 7


def test_a_callback_that_reads_the_counter_of_the_next_cycle_is_put_right() -> None:
    frames, jack = ServedFrames(), client()
    first = cycle(frames, jack, 0, 9000)
    assert cycle(frames, jack, 512, 9512) == first + 512
    assert cycle(frames, jack, 1536, 10024) == first + 1024
    jack.frame_time = 1540
    assert frames.now(jack) == first + 1540
    assert cycle(frames, jack, 1536, 10536) == first + 1536


def test_a_locate_moves_no_frame() -> None:
    frames, jack = ServedFrames(), client()
    first = cycle(frames, jack, 0, 9000)
    assert cycle(frames, jack, 512, 400_000) == first + 512
    assert cycle(frames, jack, 1024, 33) == first + 1024
    assert cycle(frames, jack, 1536, 33, rolling=False) == first + 1536


def test_two_clocks_that_cannot_be_read_at_once_are_not_compared() -> None:
    frames, jack = ServedFrames(), client()
    cycle(frames, jack, 48_000, 0, rolling=False)
    assert frames.read(jack, lambda: 7.0) == (48_000, 7.0)
    times = iter(range(100))
    assert frames.read(jack, lambda: float(next(times))) is None


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.sampled_from([93.0, 120.0, 174.0]), st.booleans())
def test_a_midi_clock_does_not_drift_whatever_the_server_drops(
    jack: list[JackClient], seed: int, bpm: float, holds_up: bool
) -> None:
    """The sender counts by the transport, as jack_midi_clock does; its clocks of cycles that we miss are lost."""
    jack.clear()
    rng = random.Random(seed)
    source = JackMidiClockSource("daw:clock")
    source.clock = lambda: 0.0
    source.start()
    (server,) = jack
    server.state = 1
    period = 48000 * 60 / bpm / 24
    counter, clock = 2**32 - 96_000, 0
    for number in range(40 * 48000 // SIZE):
        place = number * SIZE
        calm = not 300 < number < 3400
        if holds_up and not calm and rng.random() < 0.005:
            counter += SIZE * rng.choice([1, 2, 3])
        events = [(0, b"\xfa")] if number == 0 else []
        while round(clock * period) < place + SIZE:
            events.append((round(clock * period) - place, b"\xf8"))
            clock += 1
        if calm or rng.random() > 0.01:
            late = SIZE if not calm and rng.random() < 0.005 else 0
            server.last_frame_time = server.frame_time = (counter + late) % FRAMES_WRAP
            server.position["frame"], server.events = place, events
            server.process(SIZE)
        counter += SIZE
    server.frame_time = (server.last_frame_time + 100) % FRAMES_WRAP
    record = source.latest()
    beats = (place + 100) / 48000 * bpm / 60
    assert record.position_beats == pytest.approx(beats, abs=0.0005 * bpm / 60)
    assert record.tempo_bpm == pytest.approx(bpm, abs=0.01)
    source.stop()
