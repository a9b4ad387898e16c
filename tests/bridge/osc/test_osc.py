from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from bridge import DIALECTS, MtcSource, OscSource, SourceError, Transport, Valid
from bridge.clock.source import Action
from bridge.osc.codec import decode, encode, encode_bundle
from tests.waiting import wait_for


def say(source: OscSource, now_s: float, *messages: tuple[str, str, Any]) -> Transport:
    """One packet of messages (address, type, value) to a source that need not be started."""
    content = [(address, [(kind, value)] if kind else []) for address, kind, value in messages]
    packet = encode_bundle(content) if len(content) > 1 else encode(*content[0])
    source.packet(packet, ("127.0.0.1", 1), now_s)
    return source._latest


# AbletonOSC


def test_ableton() -> None:
    source, get = OscSource("ableton"), "/live/song/get/"
    for name, kind, value in (
        ("tempo", "f", 125.0),
        ("is_playing", "T", True),
        ("loop", "F", False),
        ("loop_start", "f", 8.0),
        ("loop_length", "f", 4.0),
        ("signature_numerator", "i", 3),
        ("signature_denominator", "i", 4),
        ("current_song_time", "f", 16.5),
    ):
        record = say(source, 5.0, (get + name, kind, value))
    assert record.known() == {
        "playing": True,
        "loop_on": False,
        "loop_start_beats": 8,
        "loop_end_beats": 12,
        "tempo_bpm": 125,
        "position_beats": 16.5,
        "signature_numerator": 3,
        "signature_denominator": 4,
        "host_time_s": 5,
    }


def test_ableton_moving_the_loop_moves_its_end() -> None:
    source = OscSource("ableton")
    say(source, 0, ("/live/song/get/loop_length", "f", 4.0))
    say(source, 0, ("/live/song/get/loop_start", "f", 8.0))
    record = say(source, 1, ("/live/song/get/loop_start", "f", 16.0))
    assert (record.loop_start_beats, record.loop_end_beats) == (16, 20)


# REAPER


def test_reaper() -> None:
    source = OscSource("reaper")
    record = say(
        source,
        1.0,
        ("/time", "f", 12.0),
        ("/beat/str", "s", "7.1.50"),
        ("/tempo/raw", "f", 120.0),
        ("/play", "f", 1.0),
        ("/stop", "f", 0.0),
        ("/pause", "f", 0.0),
        ("/repeat", "f", 1.0),
        ("/loop/start/time", "f", 10.0),
        ("/loop/end/time", "f", 14.0),
        ("/samples/str", "s", "576000"),
    )
    assert record.known() == {
        "playing": True,
        "loop_on": True,
        "loop_start_beats": 20.5,
        "loop_end_beats": 28.5,
        "tempo_bpm": 120,
        "position_beats": 24.5,
        "position_s": 12,
        "position_frames": 576000,
        "bar_start_beats": 24,
        "host_time_s": 1,
    }


def test_reaper_stop_and_pause() -> None:
    source = OscSource("reaper")
    say(source, 0, ("/play", "f", 1.0))
    assert not say(source, 1, ("/pause", "f", 1.0)).playing
    say(source, 2, ("/play", "f", 1.0))
    assert not say(source, 3, ("/stop", "f", 1.0)).playing


def test_reaper_samples_as_float_are_not_believed() -> None:
    source = OscSource("reaper")
    record = say(source, 0, ("/play", "f", 1.0), ("/samples", "f", 18240001.0))
    assert not record.knows(Valid.POSITION_FRAMES)


# Ardour


def test_ardour() -> None:
    source = OscSource("ardour")
    record = say(
        source,
        1.0,
        ("/position/bbt", "s", "003|02|0960"),
        ("/position/time", "s", "00:01:02.500"),
        ("/position/samples", "s", " 3000000000000"),
        ("/transport_play", "i", 1),
        ("/loop_toggle", "i", 0),
    )
    assert record.known() == {
        "playing": True,
        "loop_on": False,
        "position_beats": 9.5,
        "bar_start_beats": 8,
        "position_s": 62.5,
        "position_frames": 3000000000000,
        "host_time_s": 1,
    }
    assert not say(source, 2, ("/transport_stop", "i", 1)).playing


@pytest.mark.parametrize("tempo", [60, 120, 133.7])
def test_ardour_tempo_is_derived_and_follows_a_step(tempo: float) -> None:
    source = OscSource("ardour")
    say(source, 0, ("/transport_play", "i", 1))
    beats, now_s = 0.0, 0.0
    for bpm in (tempo, tempo + 20):
        for _ in range(60):
            now_s += 0.1
            beats += 0.1 * bpm / 60
            ticks = int(beats * 1920)
            bbt = f"{ticks // 7680 + 1:03}|{ticks // 1920 % 4 + 1:02}|{ticks % 1920:04}"
            say(source, now_s, ("/position/bbt", "s", bbt))
            text = f"00:{int(now_s) // 60:02}:{int(now_s) % 60:02}.{int(now_s * 1000) % 1000:03}"
            record = say(source, now_s, ("/position/time", "s", text))
        assert record.tempo_bpm == pytest.approx(bpm, rel=0.001)


# Bitwig


def test_bitwig() -> None:
    source = OscSource("bitwig")
    record = say(
        source,
        1.0,
        ("/play", "i", 1),
        ("/tempo/raw", "f", 110.0),
        ("/repeat", "i", 0),
        ("/record", "i", 0),
        ("/time/signature", "s", "4 / 4"),
        ("/beat/str", "s", "5.2.3:50"),
        ("/time/str", "s", "0.01.02:250"),
    )
    assert record.known() == {
        "playing": True,
        "recording": False,
        "loop_on": False,
        "tempo_bpm": 110,
        "position_beats": 17.625,
        "position_s": 62.25,
        "bar_start_beats": 16,
        "signature_numerator": 4,
        "signature_denominator": 4,
        "host_time_s": 1,
    }


# any dialect


def test_a_signature_known_before_counts_the_bars() -> None:
    source = OscSource("bitwig")
    say(source, 0, ("/time/signature", "s", "3 / 4"))
    assert say(source, 1, ("/beat/str", "s", "3.1.1:00")).position_beats == 6


@pytest.mark.parametrize("order", ["before", "behind", "packet before", "next packet"])
def test_bitwig_counts_in_the_signature_of_the_moment_wherever_it_is_told(order: str) -> None:
    source = OscSource("bitwig")
    say(source, 0, ("/time/signature", "s", "4 / 4"), ("/play", "i", 1), ("/tempo/raw", "f", 120.0))
    assert say(source, 1.0, ("/beat/str", "s", "17.1.1:00")).position_beats == 64
    # a beat later it is 3/4, and the bar is the 22nd of three quarters
    text, signature = ("/beat/str", "s", "22.3.1:00"), ("/time/signature", "s", "3 / 4")
    packets = {
        "before": [[signature, text]],
        "behind": [[text, signature]],
        "packet before": [[signature], [text]],
        "next packet": [[text], [signature]],
    }
    for packet in packets[order]:
        record = say(source, 1.5, *packet)
    assert (record.position_beats, record.bar_start_beats) == (65, 63)
    # a signature that is told much later says nothing of a text before it
    assert say(source, 2.0, ("/time/signature", "s", "4 / 4")).position_beats == 66


class Daw:
    """A DAW's end of the wire."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.port = int(self.socket.getsockname()[1])

    def hear(self) -> tuple[str, tuple[Any, ...], Any]:
        data, sender = self.socket.recvfrom(8192)
        message = decode(data)[0]
        return message.address, message.arguments, sender


@pytest.fixture
def daw() -> Iterator[Daw]:
    end = Daw()
    yield end
    end.socket.close()


def test_ardour_is_asked_from_the_port_it_shall_answer_to(daw: Daw) -> None:
    with OscSource("ardour", send_port=daw.port) as source:
        address, arguments, sender = daw.hear()
        assert (address, arguments) == ("/set_surface", (0, 0, 8 + 16 + 32 + 1024 + 2048, 0, 0, 0, 0))
        daw.socket.sendto(encode("/position/bbt", [("s", "002|01|0000")]), sender)
        assert wait_for(lambda: source.latest().position_beats == 4)
        source.command("locate", frames=48000, roll=1)
        assert daw.hear()[:2] == ("/locate", (48000, 1))


def test_ableton_is_subscribed_to_again_after_silence(daw: Daw) -> None:
    with OscSource("ableton", listen_port=0, send_port=daw.port) as source:
        first = [daw.hear()[0] for _ in range(9)]
        assert first[0] == "/live/test"
        assert "/live/song/start_listen/current_song_time" in first
        source._renew(source.clock() + 10)
        assert [daw.hear()[0] for _ in range(9)] == first


@pytest.mark.parametrize(
    ("dialect", "name", "values", "address", "arguments"),
    [
        ("ableton", "play", {}, "/live/song/continue_playing", ()),
        ("ableton", "tempo", {"bpm": 97}, "/live/song/set/tempo", (97.0,)),
        ("ableton", "locate", {"beats": 8}, "/live/song/set/current_song_time", (8.0,)),
        ("reaper", "locate", {"seconds": 2.5}, "/time", (2.5,)),
        ("bitwig", "locate", {"beats": 16}, "/time", (16.0,)),
        ("ardour", "loop", {"start_frames": 0, "end_frames": 9}, "/loop_location", (0, 9)),
        ("musika", "locate", {"beats": 1 / 3}, "/musika/locate", (1 / 3,)),
    ],
)
def test_commands(
    daw: Daw, dialect: str, name: str, values: dict[str, Any], address: str, arguments: tuple[Any, ...]
) -> None:
    with OscSource(dialect, listen_port=0, send_port=daw.port) as source:
        for _ in source.dialect.subscribe:
            daw.hear()
        source.command(name, **values)
        assert daw.hear()[:2] == (address, arguments)


def test_commands_that_do_not_exist_or_lack_a_value() -> None:
    source = OscSource("ardour")
    with pytest.raises(ValueError, match="ardour can play, stop"):
        source.command("tempo", bpm=120)
    with pytest.raises(ValueError, match="frames: missing"):
        source.command("locate", beats=4)


def test_garbage_over_the_socket_is_counted_and_it_stays_up(daw: Daw) -> None:
    with OscSource("reaper", listen_port=0, send_port=daw.port) as source:
        absurd = encode("/tempo/raw", [("f", 1e9)])
        for data in (b"", b"nonsense", b"/play\0\0\0,f\0\0", b"\xff" * 9000, absurd):
            daw.socket.sendto(data, ("127.0.0.1", source.port))
        daw.socket.sendto(encode("/tempo/raw", [("f", 99.0)]), ("127.0.0.1", source.port))
        assert wait_for(lambda: source.latest().tempo_bpm == 99)
        assert source.counts.malformed == 4
        assert source.counts.oversized == 1


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    for options in ({"host": "0.0.0.0"}, {"send_host": "192.0.2.1"}, {"host": "example.org"}):
        with pytest.raises(ValueError, match="address"):
            OscSource("reaper", **options)  # type: ignore[arg-type]
    assert OscSource("reaper", host="0.0.0.0", allow_remote=True).host == "0.0.0.0"
    assert OscSource("reaper", host="localhost").host == "127.0.0.1"


def test_a_taken_port_and_an_unknown_dialect(daw: Daw) -> None:
    with pytest.raises(SourceError, match=f"OSC from reaper: port {daw.port} "):
        OscSource("reaper", listen_port=daw.port).start()
    with pytest.raises(ValueError, match="must be one of ableton, reaper, ardour, bitwig, musika"):
        OscSource("logic")
    with pytest.raises(ValueError, match="listen_port: 70000"):
        OscSource("reaper", listen_port=70000)


@pytest.mark.parametrize("dialect", [name for name, dialect in DIALECTS.items() if dialect.commands])
def test_every_dialect_is_steered_by_its_own_messages(daw: Daw, dialect: str) -> None:
    with OscSource(dialect, listen_port=0, send_port=daw.port) as source:
        for _ in source.dialect.subscribe:
            daw.hear()
        assert source.steers
        for action in get_args(Action):
            source.steer(action)
            assert daw.hear()[0] == source.dialect.commands[action].address


def test_a_daw_that_cannot_be_told_to_play_is_not_steered() -> None:
    deaf = OscSource(dataclasses.replace(DIALECTS["ardour"], commands={}))
    assert not deaf.steers
    for source in (deaf, MtcSource("x")):
        with pytest.raises(SourceError, match=f"{source.name}: cannot be told to play"):
            source.steer("play")
