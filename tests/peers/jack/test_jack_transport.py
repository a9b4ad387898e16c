"""The host on a JACK transport, recorded in the server and held against the grid, frame by frame."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from musika_daw.host.sinks.jack import OUTRUN
from tests.peers.recorder import RATE, Cycle, off_beat_ms
from tests.peers.server import Jack
from tests.waiting import wait_for

BEAT = RATE // 2  # at 120 bpm


@pytest.mark.quick
def test_start_stop_continue_and_locate_are_exact_to_the_frame(jack: Jack) -> None:
    recorder = jack.record()
    session = jack.play("jack", recorder)
    transport = recorder.client
    assert wait_for(lambda: session.host.scheduler.is_ready(0))
    transport.transport_start()
    time.sleep(2.2)
    transport.transport_stop()
    time.sleep(0.3)
    transport.transport_start()  # continue
    time.sleep(1.2)
    transport.transport_locate(20 * RATE + 4321)  # while it rolls
    time.sleep(1.7)
    transport.transport_stop()
    time.sleep(0.3)
    transport.transport_locate(4 * RATE)
    transport.transport_start()
    time.sleep(1.2)
    transport.transport_stop()
    time.sleep(0.2)
    frames = [frame for frame, _, _ in recorder.clicks()]
    errors = off_beat_ms(frames)
    assert len(frames) >= 9
    # a start on the beat is faded in over 32 frames: its first loud sample is a few frames in
    assert np.abs(errors).max() <= 1.0
    assert np.median(np.abs(errors)) < 0.05
    assert any(20 * RATE < frame < 23 * RATE for frame in frames)
    assert any(4 * RATE <= frame < 4 * RATE + 96 for frame in frames)
    assert session.host.player.underruns == 0
    stopped = [cycle for cycle in recorder.cycles if cycle.state == 0]
    assert min(np.abs(cycle.audio).max() for cycle in stopped) == 0


def test_sound_is_there_within_a_fifth_of_a_second_after_a_locate(jack: Jack) -> None:
    recorder = jack.record()
    session = jack.play("jack", recorder)
    assert wait_for(lambda: session.host.scheduler.is_ready(0))
    recorder.client.transport_start()
    time.sleep(1.5)
    target = 100 * RATE  # on a beat, so that there is something to hear
    before = len(recorder.cycles)
    asked = recorder.client.frame_time
    recorder.client.transport_locate(target)
    assert wait_for(lambda: any(c.frame > target + RATE // 2 for c in recorder.rolling()[-4:]), 5)
    heard = [cycle for cycle in recorder.cycles[before:] if cycle.state == 1 and cycle.frame >= target]
    first = next(c for c in heard if np.abs(c.audio).max() > 0.2)
    # by the server's clock, which goes on while the transport waits for the sound to be rendered
    assert (first.counter - asked) / RATE < 0.2


def test_a_loop_of_four_bars_wraps_onto_its_first_beat(jack: Jack) -> None:
    beat = RATE // 4  # at 240 bpm
    bars = 16 * beat
    recorder = jack.record()
    session = jack.play("jack", recorder, bpm=240.0)
    assert wait_for(lambda: session.host.scheduler.is_ready(0))

    def wraps() -> list[int]:
        return [i for i, (a, b) in enumerate(pairwise(list(recorder.cycles))) if b.frame < a.frame]

    jack.loop(0, bars)
    recorder.client.transport_start()
    assert wait_for(lambda: len(wraps()) >= 3)
    time.sleep(0.5)
    recorder.client.transport_stop()
    time.sleep(0.2)
    cycles = list(recorder.cycles)
    assert session.host.player.underruns == 0
    for wrap in wraps():
        # JACK itself lets all its clients be ready first, which takes it a cycle or two
        standing = next(i for i, cycle in enumerate(cycles[wrap + 1 :]) if cycle.state == 1)
        assert standing <= 3
        first = cycles[wrap + 1 + standing]
        assert first.frame < 2 * 512
        assert np.abs(first.audio[: RATE // 1000]).max() > 0.2, "the beat on which the loop begins"
    frames = [frame for frame, _, _ in recorder.clicks()]
    assert len(frames) >= 48
    assert np.abs(off_beat_ms(frames, beat)).max() <= 1.0
    assert max(frames) < bars


def test_a_tempo_step_of_a_timebase_master_is_locked_within_a_beat(jack: Jack) -> None:
    recorder = jack.record()
    master = jack.master()
    session = jack.play("jack", recorder)
    assert wait_for(lambda: session.host.scheduler.is_ready(0))
    time.sleep(0.5)
    master.play()
    time.sleep(3.2)
    master.tempo(140)
    time.sleep(3.5)
    master.stop()
    time.sleep(0.3)
    rolling = recorder.rolling()
    step = next(cycle.frame for cycle in rolling if abs(cycle.bpm - 140) < 1e-3)
    frames = [frame for frame, _, _ in recorder.clicks()]
    assert np.abs(off_beat_ms([f for f in frames if f < step])).max() <= 1.0
    # from the step on a beat is 60/140 s; where the step fell in its beat fixes the grid after it
    beat_frames = RATE * 60 / 140
    origin = step - (step / BEAT) % 1 * beat_frames
    locked = [f for f in frames if f > step + beat_frames]
    assert len(locked) >= 4
    late = off_beat_ms(locked, beat_frames, origin)
    # the master says what holds for a period when it is over: up to two periods at the wrong tempo
    assert np.abs(late).max() <= 2 * 512 / RATE * 1000 * 20 / 140 + 1.0
    assert np.ptp(late) < 0.3


def test_the_model_plays_the_same_samples_by_playing_locating_and_looping(jack: Jack) -> None:
    from fractions import Fraction

    from musika_daw.host.play.piece import CHUNK_FRAMES, Piece
    from musika_daw.host.play.render import ChunkRenderer, load_renderer
    from musika_daw.score.controls import Controls

    recorder = jack.record()
    session = jack.play("jack", recorder, model="techno", bpm=240.0, values={"gain_db": -20.0})
    start, end = 2 * RATE, 3 * RATE  # the third bar

    def passed(since: int) -> bool:
        return any(cycle.frame >= end for cycle in recorder.rolling()[since:])

    assert wait_for(lambda: session.host.scheduler.ahead(session.host.beat, session.host.grid) > 4)
    recorder.client.transport_start()
    assert wait_for(lambda: passed(0))
    played = len(recorder.rolling())
    recorder.client.transport_locate(start)
    assert wait_for(lambda: passed(played + 8))
    jack.loop(start, end)
    runs: list[list[Cycle]] = []

    def looped() -> bool:
        runs.clear()
        for cycle in recorder.rolling():
            if not runs or cycle.frame != runs[-1][-1].frame + len(cycle.audio):
                runs.append([])
            runs[-1].append(cycle)
        return len(runs) >= 6

    assert wait_for(looped)
    recorder.client.transport_stop()
    first = start // CHUNK_FRAMES
    chunks = ChunkRenderer(load_renderer("techno"))
    want = 0.1 * chunks.chunks(Piece(Fraction(240), Controls(), RATE), first, (end // CHUNK_FRAMES) - first + 1)[0]
    whole = 0
    for run in runs:
        compared = 0
        for cycle in run[4:]:  # what sounded before is led over into it
            at = cycle.frame - first * CHUNK_FRAMES
            if start <= cycle.frame < end - 4 * len(cycle.audio):
                assert np.abs(cycle.audio - want[at : at + len(cycle.audio)]).max() < 0.1 * 10 ** (-90 / 20)
                compared += len(cycle.audio)
        whole += compared > RATE // 2
    assert whole >= 4  # played, located, looped twice


def test_the_host_comes_back_after_the_sound_server_was_restarted(jack: Jack) -> None:
    session = jack.play("jack")
    assert wait_for(lambda: session.host.player.blocks > 10)
    jack.stop_server()
    assert wait_for(lambda: not session.sink.is_connected)
    time.sleep(0.5)
    jack.start()
    assert wait_for(lambda: session.sink.is_connected and session.source.is_connected, 15)
    blocks = session.host.player.blocks
    assert wait_for(lambda: session.host.player.blocks > blocks + 20)
    recorder = jack.record()
    recorder.connect("musika-daw out:left")
    recorder.client.transport_start()
    assert wait_for(lambda: len(recorder.clicks()) >= 3)
    assert np.abs(off_beat_ms([frame for frame, _, _ in recorder.clicks()])).max() <= 1.0


def test_a_server_that_was_held_up_has_the_host_once_and_in_time(jack: Jack) -> None:
    recorder = jack.record()
    session = jack.play("jack", recorder)
    assert wait_for(lambda: session.host.scheduler.is_ready(0))
    recorder.client.transport_start()
    time.sleep(1)
    jack.hold(4)
    assert wait_for(lambda: session.sink.is_connected and session.source.is_connected)
    time.sleep(2)
    since = len(recorder.cycles)
    time.sleep(3)
    errors = off_beat_ms([frame for frame, _, _ in recorder.clicks(since=since)])
    assert len(errors) >= 5
    assert np.median(np.abs(errors)) < 0.05
    assert max(np.abs(cycle.audio).max() for cycle in recorder.cycles) < 1, "two clients played at once"
    names = {port.name.partition(":")[0] for port in recorder.client.get_ports("musika-daw")}
    assert names == {"musika-daw out"}


def test_a_server_that_free_wheels_outruns_the_host_which_says_so_and_goes_on(jack: Jack) -> None:
    recorder = jack.record()
    session = jack.play("jack", recorder, model="parts")
    assert wait_for(lambda: session.host.scheduler.ahead(session.host.beat, session.host.grid) > 4, 60)
    recorder.client.transport_start()
    time.sleep(1)
    assert session.sink.told is None
    since = len(recorder.cycles)
    recorder.client.set_freewheel(True)
    assert wait_for(lambda: len(recorder.cycles) > since + 4000)
    assert session.sink.told == OUTRUN
    assert session.host.is_outrun()
    recorder.client.set_freewheel(False)
    assert wait_for(lambda: not session.host.is_outrun())
    bounced = [np.abs(cycle.audio).max() for cycle in recorder.cycles[since : since + 4000]]
    assert bounced.count(0) > 1000, "every cycle is rendered: it need not be said any more"
    since = len(recorder.cycles)
    time.sleep(3)
    after = [np.abs(cycle.audio).max() for cycle in recorder.cycles[since:]]
    assert np.mean(np.array(after) > 0) > 0.5, "the sound goes on"
    assert session.sink.told == OUTRUN
    assert session.host.status().problem is None


def test_clicks_are_on_their_frames_again_after_a_bounce(jack: Jack) -> None:
    recorder = jack.record()
    session = jack.play("jack", recorder)
    assert wait_for(lambda: session.host.scheduler.is_ready(0))
    recorder.client.transport_start()
    time.sleep(1)
    recorder.client.set_freewheel(True)
    assert wait_for(session.host.is_outrun)
    time.sleep(0.5)
    recorder.client.set_freewheel(False)
    assert wait_for(lambda: not session.host.is_outrun())
    time.sleep(1)
    since = len(recorder.cycles)
    time.sleep(3)
    errors = off_beat_ms([frame for frame, _, _ in recorder.clicks(since=since)])
    assert len(errors) >= 5
    assert np.median(np.abs(errors)) < 0.05


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    command = ["run", "jack", "--sink", "jack", "--jack-server", "nowhere", "--model", "click"]
    ran = subprocess.run(
        [sys.executable, "-m", "musika_daw", *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: sink: JACK server 'nowhere' does not answer: ")
    assert ran.stderr.count("\n") == 1
