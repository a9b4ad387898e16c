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
SIZES = {ord(tag): size for size, tags in ((4, "ifsbrmcS"), (8, "hdt"), (0, "TFNI[]")) for tag in tags}
# types that python-osc does not know, as ones that look the same: characters, symbols, impulses
AS_KNOWN = bytes.maketrans(b"cSI", b"isT")


@dataclass(frozen=True)
class Message:
    """An OSC address and its arguments."""

    address: str
    arguments: tuple[Any, ...] = ()


def decode(packet: bytes) -> list[Message]:
    """The messages of a packet, those of bundles in order. Raises ValueError for a packet of which any is broken."""
    messages, problem = decode_whole(packet)
    if problem is not None:
        raise ValueError(problem)
    return messages


def decode_whole(packet: bytes) -> tuple[list[Message], str | None]:
    """The messages of a packet that can be read, and what is wrong with the first of the others."""
    messages: list[Message] = []
    problem: str | None = None
    for data in _split(packet, DEPTH_MAX):
        if isinstance(data, str):
            problem = problem or data
        elif len(messages) == MESSAGES_MAX:
            return messages, problem or f"packet: more than {MESSAGES_MAX} messages"
        else:
            try:
                messages.append(_message(data))
            except ValueError as error:
                problem = problem or str(error)
    return messages, problem


def _message(data: bytes) -> Message:
    # python-osc writes a log line for every tag that it does not know: hostile packets are full of them
    tags, start, room = _tags(data)
    if not SIZES.keys() >= set(tags):
        raise ValueError(f"packet: unknown argument types {tags[:20]!r}")
    # it also takes what is missing for zero, and so a broken message for a stop
    if sum(SIZES[tag] for tag in tags) > room:
        raise ValueError(f"packet: arguments {tags[:20]!r} in {room} bytes")
    known = tags.translate(AS_KNOWN)
    if known != tags:
        data = data[:start] + known + data[start + len(tags) :]
    try:
        message = OscMessage(data)
    except (ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"packet: {error}") from error
    return Message(message.address, tuple(message.params))


def _split(packet: bytes, depth: int) -> Iterator[bytes | str]:
    """The messages of a packet as they lie in it; as a text, what is wrong with a bundle, which costs no other."""
    if not packet.startswith(b"#bundle\0"):
        yield packet if packet.startswith(b"/") else "packet: neither a message nor a bundle"
        return
    if depth == 0:
        yield f"packet: bundles nested more than {DEPTH_MAX} deep"
        return
    at = 16
    while at < len(packet):
        size = int.from_bytes(packet[at : at + 4], "big")
        at += 4
        if size % 4 or at + size > len(packet):
            yield f"packet: element of {size} bytes at {at} in a bundle of {len(packet)}"
            return
        element = packet[at : at + size]
        at += size
        if element.startswith((b"/", b"#bundle\0")):
            yield from _split(element, depth - 1)
        elif element:  # an empty one says nothing
            yield "packet: an element that is neither a message nor a bundle"


def _tags(message: bytes) -> tuple[bytes, int, int]:
    """The type tags of a message, without the comma, where they begin, and how many bytes the arguments have."""
    end = message.find(b"\0")
    if end < 0:
        raise ValueError("packet: address without end")
    start = (end // 4 + 1) * 4
    if start >= len(message):
        return b"", start, 0
    if message[start : start + 1] != b",":
        raise ValueError("packet: type tags without comma")
    stop = message.find(b"\0", start)
    if stop < 0:
        raise ValueError("packet: type tags without end")
    return message[start + 1 : stop], start + 1, len(message) - (stop // 4 + 1) * 4


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
