"""A port of lines: what is answered, what is counted, and clients that do not read."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from bridge.sockets.lines import LineClient, LineServer
from bridge.sockets.listen import bind
from tests.waiting import wait_for


class Echo:
    """Answers a line with itself; `bad` is malformed, `bye` hangs up, `flood` is answered with 8 MB."""

    def __init__(self) -> None:
        self.problems: Counter[str] = Counter()
        self.joined = self.left = self.ticks = 0
        bound = bind(socket.SOCK_STREAM, "127.0.0.1", 0, "test")
        self.server = LineServer(
            bound,
            self.line,
            self.problem,
            name="test",
            clients_max=2,
            on_join=self.join,
            on_leave=self.leave,
            on_tick=self.tick,
            tick_s=0.01,
        )
        self.server.start()

    def line(self, client: LineClient, line: bytes, now_s: float) -> None:
        if line == b"bad":
            raise ValueError("bad")
        if line == b"flood":
            for _ in range(128):
                client.send(bytes(65536))
            return
        client.send(line + b"!\n")
        if line == b"bye":
            client.hang_up()

    def problem(self, kind: str, client: LineClient | None) -> None:
        self.problems[kind] += 1

    def join(self, client: LineClient) -> None:
        self.joined += 1

    def leave(self, client: LineClient) -> None:
        self.left += 1

    def tick(self, now_s: float) -> None:
        self.ticks += 1

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=5)


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.server.close()


def test_lines_are_handed_over_however_they_are_cut(echo: Echo) -> None:
    with echo.connect() as client, client.makefile("rb") as stream:
        for part in (b"on", b"e\ntw", b"o\n\n", b"three\nfo", b"ur\n"):
            client.sendall(part)
            time.sleep(0.02)
        assert [stream.readline() for _ in range(4)] == [b"one!\n", b"two!\n", b"three!\n", b"four!\n"]
    assert wait_for(lambda: echo.left == 1)
    assert echo.ticks > 3


def test_what_is_wrong_is_counted_and_the_connection_stays(echo: Echo) -> None:
    with echo.connect() as client, client.makefile("rb") as stream:
        client.sendall(b"bad\n" + b"x" * 9000 + b"\nyes\n" + b"y" * 5000 + b"\nlast\n")
        assert [stream.readline(), stream.readline()] == [b"yes!\n", b"last!\n"]
    assert echo.problems == {"malformed": 1, "oversized": 2}


def test_a_client_too_many_is_sent_away_and_one_that_leaves_makes_room(echo: Echo) -> None:
    first, second, third = echo.connect(), echo.connect(), echo.connect()
    assert third.recv(10) == b""
    assert wait_for(lambda: echo.problems == {"dropped": 1})
    first.close()
    assert wait_for(lambda: echo.left == 1)
    with echo.connect() as fourth:
        fourth.sendall(b"bye\n")
        assert fourth.makefile("rb").read() == b"bye!\n"
    second.close()


def test_a_client_that_does_not_read_is_hung_up_on_and_others_are_served(echo: Echo) -> None:
    with echo.connect() as deaf, echo.connect() as other:
        deaf.sendall(b"flood\n")
        assert wait_for(lambda: echo.left == 1)
        other.sendall(b"still\n")
        assert other.makefile("rb").readline() == b"still!\n"


def test_news_is_left_out_for_a_client_that_is_behind(echo: Echo) -> None:
    with echo.connect():
        assert wait_for(lambda: echo.server.clients)
        client = echo.server.clients[0]
        assert client.send(b"news", news=True)
        while not client.is_behind:
            client.send(bytes(200_000))
        while client.send(bytes(40_000), news=True):
            continue
        assert client.is_open
        assert wait_for(lambda: echo.server.clients)
