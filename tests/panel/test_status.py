"""What a host says is checked before any widget sees it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.host.control.wire import ANSWERS, decode_answer, encode
from musika_daw.panel.link.status import HostStatus, read_status, read_welcome
from tests.panel.conftest import status

_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)
_PLACES = [(part, key) for part, values in status().items() for key in (values if isinstance(values, dict) else [None])]


def test_a_status_of_the_protocol_is_read() -> None:
    offer = {"label": "Play", "message": {"kind": "act", "action": "play"}}
    kind, data = decode_answer(encode("status", **status(source={"offers": [offer]})))
    read = read_status(data)
    assert kind == "status"
    assert (read.source, read.bar, read.locked, read.error_ms) == ("internal", 3, True, 0.02)
    assert (read.offers[0].label, read.offers[0].kind, dict(read.offers[0].values)) == (
        "Play",
        "act",
        {"action": "play"},
    )


@given(st.sampled_from(_PLACES), _ANY)
@settings(max_examples=400)
def test_a_status_with_anything_in_it_is_read_or_refused(place: tuple[str, str | None], value: Any) -> None:
    part, key = place
    made = status()
    if key is None:
        made[part] = value
    else:
        made[part][key] = value
    with contextlib.suppress(ValueError):
        assert isinstance(read_status(made), HostStatus)


@given(st.dictionaries(st.sampled_from(["pid", "model", "sink", "keep_to", "effects"]), _ANY))
def test_a_welcome_with_anything_in_it_is_read_or_refused(data: dict[str, Any]) -> None:
    with contextlib.suppress(ValueError):
        assert read_welcome(data).pid >= 0 or read_welcome(data).pid < 0


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_a_value_error(line: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert decode_answer(line)[0] in ANSWERS


_REFUSED = [
    b"[" * 100_000,
    b'{"musika":2,"kind":"status"}',
    b'{"musika":1,"kind":"dance"}',
    b" " * (2 << 20),
    json.dumps({"musika": True, "kind": "status"}).encode(),
]


@pytest.mark.parametrize("line", _REFUSED)
def test_what_no_host_says_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"line|musika|kind"):
        decode_answer(line)
