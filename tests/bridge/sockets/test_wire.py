from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import Transport, Valid, WireMessage
from bridge.clock.transport import BITS
from bridge.sockets.wire import LINE_BYTES_MAX, decode, encode

transports = st.fixed_dictionaries(
    {},
    optional={
        "playing": st.booleans(),
        "recording": st.booleans(),
        "loop_on": st.booleans(),
        "loop_start_beats": st.floats(-1e6, 1e6),
        "loop_end_beats": st.floats(-1e6, 1e6),
        "tempo_bpm": st.floats(1, 1000),
        "tempo_increment_bpm_per_s": st.floats(-100, 100),
        "position_beats": st.floats(-1e9, 1e9),
        "position_s": st.floats(-1e9, 1e9),
        "position_frames": st.integers(-(2**63) + 1, 2**63 - 1),
        "bar_start_beats": st.floats(-1e6, 1e6),
        "signature_numerator": st.integers(1, 99),
        "signature_denominator": st.sampled_from([1, 2, 4, 8, 16]),
        "phase_beats": st.floats(0, 16),
        "quantum_beats": st.floats(1, 16),
        "sample_rate_hz": st.floats(8000, 192000),
    },
).map(lambda fields: Transport.of(**fields))
forgotten = st.sets(st.sampled_from(sorted(set(BITS) - {"host_time_s"})))


@given(transports, forgotten, st.floats(0, 10))
def test_what_is_written_is_read(news: Transport, names: set[str], age_s: float) -> None:
    bits = Valid(0)
    for name in names:
        bits |= BITS[name]
    bits &= ~news.valid
    message = WireMessage("transport", news, bits, age_s)
    line = encode(message)
    assert decode(line) == message
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) <= LINE_BYTES_MAX


def test_a_line_looks_as_documented() -> None:
    news = Transport.of(playing=True, tempo_bpm=120, host_time_s=99)
    message = WireMessage("transport", news, Valid.LOOP_ON)
    assert encode(message) == (b'{"musika":1,"kind":"transport","playing":true,"tempo_bpm":120.0,"loop_on":null}\n')
    assert encode(WireMessage("ping", id=7)) == b'{"musika":1,"kind":"ping","id":7}\n'


def test_keys_of_later_versions_are_ignored() -> None:
    line = b'{"musika":1,"kind":"transport","mood":{"deep":[1]},"tempo_bpm":90}'
    assert decode(line).news.known() == {"tempo_bpm": 90}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"musika": 2}, "musika: 2"),
        ({"musika": True}, "musika: True"),
        ({"kind": "dance"}, "kind: 'dance'"),
        ({"kind": ["ping"]}, "kind"),
        ({"tempo_bpm": 0}, "tempo_bpm: 0"),
        ({"tempo_bpm": "120"}, "tempo_bpm"),
        ({"playing": 1}, "playing: 1"),
        ({"position_frames": 1.5}, "position_frames"),
        ({"position_frames": 10**30}, "position_frames"),
        ({"age_s": -1}, "age_s: -1"),
        ({"age_s": True}, "age_s"),
        ({"kind": "ping", "id": -1}, "id: -1"),
        ({"kind": "ping", "id": 1.0}, "id: 1.0"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        decode(json.dumps({"musika": 1, "kind": "transport", **change}).encode())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"[" * 4000,
        b'{"a":' * 600,
        b"9" * 4096,
        b'{"musika":1,"kind":"transport","tempo_bpm":NaN}',
        b'{"musika":1,"kind":"transport","tempo_bpm":1e999}',
        b'{"musika":1,"kind":"transport","position_s":-Infinity}',
        b" " * 5000,
    ],
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"line|tempo_bpm"):
        decode(line)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.dictionaries(st.sampled_from([*BITS, "age_s", "id", "x"]), json_values, max_size=6).map(
            lambda d: json.dumps({"musika": 1, "kind": "transport", **d}).encode()
        ),
    )
)
def test_any_line_is_a_message_or_a_value_error(line: bytes) -> None:
    try:
        message = decode(line)
    except ValueError:
        return
    assert message.kind in ("transport", "ping", "pong", "bye")


def test_an_unknown_kind_is_not_written() -> None:
    with pytest.raises(ValueError, match="kind: 'hello'"):
        encode(WireMessage("hello"))
