"""Notes of what plays, recorded from a JACK server, against the score, frame by frame."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from bridge import SourceError, host_time
from musika_daw.host.notes.bars import bar_of_notes
from musika_daw.host.play.piece import Piece
from musika_daw.instrument.scores import SCORES
from musika_daw.score.controls import Controls
from tests.peers.recorder import RATE, Recorder
from tests.peers.server import Jack
from tests.waiting import wait_for

BAR = 2 * RATE  # at 120 bpm


def score_between(first: int, stop: int, controls: Controls | None = None) -> set[tuple[int, int, int]]:
    """Strikes from a frame of the song to another: frame, channel 1..16, key."""
    piece, found = Piece(Fraction(120), controls or Controls(), RATE), set()
    for bar in range(first // BAR - 1, stop // BAR + 2):
        for note in bar_of_notes(SCORES["parts"], piece, bar):
            frame = round(note.beat * RATE / 2)
            if first <= frame < stop:
                found.add((frame, note.channel + 1, note.key))
    return found


def heard(recorder: Recorder) -> list[tuple[int, int, int, int]]:
    """What came, by frames of the transport: frame, kind, channel 1..16, key; -1 where it stood still."""
    cycles, out, at = list(recorder.cycles), [], 0
    for counter, message in list(recorder.messages):
        while at + 1 < len(cycles) and cycles[at + 1].counter <= counter:
            at += 1
        cycle = cycles[at]
        frame = cycle.frame + counter - cycle.counter if cycle.state == 1 else -1
        out.append((frame, message[0] & 0xF0, (message[0] & 0x0F) + 1, message[1]))
    return out


def check_ends(recorder: Recorder) -> None:
    """Every strike is let go, and none comes twice before that, unless a cycle was lost on the way."""
    sounding: set[tuple[int, int]] = set()
    messages = heard(recorder)
    if recorder.gaps():
        messages = messages[-4:]
        assert {kind for _, kind, _, _ in messages} == {0xB0}
    for _, kind, channel, key in messages:
        if kind == 0x90:
            assert (channel, key) not in sounding
            sounding.add((channel, key))
        elif kind == 0x80:
            sounding.remove((channel, key))
    assert not sounding


@pytest.mark.quick
def test_notes_are_on_the_frames_of_the_score_through_stop_and_locate(jack: Jack) -> None:
    recorder = jack.record()
    port = f"{recorder.client.name}:midi"
    session = jack.play("jack", recorder, model="parts", notes_out=f"jack-midi:{port}")
    transport = recorder.client
    assert wait_for(lambda: session.host.scheduler.is_ready(0), 60)
    transport.transport_start()
    assert wait_for(lambda: recorder.rolling() and recorder.rolling()[-1].frame > 2 * BAR, 30)
    transport.transport_locate(9 * BAR + 777)  # while it rolls
    assert wait_for(lambda: recorder.rolling()[-1].frame > 10 * BAR, 30)
    transport.transport_stop()
    time.sleep(0.3)
    stopped = len(recorder.messages)
    check_ends(recorder)
    transport.transport_locate(4 * BAR)
    transport.transport_start()
    assert wait_for(lambda: 4 * BAR < recorder.rolling()[-1].frame < 8 * BAR, 30)
    time.sleep(1)
    session.stop()
    time.sleep(0.1)
    messages = heard(recorder)
    assert stopped < len(messages)
    check_ends(recorder)
    assert {message[1] for message in messages[-4:]} == {0xB0}  # all notes off, at the end too
    compared, runs = 0, list[tuple[int, int]]()  # stretches of the song that were heard
    for cycle in recorder.rolling():
        if runs and runs[-1][1] == cycle.frame:
            runs[-1] = runs[-1][0], cycle.frame + len(cycle.audio)
        else:
            runs.append((cycle.frame, cycle.frame + len(cycle.audio)))
    struck = {(frame, channel, key) for frame, kind, channel, key in messages if kind == 0x90}
    last = max(run[0] for run in runs if run[0] < 8 * BAR)
    for first, stop in runs:
        if stop - first < BAR:
            continue
        if first == last:
            stop = max(frame for frame, *_ in struck if first <= frame < 8 * BAR)
        want = score_between(first, stop)
        assert len(want) > 10
        assert {note for note in struck if first <= note[0] < stop} == want
        compared += 1
    assert compared >= 2 or recorder.gaps()
    assert session.host.fill_errors == 0


def test_notes_leave_out_a_part_that_is_not_asked_for_and_a_missing_port_is_told(jack: Jack) -> None:
    recorder = jack.record()
    port = f"{recorder.client.name}:midi"
    with pytest.raises(SourceError, match=f"'no:port': .*there are: .*{port}"):
        jack.play("jack", model="parts", notes_out="jack-midi:no:port")
    session = jack.play(
        "internal", recorder, model="parts", notes_out=f"jack-midi:{port}", written={"parts": "bass,chords"}, play=True
    )
    assert wait_for(lambda: len(recorder.messages) > 12, 60)
    session.live.write({"parts": "drums"})
    wanted = ("drums",)
    assert wait_for(lambda: session.host.player.generation.piece.controls.parts == wanted, 30)
    time.sleep(0.1)
    before = len(recorder.messages)
    assert wait_for(lambda: len(recorder.messages) > before + 8, 30)
    session.stop()
    messages = heard(recorder)
    check_ends(recorder)
    assert {channel for _, kind, channel, _ in messages[:before] if kind == 0x90} <= {1, 3, 10}
    assert {channel for _, kind, channel, _ in messages[before:] if kind == 0x90} == {10}


@pytest.mark.parametrize("latency_s", [0.0, 0.08])
def test_a_sink_outside_jack_has_the_first_beat_however_late_it_is_heard(jack: Jack, latency_s: float) -> None:
    recorder = jack.record()
    port = f"{recorder.client.name}:midi"
    session = jack.play(
        "internal",
        model="parts",
        sink=f"file:{jack.folder / 'take.wav'}",
        latency_s=latency_s,
        notes_out=f"jack-midi:{port}",
    )
    assert wait_for(lambda: session.host.scheduler.is_ready(0), 60)
    session.live.act("play")
    assert wait_for(lambda: sum(message[0] & 0xF0 == 0x90 for _, message in list(recorder.messages)) > 60, 30)
    session.stop()
    struck = [(at, (m[0] & 0x0F) + 1, m[1]) for at, m in list(recorder.messages) if m[0] & 0xF0 == 0x90]
    at_once = {(channel, key) for at, channel, key in struck if at - struck[0][0] < RATE / 50}
    first_beat = {(channel, key) for frame, channel, key in score_between(0, BAR) if frame == 0}
    assert len(first_beat) > 4
    assert at_once >= first_beat or recorder.gaps()  # what came in a cycle that was lost, nobody heard
    check_ends(recorder)


def test_notes_wait_until_the_two_clocks_could_be_compared(jack: Jack) -> None:
    """On a busy machine no reading of both is near enough at first: what began meanwhile is late, not lost."""
    recorder = jack.record()
    session = jack.play(
        "internal",
        model="parts",
        sink=f"file:{jack.folder / 'take.wav'}",
        notes_out=f"jack-midi:{recorder.client.name}:midi",
    )
    assert wait_for(lambda: session.host.scheduler.is_ready(0), 60)
    port = session.notes._port

    def slow() -> float:
        time.sleep(0.001)
        return host_time()

    port._clock = slow
    port._offsets_s.clear()
    session.live.act("play")
    assert wait_for(lambda: len(session.notes._due) > 4, 30)
    assert not port.is_set
    before = port.sent
    port._clock = host_time
    assert wait_for(lambda: port.sent > before + 4 and not session.notes._due, 30)
    session.stop()
    check_ends(recorder)


def test_a_model_without_a_score_says_so(jack: Jack) -> None:
    with pytest.raises(
        ValueError, match=r"^--notes-out: 'jack-midi', but click plays no score, whose notes could be sent$"
    ):
        jack.play("jack", notes_out="jack-midi")
