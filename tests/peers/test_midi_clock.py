"""The host led by `jack_midi_clock`, over JACK MIDI with frame stamps and over rtmidi without."""

from __future__ import annotations

import time

import numpy as np
import pytest

RATE = 48_000
BEAT = RATE // 2
SOURCES = ("jack-midi:jack_midi_clock:mclk_out", "midi:jack_midi_clock")


def _errors(frames: list[int], beat_frames: float = BEAT, origin: float = 0.0) -> np.ndarray:
    place = (np.array(frames, float) - origin) / beat_frames
    return (place - np.round(place)) * beat_frames / RATE * 1000


def _clocked(jack, need, wait_for, source: str):  # type: ignore[no-untyped-def]
    """A timebase master, `jack_midi_clock` reading it, and the host reading that."""
    need("jack_midi_clock", "jack_transport")
    recorder = jack.record()
    master = jack.spawn("jack_transport")
    jack.say(master, "master")
    jack.say(master, "tempo 120")
    jack.spawn("jack_midi_clock", "-d", "0.5")
    assert wait_for(lambda: bool(recorder.client.get_ports("jack_midi_clock")))
    # rtmidi sees a message at the start of the period it lies in: half a period too early, on average
    latency_s = 0.0 if source.startswith("jack-midi") else -256 / RATE
    session = jack.play(source, recorder, jitter_s=0.012, latency_s_source=latency_s)
    time.sleep(1.5)
    return recorder, master, session


def _undisturbed(jack, recorder, master, play) -> None:  # type: ignore[no-untyped-def]
    """Play until the server has dropped no cycle: the clock's frames and the transport's are then one grid."""
    for _ in range(4):
        recorder.cycles.clear()
        play()
        if not recorder.gaps():
            return
        jack.say(master, "locate 0")
        time.sleep(1)


@pytest.mark.parametrize("source", SOURCES)
def test_start_and_play_are_within_five_milliseconds_of_the_grid(jack, need, wait_for, source: str) -> None:
    recorder, master, session = _clocked(jack, need, wait_for, source)

    def play() -> None:
        jack.say(master, "play")
        time.sleep(5)
        jack.say(master, "stop")
        time.sleep(0.6)

    _undisturbed(jack, recorder, master, play)
    frames = [frame for frame, _, _ in recorder.clicks()]
    assert len(frames) >= 7
    errors = _errors(frames)
    assert np.abs(errors).max() <= 5.0
    if source.startswith("jack-midi"):
        assert np.abs(errors[2:]).max() <= 1.0
    assert session.host.player.underruns == 0


def test_continue_and_locate_are_followed_by_song_position(jack, need, wait_for) -> None:
    recorder, master, _ = _clocked(jack, need, wait_for, SOURCES[0])

    def play() -> None:
        for seconds in (2, 2):  # the second is a continue
            jack.say(master, "play")
            time.sleep(seconds)
            jack.say(master, "stop")
            time.sleep(0.8)
        jack.say(master, f"locate {30 * RATE}")
        time.sleep(0.8)
        jack.say(master, "play")
        time.sleep(3)
        jack.say(master, "stop")
        time.sleep(0.6)

    _undisturbed(jack, recorder, master, play)
    frames = [frame for frame, _, _ in recorder.clicks()]
    located = [f for f in frames if f >= 30 * RATE]
    assert len(located) >= 3
    assert len([f for f in frames if f < 30 * RATE]) >= 5
    errors = _errors(frames)
    # after Continue jack_midi_clock sends its first clock one clock late, 1/24 of a beat
    clock_ms = BEAT / 24 / RATE * 1000
    off_ms = np.minimum(np.abs(errors), np.abs(np.abs(errors) - clock_ms))
    # and its song position is made of the ticks of a master that loses some
    assert off_ms.max() <= 10.0


def test_a_tempo_step_of_the_clock_is_locked_within_a_beat(jack, need, wait_for) -> None:
    recorder, master, session = _clocked(jack, need, wait_for, SOURCES[0])
    jack.say(master, "play")
    time.sleep(3)
    jack.say(master, "tempo 140")
    time.sleep(4)
    jack.say(master, "stop")
    time.sleep(0.5)
    step = next(cycle.frame for cycle in recorder.rolling() if abs(cycle.bpm - 140) < 1e-3)
    beat_frames = RATE * 60 / 140
    # the clock itself is sent half a second ahead, so its step comes that much after the master's at the latest
    after = [f for f, _, _ in recorder.clicks() if f > step + RATE // 2 + beat_frames]
    assert len(after) >= 4
    gaps_ms = (np.diff(after) - beat_frames) / RATE * 1000
    assert np.abs(gaps_ms).max() < 2.0
    assert abs(session.host.grid.bpm - 140) < 0.1
