"""OSC packets to messages and back, over python-osc, strict enough for packets from anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage, ParseError
from pythonosc.osc_message_builder import OscMessageBuilder

MESSAGES_MAX = 256
DEPTH_MAX = 4
# bytes that an argument of each type takes at least
SIZES = {ord(tag): size for size, tags in ((4, "ifsbrm"), (8, "hdt"), (0, "TFN[]")) for tag in tags}


@dataclass(frozen=True)
class Message:
    """An OSC address and its arguments."""

    address: str
    arguments: tuple[Any, ...] = ()


def decode(packet: bytes) -> list[Message]:
    """The messages of a packet, those of bundles in order. Raises ValueError for a broken packet."""
    messages: list[Message] = []
    for data in _split(packet, DEPTH_MAX):
        if len(messages) == MESSAGES_MAX:
            raise ValueError(f"packet: more than {MESSAGES_MAX} messages")
        # python-osc writes a log line for every tag that it does not know: hostile packets are full of them
        tags, room = _tags(data)
        if not SIZES.keys() >= set(tags):
            raise ValueError(f"packet: unknown argument types {tags[:20]!r}")
        # it also takes what is missing for zero, and so a broken message for a stop
        if sum(SIZES[tag] for tag in tags) > room:
            raise ValueError(f"packet: arguments {tags[:20]!r} in {room} bytes")
        try:
            message = OscMessage(data)
        except (ParseError, UnicodeDecodeError) as error:
            raise ValueError(f"packet: {error}") from error
        messages.append(Message(message.address, tuple(message.params)))
    return messages


def _split(packet: bytes, depth: int) -> Iterator[bytes]:
    if not packet.startswith(b"#bundle\0"):
        if not packet.startswith(b"/"):
            raise ValueError("packet: neither a message nor a bundle")
        yield packet
        return
    if depth == 0:
        raise ValueError(f"packet: bundles nested more than {DEPTH_MAX} deep")
    at = 16
    while at < len(packet):
        size = int.from_bytes(packet[at : at + 4], "big")
        at += 4
        if size == 0 or size % 4 or at + size > len(packet):
            raise ValueError(f"packet: element of {size} bytes at {at} in a bundle of {len(packet)}")
        yield from _split(packet[at : at + size], depth - 1)
        at += size


def _tags(message: bytes) -> tuple[bytes, int]:
    """The type tags of a message, without the comma, and how many bytes the arguments have."""
    end = message.find(b"\0")
    if end < 0:
        raise ValueError("packet: address without end")
    start = (end // 4 + 1) * 4
    if start >= len(message):
        return b"", 0
    if message[start : start + 1] != b",":
        raise ValueError("packet: type tags without comma")
    stop = message.find(b"\0", start)
    if stop < 0:
        raise ValueError("packet: type tags without end")
    return message[start + 1 : stop], len(message) - (stop // 4 + 1) * 4


def encode(address: str, arguments: Iterable[tuple[str, Any]] = ()) -> bytes:
    """One message; every argument with its type: i f s h (int64) d (double) T F."""
    return _build(address, arguments).dgram


def encode_bundle(messages: Iterable[tuple[str, list[tuple[str, Any]]]]) -> bytes:
    """Several messages in one packet, so that they are understood as one piece of news."""
    builder = OscBundleBuilder(IMMEDIATELY)
    for address, arguments in messages:
        builder.add_content(_build(address, arguments))
    return bytes(builder.build().dgram)


def _build(address: str, arguments: Iterable[tuple[str, Any]]) -> OscMessage:
    builder = OscMessageBuilder(address)
    for kind, value in arguments:
        builder.add_arg(value, kind)
    return builder.build()
