"""The JSON-lines protocol: one JSON object a line or datagram, described in docs/bridge-protocol.md."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.clock.transport import BITS, NOTHING, Transport, Valid, check_field

VERSION = 1
LINE_BYTES_MAX = 4096
KINDS = ("transport", "ping", "pong", "bye")
AGE_MAX_S = 10.0
PORT = 9139


@dataclass(frozen=True)
class WireMessage:
    """One message: of a "transport", the fields given and the bits of those now unknown.

    `age_s` is how long before sending the news was true; `id` comes back in the pong to a ping.
    """

    kind: str
    news: Transport = field(default_factory=Transport)
    forgotten: Valid = NOTHING
    age_s: float = 0.0
    id: int = 0


def encode(message: WireMessage) -> bytes:
    """The message as a line, newline included. Raises ValueError for an unknown kind."""
    if message.kind not in KINDS:
        raise ValueError(f"kind: {message.kind!r:.40}, must be one of {', '.join(KINDS)}")
    data: dict[str, Any] = {"musika": VERSION, "kind": message.kind}
    if message.kind == "transport":
        known = message.news.known()
        known.pop("host_time_s", None)
        data.update(known)
        data.update({name: None for name, bit in BITS.items() if bit & message.forgotten})
        if message.age_s:
            data["age_s"] = message.age_s
    elif message.kind in ("ping", "pong"):
        data["id"] = message.id
    return json.dumps(data, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> WireMessage:
    """The message in a line, with or without its newline. Raises ValueError saying what is wrong with it.

    Keys that this version does not know are ignored; known ones must be right.
    """
    kind, data = read_object(line, KINDS)
    if kind == "transport":
        return _transport(data)
    return WireMessage(kind, id=check_id(data.get("id", 0)))


def read_object(line: bytes, kinds: Collection[str], bytes_max: int = LINE_BYTES_MAX) -> tuple[str, dict[str, Any]]:
    """Kind and keys of a line of this protocol or one like it. Raises ValueError saying what is wrong with it."""
    if len(line) > bytes_max:
        raise ValueError(f"line: {len(line)} bytes, must be at most {bytes_max}")
    try:
        data = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("line: nested too deeply") from None
    except ValueError as error:  # not UTF-8, not JSON, or a number of thousands of digits
        raise ValueError(f"line: {error}") from None
    if not isinstance(data, dict):
        raise ValueError("line: must be a JSON object")
    version, kind = data.get("musika"), data.get("kind")
    if isinstance(version, bool) or version != VERSION:
        raise ValueError(f"musika: {version!r:.40}, must be {VERSION}, the version of the protocol")
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"kind: {kind!r:.40}, must be one of {', '.join(kinds)}")
    return kind, data


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def check_id(value: Any) -> int:
    """A number that comes back with the answer. Raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError(f"id: {value!r:.40}, must be a whole number in 0..{2**53 - 1}")
    return value


def _transport(data: Mapping[str, Any]) -> WireMessage:
    fields, forgotten = {}, NOTHING
    for name, bit in BITS.items():
        if name not in data or name == "host_time_s":
            continue
        if data[name] is None:
            forgotten |= bit
        else:
            fields[name] = _strict(name, data[name])
    age_s = data.get("age_s", 0.0)
    if isinstance(age_s, bool) or not isinstance(age_s, (int, float)) or not 0 <= age_s <= AGE_MAX_S:
        raise ValueError(f"age_s: {age_s!r:.40}, must be a number in 0..{AGE_MAX_S:g}")
    return WireMessage("transport", Transport.of(**fields), forgotten, float(age_s))


def _strict(name: str, value: Any) -> Any:
    """JSON has true and false: 0 and 1 are not accepted for them."""
    if isinstance(check_field(name, value), bool) and not isinstance(value, bool):
        raise ValueError(f"{name}: {value!r:.40}, must be true or false")
    return value
