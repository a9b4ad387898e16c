"""What a sink says and does when its server or its output is gone, on a stand-in for JACK-Client."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from bridge import FakeTransport
from musika_daw.host.audition import Clip, _Playing
from musika_daw.host.host import Host
from musika_daw.host.offline import VirtualClock, play_offline
from musika_daw.host.play.click import ClickRenderer
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.piece import Piece
from musika_daw.host.sinks.jack import JackSink
from musika_daw.host.sinks.sink import PortAudioSink, SinkError
from musika_daw.score.controls import Controls
from tests.bridge.jack_stand_in import JackClient, JackError, clients

RATE = 48_000


@pytest.fixture
def jack(monkeypatch: pytest.MonkeyPatch) -> list[JackClient]:
    clients.clear()
    monkeypatch.setitem(sys.modules, "jack", SimpleNamespace(Client=JackClient, JackError=JackError))
    return clients


def _silent(block: np.ndarray, at_s: float) -> None:
    block.fill(0)


def test_a_server_that_runs_no_more_cycles_is_joined_again(jack: list[JackClient]) -> None:
    with JackSink() as sink:
        sink.start(_silent)
        sink.revive()
        assert (sink.problem, len(jack)) == (None, 1)
        sink._watch._since_s -= 3
        sink.revive()
        assert (sink.problem, len(jack)) == (None, 3), "one that looked, and the next"
        assert sink._ports[0].connections == ["system:playback_1"]
        sink._watch._since_s -= 3
        sink._server = "nowhere"
        for _ in range(2):
            with pytest.raises(SinkError, match="does not answer"):
                sink.revive()
            assert sink.problem == "the sound server is gone; it is looked for every second"
        sink._server = None
        sink.revive()
        assert (sink.problem, sink.is_connected) == (None, True)
    sink.revive()
    assert not sink.is_connected, "stopped is stopped"


def test_a_server_that_was_only_held_up_keeps_its_client(jack: list[JackClient]) -> None:
    with JackSink() as sink:
        sink.start(_silent)
        sink._watch._since_s -= 3
        jack[0].runs = True
        sink.revive()
        assert (sink.problem, sink.is_connected) == (None, True)
        assert ["close" in client.log for client in jack] == [False, True], "the second only looked"


def test_a_client_that_was_given_up_plays_nothing_and_goes_when_its_server_wakes(jack: list[JackClient]) -> None:
    with JackSink() as sink:
        sink.start(_silent)
        old = [port.block for port in sink._ports]
        sink._watch._since_s -= 3
        sink.revive()
        for block in old:
            block.fill(1)
        blocks = sink._watch.cycles
        jack[0].process(512)
        assert sink._watch.cycles == blocks
        assert max(np.abs(block).max() for block in old) == 0
        assert "close" not in jack[0].log
        sink.revive()
        assert ["close" in client.log for client in jack] == [True, True, False]


def test_an_output_that_goes_is_said_and_connected_when_it_is_back(jack: list[JackClient]) -> None:
    with JackSink() as sink:
        sink.start(_silent)
        outputs, jack[0].outputs = jack[0].outputs, []
        for port in sink._ports:
            port.connections.clear()
        sink.revive()
        assert sink.problem == "no output is called like 'system:playback': nothing is heard"
        jack[0].outputs = outputs
        sink.revive()
        assert sink.problem is None
        assert [port.connections for port in sink._ports] == [["system:playback_1"], ["system:playback_2"]]


def test_ports_that_a_person_disconnected_are_said_and_left(jack: list[JackClient]) -> None:
    with JackSink() as sink:
        sink.start(_silent)
        for port in sink._ports:
            port.connections.clear()
        for _ in range(2):
            sink.revive()
            assert sink.problem == "its ports were disconnected: nothing is heard"
        assert not any(port.connections for port in sink._ports)
        sink._ports[0].connections.append("mixer:1")
        sink.revive()
        assert sink.problem is None


def test_a_name_with_brackets_is_a_name(jack: list[JackClient]) -> None:
    with JackSink(connect="REAPER (x64):in1") as sink:
        jack[0].outputs.append("REAPER (x64):in1")
        sink.start(_silent)
        assert sink.problem is None
        assert [port.connections for port in sink._ports] == [["REAPER (x64):in1"]] * 2


def test_how_late_an_output_is_is_learnt_again(jack: list[JackClient], monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [512]
    monkeypatch.setattr("musika_daw.host.sinks.jack._latency_frames", lambda *_: frames[0])
    with JackSink() as sink:
        sink.start(_silent)
        assert sink._device_latency_s == 512 / RATE
        frames[0] = 4096  # its buffer is another, or its cable leads elsewhere
        sink.revive()
        assert sink._device_latency_s == 4096 / RATE
    with JackSink(connect=None) as by_hand:
        by_hand.start(_silent)
        assert by_hand._device_latency_s == 0
        by_hand._ports[0].connections.append("mixer:1")
        by_hand.revive()
        assert by_hand._device_latency_s == 4096 / RATE


def test_an_output_that_is_not_there_is_said_and_connected_when_it_comes(jack: list[JackClient]) -> None:
    with JackSink(connect="speakers") as sink:
        sink.start(_silent)
        assert sink.problem == "no output is called like 'speakers': nothing is heard"
        sink.revive()
        assert sink.problem is not None
        jack[0].outputs += ["speakers:1", "speakers:2"]
        sink.revive()
        assert sink.problem is None
        assert [port.connections for port in sink._ports] == [["speakers:1"], ["speakers:2"]]
    with JackSink(connect="nothing of the kind") as by_hand:
        by_hand.start(_silent)
        by_hand._ports[0].connections.append("mixer:1")
        by_hand.revive()
        assert by_hand.problem is None


def test_another_rate_of_the_server_is_noticed(jack: list[JackClient]) -> None:
    with JackSink() as sink:
        sink.start(_silent)
        JackClient.samplerate = 44_100
        try:
            sink.revive()
            assert (sink.sample_rate_hz, len(jack)) == (44_100, 2)
        finally:
            JackClient.samplerate = 48_000


def test_a_server_that_free_wheels_is_said(jack: list[JackClient]) -> None:
    with JackSink() as sink:
        sink.start(_silent)
        jack[0].free_wheel(1)
        assert sink.free_wheels
        assert "plugin" in sink.told
        jack[0].free_wheel(0)
        assert not sink.free_wheels


def test_the_music_is_in_time_again_when_a_change_of_rate_was_noticed(clicks: Callable[..., np.ndarray]) -> None:
    clock = VirtualClock()
    fake = FakeTransport(120, clock=clock).play(0)

    def change(at_s: float, host: Host) -> None:
        host.play_at(RATE if at_s < 2 else 44_100)  # the device runs at 44,100 all the time

    played = play_offline(fake, clock, ClickRenderer(RATE), 6, sample_rate_hz=44_100, each_block=change)
    found = clicks(played.audio)
    late = (found[found > 3 * 44_100] + 11_025) % 22_050 - 11_025
    assert len(late) == 6
    assert np.abs(late).max() <= 3
    assert played.host.piece is not None
    assert played.host.piece.sample_rate_hz == played.host.audition.sample_rate_hz == 44_100


def test_an_output_with_one_channel_gets_both_of_ours(jack: list[JackClient]) -> None:
    with JackSink() as sink:
        jack[0].outputs = ["system:playback_1"]
        sink.start(_silent)
        assert [port.connections for port in sink._ports] == [["system:playback_1"]] * 2
        assert sink.problem is None


@pytest.mark.parametrize(("channels", "there"), [(1, "one channel"), (0, "no output")])
def test_a_sound_card_with_one_channel_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, channels: int, there: str
) -> None:
    facts = {"name": "Horn", "default_samplerate": 48_000.0, "max_output_channels": channels}
    fake = SimpleNamespace(PortAudioError=RuntimeError, query_devices=lambda device, kind: facts)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    with pytest.raises(SinkError) as error:
        PortAudioSink(3)
    assert str(error.value) == (
        f"sink: PortAudio output 'Horn' has {there}, must have two channels; `musika-daw ports` lists them"
    )


@pytest.mark.parametrize("back_after", [1, 3])
def test_a_device_that_is_away_for_a_while_is_opened_again(monkeypatch: pytest.MonkeyPatch, back_after: int) -> None:
    opened: list[int] = []

    class Stream:
        time = 0.0

        def __init__(self, **_: object) -> None:
            opened.append(len(opened))
            if 1 <= len(opened) - 1 < back_after:
                raise RuntimeError("no such device")

        def start(self) -> None:
            """Plays."""

        def abort(self, ignore_errors: bool) -> None:
            """Stops."""

        def close(self, ignore_errors: bool) -> None:
            """Is gone."""

    fake = SimpleNamespace(
        PortAudioError=RuntimeError,
        OutputStream=Stream,
        query_devices=lambda device=None, kind=None: {"name": "Box", "default_samplerate": 48_000.0},
    )
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    with PortAudioSink("Box") as sink:
        sink.start(_silent)
        sink.revive()
        assert len(opened) == 1
        sink._watch._since_s -= 3  # it asks for no more blocks, without a word
        for _ in range(back_after - 1):
            with pytest.raises(SinkError, match="no such device"):
                sink.revive()
            assert sink.problem == "the audio device is gone; it is looked for every second"
        sink.revive()
        assert sink.problem is None
        assert len(opened) == back_after + 1


def test_a_clip_begins_where_a_bar_does_in_a_song_of_several_meters() -> None:
    piece = Piece(Fraction(120), Controls(), RATE)
    playing = _Playing(Clip("a.wav", np.zeros((2, RATE), np.float32), 2, 120.0), piece.sample_rate_hz)
    # seven beats of 7/4 came before bars of 4/4
    silent = playing.silent_frames(Grid(True, 0.0, 9.0, 2.0), 0.0, (7.0, 4.0), 512, sample_rate_hz=RATE)
    assert (playing.anchor, silent) == (11.0, 512)


@pytest.mark.parametrize(
    ("device", "said", "line"),
    [
        (
            None,
            "Error querying device -1",
            "sink: no sound card plays here (Error querying device -1); --sink jack and --sink file:PATH need none",
        ),
        (
            "Box",
            "Multiple output devices found for 'Box':\n[1] Box A\n[2] Box B",
            "sink: PortAudio output 'Box': Multiple output devices found for 'Box': [1] Box A [2] Box B; "
            "`musika-daw ports` lists them",
        ),
    ],
)
def test_a_sound_card_that_is_not_there_is_one_line_that_says_what_else_to_ask_for(
    monkeypatch: pytest.MonkeyPatch, device: str | None, said: str, line: str
) -> None:
    def query_devices(device: object, kind: str) -> object:
        raise ValueError(said)

    fake = SimpleNamespace(PortAudioError=RuntimeError, query_devices=query_devices)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    with pytest.raises(SinkError) as error:
        PortAudioSink(device)
    assert str(error.value) == line
