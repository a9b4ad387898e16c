"""The control socket: what it tells, what it takes, and what hostile lines do to it: nothing."""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge import SourceError, Transport, UdpSender
from musika_daw.commands.live import open_control
from musika_daw.host.control.server import ControlServer
from musika_daw.host.follow.health import SILENCE, source_health
from musika_daw.host.follow.sources import SOURCES, SourceOptions
from musika_daw.host.session import Session, SessionOptions


def request(kind: str, **values: Any) -> bytes:
    return json.dumps({"musika": 1, "kind": kind, **values}).encode() + b"\n"


class Client:
    """Any program: a socket and lines."""

    def __init__(self, port: int, status_hz: float = 30) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._stream = self._socket.makefile("rb")
        self._number = 0
        self.welcome = self.ask("hello", client="test", status_hz=status_hz)

    def ask(self, kind: str, **values: Any) -> dict[str, Any]:
        """The answer to a request."""
        self._number += 1
        number = self._number
        self._socket.sendall(request(kind, id=number, **values))
        return self.wait(lambda m: m.get("id") == number)

    def wait(self, condition: Callable[[dict[str, Any]], object], limit_s: float = 60) -> dict[str, Any]:
        """The first message for which something is true."""
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s:
            message = json.loads(self._stream.readline())
            assert message["musika"] == 1
            if condition(message):
                return message
        raise AssertionError("it never came")

    def status(self, condition: Callable[[dict[str, Any]], object] = lambda _: True) -> dict[str, Any]:
        return self.wait(lambda m: m["kind"] == "status" and condition(m))

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def is_gone(self) -> bool:
        return self._stream.read() == b""

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


@pytest.fixture(scope="module")
def udp_port() -> int:
    """A port that is free for UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def session(udp_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("control")
    options = SessionOptions(
        sink=f"file:{folder / 'out.wav'}",
        model="click",
        source_options=SourceOptions(listen_port=udp_port),
        effects=("gain gain_db=-3",),
        keep_to=folder / "kept",
        map_file=folder / "map.toml",
    )
    made = Session(options)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def control(session: Session) -> Iterator[ControlServer]:
    made, problem = open_control(session, 0, must=True)
    assert made is not None
    assert problem is None
    made.start()
    yield made
    made.stop()


@pytest.fixture
def client(control: ControlServer) -> Iterator[Client]:
    made = Client(control.port)
    yield made
    made.close()


def test_welcome_says_what_there_is(client: Client, session: Session) -> None:
    welcome = client.welcome
    assert welcome["kind"] == "welcome"
    assert (welcome["model"], welcome["sample_rate_hz"]) == ("click", 48_000)
    assert welcome["controls"]["gain_db"] == {
        "low": -60,
        "high": 12,
        "start": -15.0,
        "step": 1.0,
        "whole": False,
        "off": False,
    }
    assert welcome["sources"] == list(SOURCES)
    assert Path(welcome["keep_to"]) == session.options.keep_to.resolve()


def test_status_tells_transport_lock_and_cache_while_it_plays(client: Client) -> None:
    assert client.status()["source"]["offers"] == [{"label": "Play", "message": {"kind": "act", "action": "play"}}]
    assert client.ask("act", action="play")["kind"] == "done"
    status = client.status(lambda m: m["lock"]["locked"] and m["transport"]["beat"] > 5)
    assert status["transport"]["playing"]
    assert status["transport"]["bar"] == 2
    assert 1 <= status["transport"]["bar_beat"] < 5
    assert abs(status["lock"]["error_ms"]) < 2
    assert status["source"]["state"] == "playing"
    assert status["cache"]["ahead_s"] > 1
    assert status["sound"]["underruns"] == 0
    client.ask("act", action="stop")
    assert not client.status(lambda m: not m["transport"]["playing"])["lock"]["locked"]


def test_controls_are_set_together_or_not_at_all(client: Client) -> None:
    assert client.ask("set", values={"density": 0.25, "seed": 2**64 - 1})["kind"] == "done"
    values = client.status(lambda m: m["values"]["density"] == 0.25)["values"]
    assert values["seed"] == 2**64 - 1
    wrong = client.ask("set", values={"density": 0.75, "morph": 3})
    assert (wrong["kind"], wrong["text"]) == ("error", "morph: 3, must be in 0..1")
    assert client.status()["values"]["density"] == 0.25
    assert client.ask("set", values={"density": None, "seed": 0})["kind"] == "done"


def test_a_control_that_the_model_does_not_know_is_told_to_be_unheard(client: Client) -> None:
    note = "density: 0.25, but click knows no density"
    assert client.ask("set", values={"density": 0.25})["note"] == note
    assert client.status(lambda m: m["problem"] is not None)["problem"] == note
    assert "note" not in client.ask("set", values={"density": None})
    assert client.status(lambda m: m["problem"] is None)["chords"] == {
        "heard": None,
        "held": None,
        "keys": [],
        "port": None,
    }


def test_a_model_without_a_score_follows_no_keyboard(client: Client) -> None:
    answer = client.ask("chords_in", port="Keys")
    assert answer["text"] == "--chords-in: 'Keys', but click plays no score, which would follow its chords"
    assert client.ask("chords_in", port=None)["kind"] == "done"


def test_a_model_without_a_score_refuses_chords_and_a_wrong_one_is_named(client: Client) -> None:
    wrong = client.ask("score", values={"chords": "Am | F"})
    assert (wrong["kind"], wrong["text"]) == (
        "error",
        "chords: 'Am | F', but click plays no score, which would follow them",
    )
    assert "in bar 2, must be a chord" in client.ask("score", values={"chords": "Am H"})["text"]
    assert client.ask("score", values={"chords": 3})["kind"] == "error"
    assert client.ask("score", values={"tempo": "3"})["text"].startswith("score: 'tempo', must be one of")
    assert client.ask("score", values={"chords": None, "parts": None, "voices": None})["kind"] == "done"
    assert client.status()["score"] == {"key": None, "chords": None, "parts": None, "voices": None}


def test_parts_are_muted_over_the_socket_and_refused_where_there_are_none(client: Client, session: Session) -> None:
    refused = client.ask("part", name="drums", what="mute", on=True)
    assert refused["kind"] == "error"
    assert refused["text"] == "mute: drums, but click plays no score of parts"
    assert client.ask("act", action="solo_bass")["kind"] == "error"
    assert client.status()["parts"] == {}
    assert "mute_drums" in client.welcome["actions"]
    check = session.live.check
    session.live.check = lambda controls: None  # a model that knows parts
    try:
        assert client.ask("part", name="drums", what="mute", on=True)["kind"] == "done"
        assert client.ask("act", action="solo_bass")["kind"] == "done"
        parts = client.status(lambda m: m["parts"] and m["parts"]["bass"]["solo"])["parts"]
        assert parts["drums"] == {"mute": True, "solo": False, "heard": False}
        assert parts["bass"] == {"mute": False, "solo": True, "heard": True}
        assert client.ask("part", name="bass", what="solo", on=False)["kind"] == "done"
        assert client.ask("part", name="drums", what="mute", on=False)["kind"] == "done"
        assert session.live.controls().muted == ()
        for name, what, on in (("flute", "mute", True), ("bass", "pan", True), ("bass", "solo", 1)):
            assert client.ask("part", name=name, what=what, on=on)["kind"] == "error"
        assert client.ask("part", name="bass", what="solo")["text"] == "on: missing, a part must have it"
    finally:
        session.live.check = check


def test_the_status_has_a_clip_light(client: Client) -> None:
    assert client.ask("act", action="play")["kind"] == "done"
    before = client.status(lambda m: m["transport"]["playing"])["sound"]["clipped"]
    assert client.ask("set", values={"gain_db": 12.0})["kind"] == "done"
    sound = client.status(lambda m: m["sound"]["clipped"] > before + 1)["sound"]
    assert client.ask("set", values={"gain_db": 0.0})["kind"] == "done"
    assert sound["peak_db"] is None or sound["peak_db"] <= 12
    client.ask("act", action="stop")


def test_effects_go_off_and_on(client: Client, session: Session) -> None:
    assert client.ask("effects", on=False)["kind"] == "done"
    assert not client.status()["effects_on"]
    deadline = time.monotonic() + 10
    while session.host.piece is None or session.host.piece.effects:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    client.ask("effects", on=True)
    assert client.status(lambda m: m["effects_on"])


def test_a_controller_is_learnt_over_the_socket(client: Client, session: Session) -> None:
    client.ask("learn", name="density")
    assert client.status()["midi"]["learning"] == "density"
    session.midi_map.feed([0xB0, 21, 127])
    assert client.status(lambda m: m["midi"]["bindings"] == {"density": 21})["values"]["density"] == 1
    client.ask("forget", name="density")
    assert client.status(lambda m: not m["midi"]["bindings"])
    assert "error" in client.ask("midi", port="no such port")["kind"]


def _is_after(beat: float, message: dict[str, Any]) -> bool:
    return bool(message["transport"]["beat"] > beat)


def test_captured_bars_are_told_with_their_file_and_can_be_heard_again(client: Client) -> None:
    client.ask("act", action="play")
    client.status(lambda m: m["transport"]["beat"] > 4)
    client.ask("act", action="keep_4")
    early = client.wait(lambda m: m["kind"] in ("kept", "problem"))
    # a busy machine may have begun to play late, and not heard all of the first
    assert re.fullmatch(r"keep: 4 bars, only [01] whole ones were heard, must be 4 at least", early["text"])
    for beat in (20.2, 24.2, 28.2):  # a busy machine may have begun to play bars late, and then has heard as many fewer
        client.status(partial(_is_after, beat))
        client.ask("act", action="keep_4")
        kept = client.wait(lambda m: m["kind"] in ("kept", "problem"), 150)
        if "whole ones were heard" not in kept.get("text", ""):
            break
    assert kept["kind"] == "kept", kept
    assert Path(kept["file"]).is_file()
    assert client.ask("audition", file=kept["file"])["kind"] == "done"
    heard = client.status(lambda m: m["audition"]["state"] == "playing")
    assert heard["audition"]["file"] == kept["file"]
    assert client.ask("audition", file=None)["kind"] == "done"
    assert client.status()["audition"] == {"file": None, "state": None}
    wrong = client.ask("audition", file=str(Path(kept["file"]).parent / "gone.wav"))
    assert "no such file" in wrong["text"]
    client.ask("act", action="stop")


def test_the_source_is_switched_while_it_runs_and_what_fails_leaves_the_old_one(client: Client, udp_port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", udp_port))
        taken = client.ask("source", name="udp")
        assert str(udp_port) in taken["text"]
        status = client.status()
        assert status["source"]["name"] == "internal"
        assert "udp" in status["source"]["problem"]
    assert client.ask("source", name="udp")["kind"] == "done"
    waiting = client.status(lambda m: m["source"]["name"] == "udp")["source"]
    assert waiting["state"] == "waiting"
    assert waiting["reason"] == "no datagram arrives"
    assert waiting["offers"][0]["message"] == {"kind": "source", "name": "internal"}
    sender = UdpSender(udp_port)
    for step in range(25):
        sender.send(Transport.of(playing=True, tempo_bpm=131.0, position_beats=step * 0.1))
        time.sleep(0.02)
    playing = client.status(lambda m: m["source"]["state"] == "playing")
    assert playing["transport"]["bpm"] == 131
    silent = client.status(lambda m: m["source"]["state"] == "silent")["source"]
    assert "nothing has come" in silent["reason"]
    assert client.ask("source", name="radio")["kind"] == "error"
    assert client.ask("source", name="internal", bpm=99)["kind"] == "done"
    assert client.status(lambda m: m["transport"]["bpm"] == 99)["source"]["steers"]
    client.ask("source", name="internal", bpm=120)


def test_devices_are_listed(client: Client) -> None:
    listed = client.ask("devices")
    assert {"name": "udp", "label": "bridge protocol, UDP"} in listed["sources"]
    assert isinstance(listed["midi_inputs"], list)


def test_who_does_not_greet_is_hung_up_on(control: ControlServer, session: Session) -> None:
    for first in (b"POST / HTTP/1.1\r\n", request("act", action="quit"), b"\xff\xfe\n"):
        with socket.create_connection(("127.0.0.1", control.port), timeout=10) as stranger:
            stranger.sendall(first + request("act", action="quit"))
            assert stranger.recv(100) == b""
    assert not session.quit


def test_wrong_requests_are_answered_and_the_connection_stays(client: Client, control: ControlServer) -> None:
    client.ask("ping")
    before = control.counts.malformed
    for kind, values, text in (
        ("act", {"action": "dance"}, "action: 'dance'"),
        ("set", {}, "values: missing"),
        ("effects", {"on": 1}, "must be true or false"),
        ("learn", {"name": "colour"}, "must be one of"),
        ("set", {"values": {"density": 10**400}}, "density"),
        ("source", {"name": ""}, "name: ''"),
    ):
        assert text in client.ask(kind, **values)["text"]
    client.ask("ping")  # what is answered is counted by then
    assert control.counts.malformed == before + 6
    client.send(b"{}\n\n" + b"z" * 5000 + b"\n")
    assert client.ask("ping")["kind"] == "pong"
    client.send(request("bye"))
    assert client.is_gone()


def test_a_flood_of_hostile_lines_is_survived(control: ControlServer) -> None:
    shake = random.Random(3)
    good = [request("set", values={"morph": 0.5}), request("learn", name="morph"), request("ping", id=5)]
    client = Client(control.port, status_hz=0)
    with contextlib.suppress(OSError):
        for _ in range(1500):
            line = bytearray(shake.choice(good))
            for _ in range(shake.randrange(4)):
                line[shake.randrange(len(line) - 1)] = shake.randrange(256)
            client.send(bytes(line))
    client.close()
    again = Client(control.port)
    assert again.ask("set", values={"morph": 0})["kind"] == "done"
    again.ask("learn", name=None)
    again.close()


def test_a_taken_port_is_told(control: ControlServer, session: Session) -> None:
    with pytest.raises(SourceError, match="control socket: port"):
        ControlServer(session, control.port).open()


def test_a_host_whose_port_is_taken_plays_without_one_unless_it_was_asked_for(
    control: ControlServer, session: Session
) -> None:
    made, problem = open_control(session, control.port, must=False)
    assert made is None
    assert problem is not None
    assert problem.startswith("no panel for this host: control socket: port")
    with pytest.raises(SourceError, match="control socket"):
        open_control(session, control.port, must=True)


def test_every_source_has_something_to_say_when_nothing_comes() -> None:
    assert set(SILENCE) == set(SOURCES)
    for name in SOURCES:
        health = source_health(name, Transport(), 5.0)
        assert (health.state, bool(health.reason), bool(health.fix)) == ("waiting", True, True)
    playing = Transport.of(playing=True, host_time_s=4.9, position_beats=3.0)
    assert source_health("mtc", playing, 5.0).reason.startswith("it tells no tempo")
    assert source_health("midi:X", playing.replace(tempo_bpm=120), 5.0, warnings=("wrong position",)).reason == (
        "wrong position"
    )
    assert source_health("link", playing.replace(tempo_bpm=120), 9.0).state == "silent"
    assert source_health("link", playing.replace(tempo_bpm=120, playing=False), 5.0, steers=True).fix == (
        "Press play, also where it plays already: Link does not tell that to who joins."
    )
    assert source_health("osc:reaper", playing.replace(tempo_bpm=120, playing=False), 900.0).fix == (
        "Press play in the DAW."
    )
    assert SourceOptions().host == "127.0.0.1"
