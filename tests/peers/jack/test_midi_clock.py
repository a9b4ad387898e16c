"""The host led by `jack_midi_clock`, and leading, over JACK MIDI with frame stamps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bridge import SourceError
from tests.peers.recorder import RATE, Recorder, off_beat_ms
from tests.peers.server import Jack, Master
from tests.programs import need
from tests.waiting import wait_for

BEAT = RATE // 2
SOURCE = "jack-midi:jack_midi_clock:mclk_out"


def _clocked(jack: Jack) -> tuple[Recorder, Master, Any]:
    """A timebase master, `jack_midi_clock` reading it, and the host reading that."""
    need("jack_midi_clock")
    recorder = jack.record()
    master = jack.master()
    jack.spawn("jack_midi_clock", "-d", "0.5")
    assert wait_for(lambda: bool(recorder.client.get_ports("jack_midi_clock")))
    session = jack.play(SOURCE, recorder)
    time.sleep(1.5)
    return recorder, master, session


def _undisturbed(recorder: Recorder, master: Master, play: Callable[[], None]) -> None:
    """Play until the server has dropped no cycle: the clock's frames and the transport's are then one grid."""
    for _ in range(4):
        recorder.cycles.clear()
        play()
        if not recorder.gaps():
            return
        master.locate(0)
        time.sleep(1)


@pytest.mark.quick
def test_start_and_play_are_within_five_milliseconds_of_the_grid(jack: Jack) -> None:
    recorder, master, session = _clocked(jack)

    def play() -> None:
        master.play()
        time.sleep(5)
        master.stop()
        time.sleep(0.6)

    _undisturbed(recorder, master, play)
    frames = [frame for frame, _, _ in recorder.clicks()]
    assert len(frames) >= 7
    errors = off_beat_ms(frames)
    assert np.abs(errors).max() <= 5.0
    assert np.abs(errors[2:]).max() <= 1.0
    assert session.host.player.underruns == 0


def test_continue_and_locate_are_followed_by_song_position(jack: Jack) -> None:
    recorder, master, _ = _clocked(jack)

    def play() -> None:
        for seconds in (2, 2):  # the second is a continue
            master.play()
            time.sleep(seconds)
            master.stop()
            time.sleep(0.8)
        master.locate(30 * RATE)
        time.sleep(0.8)
        master.play()
        time.sleep(3)
        master.stop()
        time.sleep(0.6)

    _undisturbed(recorder, master, play)
    frames = [frame for frame, _, _ in recorder.clicks()]
    located = [f for f in frames if f >= 30 * RATE]
    assert len(located) >= 3
    assert len([f for f in frames if f < 30 * RATE]) >= 5
    errors = off_beat_ms(frames)
    # after Continue jack_midi_clock sends its first clock one clock late, 1/24 of a beat
    clock_ms = BEAT / 24 / RATE * 1000
    off_ms = np.minimum(np.abs(errors), np.abs(np.abs(errors) - clock_ms))
    # and its song position is made of the ticks of a master that loses some
    assert off_ms.max() <= 10.0


def test_a_locate_while_it_rolls_is_heard_within_a_fifth_of_a_second(jack: Jack) -> None:
    need("jack_midi_clock")
    recorder = jack.record()
    transport = jack.timebase(120.0).client
    jack.spawn("jack_midi_clock", "-d", "0")
    assert wait_for(lambda: bool(recorder.client.get_ports("jack_midi_clock")))
    jack.play(SOURCE, recorder)
    time.sleep(1.5)
    transport.transport_start()
    time.sleep(3.2)
    for target in (30 * RATE, 10 * RATE):  # forward and back
        since, asked = len(recorder.cycles), recorder.client.frame_time
        transport.transport_locate(target)
        time.sleep(2.6)
        clicks = [click for click in recorder.clicks(since=since) if click[0] >= target]
        assert len(clicks) >= 4
        assert (clicks[0][1] - asked) / RATE < 0.2
        # as after any Continue the first clock comes one clock late, 1/24 of a beat
        late_ms = off_beat_ms([frame for frame, _, _ in clicks]) - BEAT / 24 / RATE * 1000
        assert np.abs(late_ms[0]) < 5
        assert np.abs(late_ms[2:]).max() < 1


def test_a_tempo_step_of_the_clock_is_locked_within_a_beat(jack: Jack) -> None:
    recorder, master, session = _clocked(jack)
    master.play()
    time.sleep(3)
    master.tempo(140)
    time.sleep(4)
    master.stop()
    time.sleep(0.5)
    step = next(cycle.frame for cycle in recorder.rolling() if abs(cycle.bpm - 140) < 1e-3)
    beat_frames = RATE * 60 / 140
    # the clock itself is sent half a second ahead, so its step comes that much after the master's at the latest
    after = [f for f, _, _ in recorder.clicks() if f > step + RATE // 2 + beat_frames]
    assert len(after) >= 4
    gaps_ms = (np.diff(after) - beat_frames) / RATE * 1000
    assert np.abs(gaps_ms).max() < 2.0
    assert abs(session.host.grid.bpm - 140) < 0.1


def test_the_host_leads_by_midi_clock_on_frames(jack: Jack) -> None:
    need("jack_mclk_dump")
    recorder = jack.record()
    dump = jack.spawn("jack_mclk_dump")
    assert wait_for(lambda: bool(recorder.client.get_ports("mclk_dump", is_input=True, is_midi=True)))
    target = recorder.client.get_ports("mclk_dump", is_input=True, is_midi=True)[0].name
    heard = jack.record()
    session = jack.play("internal", clock_out=f"jack-midi:{target}")
    heard.connect("musika-daw clock out:out")
    time.sleep(1)
    session.live.act("play")
    assert wait_for(lambda: sum(message == b"\xf8" for _, message in heard.messages) > 250)
    session.source.tempo(140)
    time.sleep(3)
    session.live.act("stop")
    assert wait_for(lambda: any(message == b"\xfc" for _, message in heard.messages))
    messages = list(heard.messages)
    began = next(i for i, (_, message) in enumerate(messages) if message == b"\xfb")
    ended = next(i for i, (_, message) in enumerate(messages) if message == b"\xfc")
    assert messages[began - 1][1][0] == 0xF2
    clocks = np.array([frame for frame, message in messages[began:ended] if message == b"\xf8"])
    intervals = np.diff(clocks)
    assert np.median(intervals[:190]) == 1000
    assert np.median(intervals[-48:]) == pytest.approx(RATE * 60 / 140 / 24, abs=1)
    steady = clocks[:200]
    numbers = np.round((steady - steady[0]) / 1000)  # a cycle that the recorder missed had clocks too
    assert np.abs(steady - np.polyval(np.polyfit(numbers, steady, 1), numbers)).max() <= RATE // 1000
    program = jack.folder / "jack_mclk_dump.log"
    dump.terminate()
    dump.wait(5)
    told = program.read_text()
    assert "CONTINUE" in told.upper(), told[:500]


def test_a_port_of_jack_is_not_opened_by_rtmidi_which_would_freeze_the_host(jack: Jack) -> None:
    need("jack_midi_clock")
    recorder = jack.record()
    jack.spawn("jack_midi_clock")
    assert wait_for(lambda: bool(recorder.client.get_ports("jack_midi_clock")))
    with pytest.raises(SourceError, match="a JACK port is named jack-midi:PORT"):
        jack.play("midi:jack_midi_clock")
    cycles = len(recorder.cycles)
    assert wait_for(lambda: len(recorder.cycles) > cycles + 20)
