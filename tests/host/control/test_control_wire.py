"""Requests as lines of JSON: each one is a request or a ValueError."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.host.control.live import LiveControls
from musika_daw.host.control.wire import REQUESTS, decode_request, encode, request_id

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(REQUESTS)), st.data())
@settings(max_examples=300)
def test_any_object_is_a_request_or_a_value_error(kind: str, data: st.DataObject) -> None:
    body = {name: data.draw(_JSON) for name in REQUESTS[kind]} | {"musika": 1, "kind": kind, "id": data.draw(_JSON)}
    line = json.dumps(body).encode()
    assert request_id(line) >= 0
    try:
        found = decode_request(line)
    except ValueError:
        return
    assert set(found.values) == set(REQUESTS[kind])
    if kind == "set":
        with contextlib.suppress(ValueError):  # each control has a range of its own
            LiveControls().set_all(found.values["values"])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_value_error(line: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode_request(line)


def test_numbers_that_json_does_not_know_become_null() -> None:
    assert json.loads(encode("status", a=float("nan"), b=[1.5, float("inf")], c={"d": (1,)})) == {
        "musika": 1,
        "kind": "status",
        "a": None,
        "b": [1.5, None],
        "c": {"d": [1]},
    }
