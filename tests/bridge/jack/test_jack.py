"""JACK with a stand-in that behaves like its library."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from bridge import InternalClock, JackMidiClockOut, JackMidiClockSource, JackSource, SourceError, Transport, Valid
from bridge.jack.midi import JackMidiInput, JackMidiOut
from bridge.jack.source import transport_of
from tests.bridge.jack_stand_in import POSITION, JackClient


def test_a_jack_position_with_bars() -> None:
    record = transport_of(1, {**POSITION, "beat": 3, "tick": 960.0}, 7.01)
    assert record.known() == {
        "playing": True,
        "tempo_bpm": 120,
        "position_beats": 6.5,
        "position_s": 2,
        "position_frames": 96000,
        "bar_start_beats": 4,
        "signature_numerator": 4,
        "signature_denominator": 4,
        "host_time_s": 7.01,
        "sample_rate_hz": 48000,
    }


def test_a_jack_position_without_a_timebase_master() -> None:
    record = transport_of(0, {"usecs": 7_000_000, "frame_rate": 44100, "frame": 44100}, 7.0)
    assert record.known() == {
        "playing": False,
        "position_s": 1,
        "position_frames": 44100,
        "host_time_s": 7,
        "sample_rate_hz": 44100,
    }


def test_jack_starting_is_not_playing() -> None:
    assert not transport_of(3, POSITION, 7.0).playing


def test_jack_eighths_bar_starts_and_offsets() -> None:
    eight = {**POSITION, "beats_per_bar": 6.0, "beat_type": 8.0, "bar_start_tick": 0.0, "beat": 2}
    assert transport_of(1, eight, 7).position_beats == 3.5
    # a signature changed on the way: the master's count of ticks is nearer to the truth than ours of bars
    assert transport_of(1, {**POSITION, "bar_start_tick": 5760.0}, 7).bar_start_beats == 3
    assert transport_of(1, {**POSITION, "bar_start_tick": 1e9}, 7).bar_start_beats == 4
    assert transport_of(1, {**POSITION, "bbt_offset": 12000}, 7).position_beats == 4.5


def test_nonsense_of_a_master_stays_unknown() -> None:
    for tempo in (0.0, float("nan")):
        record = transport_of(1, {**POSITION, "beats_per_minute": tempo}, 7)
        assert not record.knows(Valid.TEMPO_BPM)
        assert record.knows(Valid.POSITION_BEATS | Valid.POSITION_FRAMES)
    for wrong in ({"ticks_per_beat": 0.0}, {"beat": -1011064008}, {"tick": 32766}, {"bar": 0}):
        assert not transport_of(1, {**POSITION, **wrong}, 7).knows(Valid.POSITION_BEATS)
    assert not transport_of(1, {**POSITION, "beat_type": 3.0}, 7).knows(Valid.SIGNATURE_DENOMINATOR)


def test_the_jack_source_asks_steers_and_notices_a_server_that_goes(jack: list[JackClient]) -> None:
    source = JackSource(clock=lambda: 7.0)
    with pytest.raises(SourceError, match="not connected"):
        source.play()
    with source:
        jack[0].state = 1
        assert source.latest().position_beats == 4
        assert source.latest().playing
        jack[0].since = [250, 2, 24, 48]  # the first pair straddles a new cycle
        assert source.latest().host_time_s == pytest.approx(7 - 0.001)
        jack[0].torn = True
        assert source.latest().position_beats == 4
        assert source.counts.dropped == 1
        assert source.steers
        source.steer("play")
        source.steer("stop")
        source.locate_frames(480)
        assert jack[0].log == ["activate", "transport_start", "transport_stop", ("locate", 480)]
        jack[0].shut_down(0, "gone")
        assert not source.is_connected
        assert source.latest() == Transport.of(host_time_s=7.0)
        source.start()
        assert source.is_connected
        assert len(jack) == 2
    assert not source.is_connected


def test_a_server_that_runs_no_more_cycles_is_gone_though_it_said_nothing(jack: list[JackClient]) -> None:
    now = [10.0]
    with JackSource(clock=lambda: now[0]) as source:
        assert source.latest().knows(Valid.POSITION_FRAMES)
        jack[0].since = [3 * 48_000]
        now[0] += 1.5
        assert source.is_connected, "a server may be held up for a while"
        source.latest()
        now[0] += 1.5
        assert source.latest() == Transport.of(host_time_s=now[0])
        assert not source.is_connected
        source.revive()
        assert source.is_connected
        assert source.latest().knows(Valid.POSITION_FRAMES)
        assert len(jack) == 3, "one that looked, and the next"


def test_a_server_that_was_only_held_up_keeps_its_clients(jack: list[JackClient]) -> None:
    now = [10.0]
    with JackSource(clock=lambda: now[0]) as source:
        jack[0].since = [3 * 48_000]
        for _ in range(2):
            source.latest()
            now[0] += 2.5
        assert not source.is_connected
        jack[0].since = [0]
        jack[0].runs = True
        source.revive()
        assert source.latest().knows(Valid.POSITION_FRAMES)
        assert [client.name for client in jack] == ["musika-daw", "musika-daw look"]
        assert ["close" in client.log for client in jack] == [False, True]
    port = JackMidiClockSource("daw:clock")
    port.start()
    port._jack._watch._since_s -= 3
    jack[-1].runs = True
    port.revive()
    assert jack[-2].process is not None
    assert "close" not in jack[-2].log
    port.stop()


def test_a_midi_port_notices_a_server_that_stands_still_and_one_with_another_rate(jack: list[JackClient]) -> None:
    source = JackMidiClockSource("daw:clock")
    source.start()
    source.revive()
    assert len(jack) == 1
    jack[0].samplerate = 44_100
    source.revive()
    assert len(jack) == 2
    source._jack._watch._since_s -= 3
    source.revive()
    assert len(jack) == 4
    jack[3].process(256)
    source._jack._watch._since_s -= 3
    source.revive()
    assert len(jack) == 4, "cycles were run"
    source.stop()


def test_a_jack_server_that_is_not_there(jack: list[JackClient]) -> None:
    with pytest.raises(SourceError, match="JACK server 'nowhere' does not answer: server not found"):
        JackSource(server="nowhere").start()


def test_jack_midi_clock_is_stamped_by_frames(jack: list[JackClient]) -> None:
    source = JackMidiClockSource("daw:clock")
    now = [100.0]
    source.clock = lambda: now[0]
    source.start()
    client = jack[0]
    assert ("connect", "daw:clock") in client.log
    due = [b"\xfa", *[b"\xf8"] * 400]
    for cycle in range(0, 8 * 48000, 256):
        client.last_frame_time = (2**32 - 96000 + cycle) % 2**32  # over the wrap of the counter
        now[0] += 0.1 if cycle % 7 == 0 else 0.001  # the host's clock does not matter
        client.events = []
        while due and (frame := max(0, 400 - len(due)) * 1000) < cycle + 256 and frame >= cycle:
            client.events.append((frame - cycle, due.pop(0)))
        client.process(256)
    client.frame_time = (client.last_frame_time + 100) % 2**32
    record = source.latest()
    assert source.counts.received == 385
    assert record.tempo_bpm == pytest.approx(120, abs=0.001)
    assert record.position_beats == pytest.approx((8 * 48000 - 156) / 24000, abs=1e-4)
    assert record.host_time_s == now[0]
    source.stop()
    client.process(256)
    assert not source.latest().knows(Valid.PLAYING)


def test_a_jack_midi_port_that_is_not_there(jack: list[JackClient]) -> None:
    source = JackMidiClockSource("no:port")
    with pytest.raises(SourceError, match="JACK MIDI port 'no:port': no such port"):
        source.start()
    assert "close" in jack[0].log


def play(clock: JackMidiClockOut, client: JackClient, host: list[float], cycles: int, period: int = 512) -> None:
    """Let the server run, whose frames and the host's clock are of one pace; `step` comes just before a cycle."""
    for _ in range(cycles):
        client.frame_time = (client.last_frame_time + period) % 2**32
        clock.step()
        client.last_frame_time = client.frame_time
        client.process(period)
        host[0] += period / 48000


def led(host: list[float]) -> InternalClock:
    source = InternalClock(120)
    source.clock = lambda: host[0]
    return source


def test_clock_out_is_on_the_frames_of_its_grid(jack: list[JackClient]) -> None:
    host = [50.0]
    source = led(host)
    clock = JackMidiClockOut(source, "other:in", clock=lambda: host[0])
    clock.start()
    client = jack[0]
    assert ("connect", "other:in") in client.log
    play(clock, client, host, 20)
    source.play()
    play(clock, client, host, 400)
    # play began in the moments already sent: it comes in on the next sixteenth
    start = next(i for i, (_, message) in enumerate(client.written) if message == b"\xfb")
    assert client.written[start - 1][1] == b"\xf2\x01\x00"
    clocks = [frame for frame, message in client.written[start:] if message == b"\xf8"]
    assert len(clocks) > 190
    assert {b - a for a, b in pairwise(clocks)} == {1000}
    assert clocks[0] == 21 * 512 + 6000  # a sixteenth after the cycle in which play began
    assert client.written[start][0] <= clocks[0]
    assert [frame for frame, _ in client.written] == sorted(frame for frame, _ in client.written)
    assert clock.late == 0


def test_clock_out_ends_with_a_stop_and_comes_back_to_a_new_server(jack: list[JackClient]) -> None:
    host = [50.0]
    source = led(host)
    clock = JackMidiClockOut(source, clock=lambda: host[0])
    clock.step()
    assert clock.sent == 0
    clock.start()
    source.play()
    play(clock, jack[0], host, 40)
    jack[0].shut_down(0, "gone")
    sent = clock.sent
    clock.step()
    assert clock.sent == sent
    clock.revive()
    again = jack[1]
    again.last_frame_time = again.frame_time = 2**32 - 2000
    play(clock, again, host, 40)
    messages = [message for _, message in again.written]
    assert b"\xfb" in messages  # it was not at the beginning: song position, continue
    assert messages.count(b"\xf8") > 15
    server = threading.Thread(target=lambda: (time.sleep(0.05), again.process(48000)))
    server.start()
    clock.stop()
    server.join()
    assert again.written[-1][1] == b"\xfc"
    assert "close" in again.log


def test_a_clock_out_port_that_is_not_there(jack: list[JackClient]) -> None:
    with pytest.raises(SourceError, match="JACK MIDI port 'no:port': no such port"):
        JackMidiClockOut(InternalClock(), "no:port").start()
    assert "close" in jack[0].log


def test_notes_come_on_the_frames_of_their_times_and_the_last_after_all_others(jack: list[JackClient]) -> None:
    host = [50.0]
    out = JackMidiOut("other:in", client_name="notes", clock=lambda: host[0])
    out.start()
    client = jack[0]
    assert not out.is_set
    client.frame_time = 48_000
    out.step()
    assert out.is_set
    assert out.frame_at(50.1) == 48_000 + 4800
    for at_s in (50.1, 50.1, 50.2):
        out.put(out.frame_at(at_s), bytes((0x90, round(at_s), 1)))
    for cycle in range(40):
        client.last_frame_time = client.frame_time = 48_000 + 512 * cycle
        client.process(512)
    assert [frame for frame, _ in client.written] == [52_800, 52_800, 57_600]
    out.put(100, b"\x80\x01\x00")  # over already
    server = threading.Thread(target=lambda: (time.sleep(0.05), client.process(48_000)))
    server.start()
    out.stop([b"\xb0\x7b\x00"], after_s=0.01)
    server.join()
    assert [message for _, message in client.written[3:]] == [b"\x80\x01\x00", b"\xb0\x7b\x00"]
    assert (out.sent, out.late) == (5, 1)
    assert "close" in client.log


def test_an_audio_callback_that_asks_for_a_frame_as_the_server_comes_back_gets_one(jack: list[JackClient]) -> None:
    host = [50.0]
    out = JackMidiOut(None, client_name="notes", clock=lambda: host[0])
    out.start()
    jack[0].frame_time = 48_000
    out.step()
    assert out.is_set, "so the callback goes on to ask"
    jack[0].shut_down(0, "gone")
    assert out.revive()
    assert out.frame_at(50.1) == 48_000 + 4800
    assert not out.is_set
    jack[1].frame_time = 96_000
    out.step()
    assert out.is_set
    assert out.frame_at(50.1) == 96_000 + 4800


def test_a_midi_port_that_is_not_there_names_those_that_are(jack: list[JackClient]) -> None:
    out = JackMidiOut("no:port", client_name="notes")
    with pytest.raises(SourceError, match=r"^JACK MIDI port 'no:port': no such port; there are: system:playback_1, "):
        out.start()
    assert "close" in jack[0].log


def test_what_was_held_on_a_jack_input_is_lost_with_its_port_or_server(jack: list[JackClient]) -> None:
    lost: list[str] = []
    port = JackMidiInput("keys:out", lambda *_: None, on_lost=lambda: lost.append("lost"))
    jack[0].connections = ["keys:out"]  # type: ignore[attr-defined]
    port.revive()
    assert not lost
    jack[0].connections = []  # type: ignore[attr-defined]
    port.revive()
    assert len(lost) == 1
    jack[0].connections = ["keys:out"]  # type: ignore[attr-defined]
    port.revive()
    assert len(lost) == 1
    jack[0].shut_down(0, "gone")
    port.revive()
    assert len(lost) == 2
    port.close()


def test_controllers_come_over_jack_too(jack: list[JackClient]) -> None:
    heard: list[tuple[list[int], float]] = []
    port = JackMidiInput("knobs:out", lambda message, at_s: heard.append((list(message), at_s)))
    client = jack[0]
    client.events = [(3, b"\xb0\x14\x40"), (9, b"\xb0\x14\x41")]
    client.process(512)
    assert [message for message, _ in heard] == [[0xB0, 20, 64], [0xB0, 20, 65]]
    client.connections = ["knobs:out"]  # type: ignore[attr-defined]
    port.revive()
    client.shut_down(0, "gone")
    port.revive()
    assert len(jack) == 2
    port.close()
    assert "close" in jack[1].log
