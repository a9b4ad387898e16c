"""The JSON-lines protocol over real loopback sockets, polite and hostile."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge import SourceError, TcpSource, Transport, UdpSender, UdpSource, Valid, WireMessage, host_time
from bridge.sockets.listen import Gate
from bridge.sockets.wire import decode, encode
from tests.waiting import wait_for

PLAYING = Transport.of(playing=True, tempo_bpm=120, position_beats=8)


@pytest.fixture
def udp() -> Iterator[UdpSource]:
    with UdpSource(0) as source:
        yield source


@pytest.fixture
def tcp() -> Iterator[TcpSource]:
    with TcpSource(0) as source:
        yield source


@pytest.fixture
def speaker(udp: UdpSource) -> Iterator[UdpSender]:
    sender = UdpSender(udp.port)
    yield sender
    sender._socket.close()


def connect(source: TcpSource) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", source.port), timeout=5)
    connection.settimeout(5)
    return connection


def line(transport: Transport = PLAYING) -> bytes:
    return encode(WireMessage("transport", transport))


def test_udp_news_arrives_with_its_age(udp: UdpSource, speaker: UdpSender) -> None:
    now_s = host_time()
    speaker.send(PLAYING.replace(host_time_s=now_s - 0.5))
    assert wait_for(lambda: udp.counts.received == 1)
    record = udp.latest()
    assert record.without(Valid.HOST_TIME_S) == PLAYING
    assert record.host_time_s == pytest.approx(now_s - 0.5, abs=0.2)


def test_udp_fields_are_kept_until_forgotten(udp: UdpSource, speaker: UdpSender) -> None:
    speaker.send(Transport.of(playing=False, position_beats=4))
    speaker.send(Transport.of(tempo_bpm=90))
    speaker.send_message(WireMessage("transport", Transport.of(recording=True), Valid.PLAYING))
    assert wait_for(lambda: udp.counts.received == 3)
    known = udp.latest().known()
    known.pop("host_time_s")
    assert known == {"position_beats": 4, "tempo_bpm": 90, "recording": True}


def test_udp_bye_is_the_end(udp: UdpSource) -> None:
    sender = UdpSender(udp.port)
    sender.send(PLAYING)
    assert wait_for(lambda: udp.latest().playing)
    sender.close()
    assert wait_for(lambda: udp.latest() == Transport())


def test_udp_hears_one_sender_at_a_time(udp: UdpSource, speaker: UdpSender) -> None:
    other = UdpSender(udp.port)
    speaker.send(PLAYING)
    assert wait_for(lambda: udp.counts.received == 1)
    other.send(Transport.of(tempo_bpm=60))
    assert wait_for(lambda: udp.counts.dropped == 1)
    assert udp.latest().tempo_bpm == 120
    speaker.send_message(WireMessage("bye"))
    other.send(Transport.of(tempo_bpm=60))
    assert wait_for(lambda: udp.latest().tempo_bpm == 60)
    assert not udp.latest().knows(Valid.PLAYING)
    other._socket.close()


def test_udp_ping_is_answered(udp: UdpSource, speaker: UdpSender) -> None:
    speaker._socket.settimeout(5)
    speaker.send_message(WireMessage("ping", id=41))
    assert decode(speaker._socket.recv(4096)) == WireMessage("pong", id=41)


def test_udp_flood_is_dropped_and_counted_and_news_comes_through_after() -> None:
    with UdpSource(0, per_s=100) as source:
        sender = UdpSender(source.port)
        for _ in range(400):
            sender.send(PLAYING)
            time.sleep(0)
        assert wait_for(lambda: source.counts.dropped > 50)
        time.sleep(0.2)
        sender.send(Transport.of(tempo_bpm=61))
        assert wait_for(lambda: source.latest().tempo_bpm == 61)
        assert source.counts.received < 300
        sender.close()


def test_udp_oversized_and_malformed_are_counted(udp: UdpSource, speaker: UdpSender) -> None:
    speaker._socket.sendto(b"x" * 4097, speaker._address)
    speaker._socket.sendto(b"x" * 4096, speaker._address)
    speaker._socket.sendto(b"", speaker._address)
    assert wait_for(lambda: udp.counts.malformed == 2)
    assert udp.counts.oversized == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=10))
def test_udp_any_bytes_are_survived(udp: UdpSource, packets: list[bytes]) -> None:
    sender = UdpSender(udp.port)
    for packet in packets:
        sender._socket.sendto(packet, sender._address)
    tempo = random.uniform(20, 900)
    sender.send(Transport.of(tempo_bpm=tempo))
    assert wait_for(lambda: udp.latest().tempo_bpm == tempo)
    sender.close()
    assert wait_for(lambda: udp.latest() == Transport())


def test_tcp_lines_in_pieces_and_in_lumps(tcp: TcpSource) -> None:
    with connect(tcp) as connection:
        for byte in line():
            connection.send(bytes((byte,)))
        assert wait_for(lambda: tcp.latest().playing)
        connection.sendall(line(Transport.of(tempo_bpm=90)) + b"\r\n\n" + line(Transport.of(playing=False)))
        assert wait_for(lambda: tcp.counts.received == 3)
        assert (tcp.latest().playing, tcp.latest().tempo_bpm) == (False, 90)
        connection.sendall(encode(WireMessage("ping", id=5)))
        assert decode(connection.recv(4096)) == WireMessage("pong", id=5)


def test_tcp_hanging_up_forgets(tcp: TcpSource) -> None:
    with connect(tcp) as connection:
        connection.sendall(line())
        assert wait_for(lambda: tcp.latest().playing)
    assert wait_for(lambda: tcp.latest() == Transport())
    with connect(tcp) as connection:
        connection.sendall(line())
        assert wait_for(lambda: tcp.latest().playing)


def test_tcp_endless_line_is_counted_once_and_skipped(tcp: TcpSource) -> None:
    with connect(tcp) as connection:
        connection.sendall(b"x" * 300000)
        connection.sendall(b"tail\n" + b"nonsense\n" + line())
        assert wait_for(lambda: tcp.latest().playing)
        assert tcp.counts.oversized == 1
        assert tcp.counts.malformed == 1


def test_tcp_takes_eight_clients_and_hears_one(tcp: TcpSource) -> None:
    connections = [connect(tcp) for _ in range(8)]
    connections[3].sendall(line())
    assert wait_for(lambda: tcp.latest().playing)
    connections[4].sendall(line(Transport.of(tempo_bpm=60)))
    assert wait_for(lambda: tcp.counts.dropped == 1)
    with connect(tcp) as ninth:
        assert ninth.recv(10) == b""
    assert tcp.latest().tempo_bpm == 120
    for connection in connections:
        connection.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=6000))
def test_tcp_any_bytes_are_survived(tcp: TcpSource, data: bytes) -> None:
    tempo = random.uniform(20, 900)
    with connect(tcp) as connection:
        connection.sendall(data + b"\n" + line(Transport.of(tempo_bpm=tempo)))
        assert wait_for(lambda: tcp.latest().tempo_bpm == tempo)
    assert wait_for(lambda: tcp.latest() == Transport())


@pytest.mark.parametrize("kind", [UdpSource, TcpSource])
def test_loopback_only_taken_ports_and_restarts(kind: type[UdpSource] | type[TcpSource]) -> None:
    with pytest.raises(ValueError, match=r"host: 0\.0\.0\.0, must be a loopback"):
        kind(0, host="0.0.0.0")
    with pytest.raises(ValueError, match="port: -1"):
        kind(-1)
    source = kind(0)
    with source:
        port = source.port
        assert port > 0
        with pytest.raises(SourceError, match=f"port {port} on 127.0.0.1"):
            kind(port).start()
    source.stop()
    with kind(port) as again:
        assert again.port == port


def test_a_gate_admits_its_rate_and_its_burst() -> None:
    gate = Gate(per_s=100, burst=10)
    assert sum(gate.admits(0.0) for _ in range(50)) == 10
    assert sum(gate.admits(1 + i / 1000) for i in range(1000)) == pytest.approx(110, abs=2)
    assert gate.admits(0.5) is gate.admits(0.4) is False
