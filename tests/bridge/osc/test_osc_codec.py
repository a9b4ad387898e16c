"""Packets and bundles of OSC: what is written is read, and hostile bytes cost themselves only."""

import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import DIALECTS, OscSource, Transport, own_messages
from bridge.osc.codec import decode, encode, encode_bundle
from tests.bridge.osc.test_osc import say


@settings(max_examples=50, deadline=None)
@given(
    st.integers(-(2**62), 2**62), st.floats(-1e6, 1e6), st.floats(20, 999), st.booleans(), st.sampled_from([2, 4, 8])
)
def test_our_own_messages_come_back_exactly(
    frames: int, beats: float, tempo: float, playing: bool, denominator: int
) -> None:
    sent = Transport.of(
        position_frames=frames,
        position_beats=beats,
        tempo_bpm=tempo,
        playing=playing,
        host_time_s=3,
        signature_numerator=7,
        signature_denominator=denominator,
        sample_rate_hz=44100,
    )
    source = OscSource("musika")
    source.packet(own_messages(sent), ("127.0.0.1", 1), 3.0)
    assert source.latest() == sent


def test_news_moves_what_was_known() -> None:
    source = OscSource("musika")
    source.packet(own_messages(Transport.of(playing=True, tempo_bpm=120, position_beats=0)), ("", 0), 1.0)
    assert say(source, 2.0, ("/musika/transport/tempo_bpm", "d", 60.0)).position_beats == 2


def test_one_broken_message_does_not_spoil_the_others() -> None:
    source = OscSource("reaper")
    with pytest.raises(ValueError, match="bars"):
        say(source, 1.0, ("/beat/str", "s", "nonsense"), ("/tempo/raw", "f", 130.0))
    assert source.latest().known() == {"tempo_bpm": 130, "host_time_s": 1}


ADDRESSES = sorted({address for dialect in DIALECTS.values() for address in dialect.readers})


ARGUMENTS = st.one_of(
    st.tuples(st.just("s"), st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=20)),
    st.tuples(st.just("f"), st.floats(width=32)),
    st.tuples(st.just("d"), st.floats()),
    st.tuples(st.just("h"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("b"), st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("N"), st.none()),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(DIALECTS)), st.sampled_from(ADDRESSES), st.lists(ARGUMENTS, max_size=3))
def test_no_arguments_can_break_a_reader(dialect: str, address: str, arguments: list[tuple[str, Any]]) -> None:
    source = OscSource(dialect)
    packet = encode(address, arguments)
    try:
        source.packet(packet, ("127.0.0.1", 1), 1.0)
    except ValueError:
        assert address in source.dialect.readers
    assert source.latest().known().get("tempo_bpm", 1) <= 1000


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=100).map(lambda b: b"/play\0\0\0," + b),
        st.binary(max_size=100).map(lambda b: b"#bundle\0" + bytes(8) + b),
    )
)
def test_decoding_any_bytes_gives_messages_or_value_error(packet: bytes) -> None:
    try:
        messages = decode(packet)
    except ValueError:
        return
    assert all(message.address.startswith("/") for message in messages)


def test_hostile_packets_are_refused_quietly(caplog: pytest.LogCaptureFixture) -> None:
    nested = encode("/play", [("i", 1)])
    for _ in range(50):
        nested = b"#bundle\0" + bytes(8) + len(nested).to_bytes(4, "big") + nested
    unknown_types = b"/play\0\0\0," + b"?" * 4000 + b"\0\0\0"
    hostile = (nested, unknown_types, encode_bundle([("/play", [("i", 1)])] * 300))
    with caplog.at_level(logging.DEBUG):
        for packet in hostile:
            with pytest.raises(ValueError, match="packet"):
                decode(packet)
    assert caplog.records == []


def _padded(data: bytes) -> bytes:
    return data + bytes(4 - len(data) % 4)


def _bundle(*elements: bytes) -> bytes:
    return b"#bundle\0" + bytes(8) + b"".join(len(e).to_bytes(4, "big") + e for e in elements)


ODD = {
    "impulse": _padded(b"/x") + _padded(b",I"),
    "character": _padded(b"/x") + _padded(b",c") + b"\0\0\0a",
    "symbol": _padded(b"/x") + _padded(b",S") + _padded(b"word"),
    "colour, MIDI, array": _padded(b"/x") + _padded(b",rm[ii]") + bytes(16),
    "unknown type": _padded(b"/x") + _padded(b",?"),
    "cut off": _padded(b"/x") + _padded(b",ff") + bytes(4),
    "no tags' comma": _padded(b"/x") + _padded(b"f") + bytes(4),
    "no address": bytes(8),
    "empty": b"",
    "bundle in it": _bundle(b"", encode("/play", [("f", 1.0)])),
    "bundle of bundles, too deep": _bundle(_bundle(_bundle(_bundle(_bundle(encode("/x")))))),
    "bundle with a wrong length": _bundle(b"")[:-1] + b"\6" + bytes(8),
    "bundle with a length below zero": _bundle(b"")[:-4] + b"\xff\xff\xff\xfc" + bytes(8),
    "bundle cut off": _bundle(encode("/x"))[:-4],
}


FINE = ("impulse", "character", "symbol", "colour, MIDI, array", "empty", "bundle in it")


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_odd_message_costs_itself_and_not_its_bundle(odd: str, place: int) -> None:
    source = OscSource("reaper")
    elements = [encode("/play", [("f", 1.0)]), encode("/tempo/raw", [("f", 126.0)])]
    elements.insert(place, ODD[odd])
    if odd in FINE:
        source.packet(_bundle(*elements), ("127.0.0.1", 1), 1.0)
    else:
        with pytest.raises(ValueError, match="packet"):
            source.packet(_bundle(*elements), ("127.0.0.1", 1), 1.0)
    assert (source.latest().playing, source.latest().tempo_bpm) == (True, 126)


def test_types_that_python_osc_does_not_know() -> None:
    assert [decode(ODD[odd])[0].arguments for odd in FINE[:3]] == [(True,), (ord("a"),), ("word",)]


@pytest.mark.parametrize("odd", [("T", True), ("F", False), ("b", b"126"), ("N", None)])
def test_what_is_no_number_is_no_tempo(odd: tuple[str, Any]) -> None:
    source = OscSource("reaper")
    source.packet(encode("/tempo/raw", [("f", 126.0)]), ("127.0.0.1", 1), 1.0)
    with pytest.raises(ValueError, match=r"must be a number|NoneType"):
        source.packet(encode("/tempo/raw", [odd]), ("127.0.0.1", 1), 2.0)
    assert source.latest().tempo_bpm == 126
    source.packet(encode("/play", [("T", True)]), ("127.0.0.1", 1), 3.0)
    assert source.latest().playing, "a switch may be true"


def test_what_follows_a_wrong_length_is_lost_and_what_came_before_is_not() -> None:
    source = OscSource("reaper")
    with pytest.raises(ValueError, match="element of 3 bytes"):
        source.packet(_bundle(encode("/tempo/raw", [("f", 126.0)])) + b"\0\0\0\3abc", ("127.0.0.1", 1), 1.0)
    assert source.latest().tempo_bpm == 126
