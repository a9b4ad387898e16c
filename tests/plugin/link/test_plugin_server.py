"""The port that plugins connect to: who may speak, what is refused, and the transport that is told on."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bridge import PluginSource, Valid
from bridge.plugin_link.codes import Ability, Flag, Known, Verdict
from bridge.plugin_link.rendezvous import find_host
from bridge.plugin_link.server import STRANGERS_MAX, PluginServer
from bridge.plugin_link.source import transport_of
from bridge.plugin_link.wire import HEADER, STRUCTS, VERSION, Flush, Hello, PluginTransport, Stats, Welcome, encode
from musika_daw.commands.cli import main
from tests.plugin.clap.clap_host import ClapHost
from tests.waiting import wait_for

ALL = Known(63)
NEWS = PluginTransport(
    1, 96_000, 0, 4.5, 135.0, 4.0, 8.0, 3.5, ALL, Flag.PLAYING | Flag.LOOP_ON, 0, 512, 1, 7, 8, (-1, -1, -1, *[0] * 8)
)


class Attendant:
    """Takes everything in, and fails where it is told to."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.failing = False
        self.chunks = 0  # to send for every message

    def joined(self, instance: Any) -> None:
        self.seen.append("joined")

    def left(self, instance: Any) -> None:
        self.seen.append("left")

    def moved(self, instance: Any, news: Any, now_s: float) -> None:
        if self.failing:
            raise RuntimeError("a fault of the attendant")
        self.seen.append("moved")
        instance.take_in(news.place, flush=True)
        for chunk in range(self.chunks):
            instance.send_audio(chunk, np.zeros((1024, 2), np.float32))

    abilities = Ability.FOLLOWS_CHORDS

    def played(self, instance: Any, keys: Any) -> None:
        self.seen.append(f"played {len(keys.events)}")

    def step(self, now_s: float) -> bool:
        return False


@pytest.fixture
def server(folder: Path) -> Iterator[PluginServer]:
    made = PluginServer(Attendant(), instances_max=2)
    made.start()
    yield made
    made.stop()


def connect(server: PluginServer) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", server.port), 5)
    made.settimeout(5)
    return made


def hello(**changes: object) -> bytes:
    found = find_host()
    assert found is not None
    fields = {
        "version": VERSION,
        "format": 1,
        "token": found.token,
        "session": 5,
        "sample_rate_hz": 48_000.0,
        "slots": 512,
        "generation": 7,
    } | changes
    return encode(Hello(**fields))  # type: ignore[arg-type]


def read(connection: socket.socket, kind: type) -> tuple:
    size = STRUCTS[kind].size
    data = b""
    while len(data) < HEADER.size + size:
        part = connection.recv(HEADER.size + size - len(data))
        if not part:
            return ()
        data += part
    return STRUCTS[kind].unpack(data[HEADER.size :])


def test_a_plugin_is_welcomed_above_the_generation_it_saw_and_its_places_are_taken_in(server: PluginServer) -> None:
    with connect(server) as plugin:
        plugin.sendall(hello() + encode(NEWS) + encode(Stats(9, 8, 7, 4)))
        assert read(plugin, Welcome) == (2, Verdict.WELCOME, 8, Ability.FOLLOWS_CHORDS)
        place, _, generation, _ = read(plugin, Flush)
        assert (place, generation) == (1, 9)
        assert wait_for(lambda: server.instances and server.instances[0].stats.blocks == 9)
    assert wait_for(lambda: not server.instances)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"token": bytes(16)}, Verdict.WRONG_TOKEN),
        ({"version": VERSION + 1, "sample_rate_hz": 0.0}, Verdict.WRONG_VERSION),
    ],
)
def test_who_may_not_is_told_why_and_hung_up_on(changes: dict, verdict: Verdict, server: PluginServer) -> None:
    with connect(server) as plugin:
        plugin.sendall(hello(**changes))
        assert read(plugin, Welcome)[1] == verdict
        assert plugin.recv(1) == b""
    assert server.counts.dropped == 1


def test_more_plugins_than_there_is_room_for_are_told(server: PluginServer) -> None:
    with contextlib.ExitStack() as stack:
        for verdict in (Verdict.WELCOME, Verdict.WELCOME, Verdict.FULL):
            plugin = stack.enter_context(connect(server))
            plugin.sendall(hello())
            assert read(plugin, Welcome)[1] == verdict


@pytest.mark.parametrize("data", [encode(NEWS), b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100])
def test_who_does_not_say_hello_is_hung_up_on(data: bytes, server: PluginServer) -> None:
    with connect(server) as stranger:
        stranger.sendall(data)
        assert stranger.recv(1) == b""
    assert server.counts.malformed == 1


def test_saying_hello_twice_ends_it(server: PluginServer) -> None:
    with connect(server) as plugin:
        plugin.sendall(hello() + hello())
        assert wait_for(lambda: server.counts.malformed == 1)


def test_strangers_that_say_nothing_are_few_and_do_not_stay(server: PluginServer) -> None:
    with contextlib.ExitStack() as stack:
        strangers = [stack.enter_context(connect(server)) for _ in range(STRANGERS_MAX + 2)]
        begin_s = time.perf_counter()
        assert all(stranger.recv(1) == b"" for stranger in strangers)
        assert time.perf_counter() - begin_s < 10
    with connect(server) as plugin:
        plugin.sendall(hello())
        assert read(plugin, Welcome)[1] == Verdict.WELCOME


def test_noise_of_many_kinds_ends_connections_and_nothing_else(server: PluginServer) -> None:
    chance = random.Random(1)
    good = hello() + encode(NEWS) * 3 + encode(Stats())
    for _ in range(150):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with connect(server) as stranger, contextlib.suppress(OSError):
            stranger.sendall(bytes(data[: chance.randrange(1, len(data))]))
    assert wait_for(lambda: not server.instances)
    with connect(server) as plugin:
        plugin.sendall(hello())
        assert read(plugin, Welcome)[1] == Verdict.WELCOME
    assert server.counts.listener_errors == 0


def test_a_fault_of_the_attendant_is_logged_once_and_ends_nothing(
    server: PluginServer, caplog: pytest.LogCaptureFixture
) -> None:
    server._attendant.failing = True  # type: ignore[attr-defined]
    with connect(server) as plugin:
        plugin.sendall(hello() + encode(NEWS) * 5)
        assert wait_for(lambda: server.counts.listener_errors == 5)
        server._attendant.failing = False  # type: ignore[attr-defined]
        plugin.sendall(encode(NEWS))
        assert wait_for(lambda: "moved" in server._attendant.seen)  # type: ignore[attr-defined]
    assert caplog.text.count("the plugin host failed") == 1


def test_a_transport_says_what_the_daw_knows_and_no_more() -> None:
    record = transport_of(NEWS, 48_000.0, 12.0)
    assert record.knows(Valid.POSITION_BEATS | Valid.POSITION_FRAMES | Valid.LOOP_END_BEATS | Valid.TEMPO_BPM)
    assert (record.position_frames, record.position_s, record.tempo_bpm) == (96_000, 2.0, 135.0)
    assert (record.signature_numerator, record.signature_denominator) == (7, 8)
    assert (record.playing, record.loop_on, record.loop_end_beats) == (True, True, 8.0)
    fields = {**vars(NEWS), "known": Known(0)}
    bare = transport_of(PluginTransport(**fields), 48_000.0, 12.0)
    assert not bare.valid & (Valid.POSITION_BEATS | Valid.POSITION_FRAMES | Valid.TEMPO_BPM | Valid.LOOP_START_BEATS)


def test_as_a_source_the_plugin_that_plays_is_heard(folder: Path, clap: Callable[..., ClapHost]) -> None:
    with PluginSource() as source:
        one, other = clap(), clap()
        assert one.wait(lambda: len(source.instances) == 2)
        other.process(480_000)
        assert wait_for(lambda: source.latest().is_rolling and source.latest().position_frames == 480_000)
        one.process(0, playing=False)
        time.sleep(0.1)
        assert source.latest().position_frames == 480_000
        other.process(480_512, playing=False)
        assert wait_for(lambda: source.latest().knows(Valid.PLAYING) and not source.latest().playing)


def test_run_plugin_from_the_command_line_plays_a_metronome(folder: Path, clap: Callable[..., ClapHost]) -> None:
    import threading

    done: list = []
    words = ["run", "plugin", "--model", "click", "--no-view", "--seconds", "12"]
    thread = threading.Thread(target=lambda: done.append(CliRunner().invoke(main, words)))
    thread.start()
    one = clap(block=480)
    assert one.wait(lambda: one.state == 4)
    one.set_offline(True)
    audio = one.play(0, 96_000)
    peaks = np.flatnonzero(np.abs(audio[:, 0]) > 0.35)
    assert [int(p) for p in peaks[np.diff(peaks, prepend=-(10**6)) > 600]] == [0, 24_000, 48_000, 72_000]
    thread.join(30)
    assert done[0].exit_code == 0, done[0].output
    assert "s rendered, 0 renderers lost" in done[0].output


def test_audio_for_a_plugin_that_reads_nothing_is_given_up_at_last(
    server: PluginServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.plugin_link.server.UNSENT_MAX", 1 << 20)
    with connect(server) as plugin:
        plugin.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server._attendant.chunks = 3000  # type: ignore[attr-defined]
        plugin.sendall(hello() + encode(NEWS))
        assert wait_for(lambda: server.counts.dropped == 1)
    assert not server.instances
