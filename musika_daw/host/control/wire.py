"""The messages of the control socket, as docs/control-protocol.md describes them: a table of requests, and answers.

One JSON object a line, in the manner of `bridge.sockets.wire`. A client begins with `hello`; every request may carry
an `id`, which comes back in `done` or `error`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.sockets.wire import VERSION, check_id, read_object
from musika_daw.host.control.live import ACTIONS, PARAMETERS, WRITTEN
from musika_daw.host.control.part_mix import MUTE, SOLO
from musika_daw.score.parts import PARTS

PORT = 9141
STATUS_HZ_MAX = 60.0
TEXT_MAX = 2000
WHOLE_MAX = 2.0**64


@dataclass(frozen=True)
class Request:
    """What a client asks: a kind of `REQUESTS` with checked values for each of its keys."""

    kind: str
    id: int
    values: Mapping[str, Any]


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX or not value.isprintable():
        raise ValueError(f"{name}: {value!r:.40}, must be a text of 1..{TEXT_MAX} printable characters")
    return value


def _text_or_none(name: str, value: Any) -> str | None:
    return None if value is None else _text(name, value)


def _number(low: float, high: float) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        known = isinstance(value, int | float) and not isinstance(value, bool)
        if not known or not low <= value <= high:  # NaN is in no range
            raise ValueError(f"{name}: {value!r:.40}, must be a number in {low:g}..{high:g}")
        return float(value)

    return check


def _number_or_none(low: float, high: float) -> Callable[[str, Any], float | None]:
    check = _number(low, high)
    return lambda name, value: None if value is None else check(name, value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name}: {value!r:.40}, must be true or false")
    return value


def _one_of(*allowed: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in allowed or not isinstance(value, str):
            raise ValueError(f"{name}: {value!r:.40}, must be one of {', '.join(allowed)}")
        return value

    return check


def _learnt(name: str, value: Any) -> str | None:
    return None if value is None else _one_of(*PARAMETERS, *ACTIONS)(name, value)


def _values(name: str, value: Any) -> dict[str, float | None]:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{name}: {value!r:.40}, must be an object of controls and their values")
    for key, wanted in value.items():
        _one_of(*PARAMETERS)("control", key)
        if wanted is not None:
            _number(-WHOLE_MAX, WHOLE_MAX)(key, wanted)  # each control's own range is checked where it is set
    return value


def _texts(name: str, value: Any) -> dict[str, str | None]:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{name}: {value!r:.40}, must be an object of {', '.join(WRITTEN)} and their texts")
    for key, wanted in value.items():
        _one_of(*WRITTEN)("score", key)
        _text_or_none(key, wanted)  # what each may be is checked where it is asked
    return value


ANSWERS = ("welcome", "status", "done", "error", "devices", "kept", "problem", "pong")
ANSWER_BYTES_MAX = 1 << 20
_REQUIRED = object()
# kind: {key: (check, value where the key is left out)}
REQUESTS: Mapping[str, Mapping[str, tuple[Callable[[str, Any], Any], Any]]] = {
    "hello": {"client": (_text, "unnamed"), "status_hz": (_number(0, STATUS_HZ_MAX), 20.0)},
    "set": {"values": (_values, _REQUIRED)},
    "score": {"values": (_texts, _REQUIRED)},
    "part": {"name": (_one_of(*PARTS), _REQUIRED), "what": (_one_of(MUTE, SOLO), _REQUIRED), "on": (_flag, _REQUIRED)},
    "act": {"action": (_one_of(*ACTIONS), _REQUIRED)},
    "effects": {"on": (_flag, _REQUIRED)},
    "learn": {"name": (_learnt, _REQUIRED)},
    "forget": {"name": (_one_of(*PARAMETERS, *ACTIONS), _REQUIRED)},
    "midi": {"port": (_text_or_none, _REQUIRED)},
    "chords_in": {"port": (_text_or_none, _REQUIRED)},
    "source": {"name": (_text, _REQUIRED), "bpm": (_number_or_none(1, 1000), None)},
    "audition": {"file": (_text_or_none, _REQUIRED), "gain_db": (_number(-60, 12), 0.0)},
    "devices": {},
    "ping": {},
    "bye": {},
}


def decode_request(line: bytes) -> Request:
    """The request in a line. Raises ValueError saying what is wrong with it; unknown keys are ignored."""
    kind, data = read_object(line, REQUESTS)
    number = check_id(data.get("id", 0))
    values = {}
    for name, (check, otherwise) in REQUESTS[kind].items():
        if name in data:
            values[name] = check(name, data[name])
        elif otherwise is _REQUIRED:
            raise ValueError(f"{name}: missing, a {kind} must have it")
        else:
            values[name] = otherwise
    return Request(kind, number, values)


def request_id(line: bytes) -> int:
    """The `id` of a request that is wrong otherwise, so that its sender knows which; 0 where there is none."""
    try:
        return check_id(read_object(line, REQUESTS)[1].get("id", 0))
    except ValueError:
        return 0


def decode_answer(line: bytes) -> tuple[str, dict[str, Any]]:
    """Kind and keys of what a host says, for clients. Raises ValueError for what no host would."""
    return read_object(line, ANSWERS, ANSWER_BYTES_MAX)


def encode(kind: str, **values: Any) -> bytes:
    """A message as a line, newline included; numbers that JSON does not know become null."""
    data = {"musika": VERSION, "kind": kind, **_plain(values)}
    return json.dumps(data, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
