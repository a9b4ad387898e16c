"""The binary protocol: the same structs on both sides, and nothing hostile gets through."""

from __future__ import annotations

import itertools
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.plugin_link import wire
from bridge.plugin_link.codes import Ability, Flag, Known, Verdict
from bridge.plugin_link.keys import (
    KEY_EVENT_BYTES,
    KEYS_BYTES,
    KEYS_LOST,
    KEYS_MAX,
    NOTES_BYTES,
    NOTES_MAX,
    KeyEvent,
    Keys,
    Notes,
    pack_keys,
)
from bridge.plugin_link.wire import (
    HEADER,
    MAGIC,
    STRUCTS,
    Audio,
    Flush,
    Hello,
    PluginReader,
    PluginTransport,
    Stats,
    Welcome,
    encode,
)

HEADERS = Path(__file__).parents[3] / "bridge" / "plugin"
HELLO = Hello(2, 1, bytes(range(16)), 0xABCD, 48_000.0, 512, 7)
TRANSPORT = PluginTransport(
    3,
    -96_000,
    0,
    -4.0,
    128.5,
    0.0,
    8.0,
    -4.0,
    Known(63),
    Flag.PLAYING | Flag.LOOP_ON,
    2,
    512,
    9,
    7,
    8,
    (-1, 100, 127, 50, 999, 0, 1, 0, 1, 1, 0),
)
STATS = Stats(1, 2, 3, 4)
KEYS = Keys((KeyEvent(96_000, 4.0, 4.0, 3, 7, 8, (0x90, 60, 64)), KeyEvent(-5, -0.25, -4.0, 3, 4, 4, KEYS_LOST)))


def test_messages_come_back_as_they_were_sent_however_they_are_cut() -> None:
    data = encode(HELLO) + encode(KEYS) + encode(TRANSPORT) + encode(STATS)
    for size in (1, 7, 60, len(data)):
        reader = PluginReader()
        found = [m for at in range(0, len(data), size) for m in reader.feed(data[at : at + size])]
        assert found == [HELLO, KEYS, TRANSPORT, STATS]


def test_audio_is_interleaved_pairs_behind_its_struct() -> None:
    samples = np.arange(2048, dtype=np.float32).reshape(1024, 2)
    data = encode(Audio(-3, 5, samples))
    assert data[:12].hex() == "4d534b3103000000" + "10200000"
    assert struct.unpack_from("<qII", data, 12) == (-3, 5, 1024)
    assert np.array_equal(np.frombuffer(data[28:], "<f4"), np.arange(2048))
    with pytest.raises(ValueError, match="samples: shape"):
        encode(Audio(0, 1, samples.T))


@pytest.mark.parametrize(("message", "size"), [(Welcome(1, 0, 3), 16), (Flush(8, 4096, 2), 24), (STATS, 32)])
def test_what_the_host_sends_has_a_fixed_size(message: Any, size: int) -> None:
    assert len(encode(message)) == 12 + size


def test_both_sides_have_the_same_numbers() -> None:
    text = (HEADERS / "wire.hpp").read_text()
    sizes = dict(re.findall(r"sizeof\((\w+)\) == (\d+)", text))
    names = {
        "Hello": Hello,
        "Welcome": Welcome,
        "Transport": PluginTransport,
        "Audio": Audio,
        "Flush": Flush,
        "Stats": Stats,
    }
    assert {name: int(sizes[name]) for name in names} == {n: STRUCTS[kind].size for n, kind in names.items()}
    assert int(sizes["Header"]) == HEADER.size
    assert (int(sizes["Keys"]), int(sizes["KeyEvent"])) == (KEYS_BYTES, KEY_EVENT_BYTES)
    assert int(sizes["Notes"]) == NOTES_BYTES == len(encode(Notes(3, 1, ((0, bytes(3)),) * 99))) - HEADER.size
    assert int(re.search(r"kNotesMax = (\d+)", text)[1]) == NOTES_MAX
    assert int(re.search(r"kKeysMax = (\d+)", text)[1]) == KEYS_MAX
    assert int(re.search(r"kKeysLost = (\w+)", text)[1], 16) == KEYS_LOST[0]
    abilities = re.search(r"enum Ability.*?\{(.*?)\}", text, re.S)[1]
    assert [1 << int(bit) for bit in re.findall(r"1 << (\d)", abilities)] == [a.value for a in Ability]
    assert int(re.search(r"kMagic = (0x\w+)", text)[1], 16) == MAGIC
    assert int(re.search(r"kChunkFrames = (\d+)", text)[1]) == wire.CHUNK_FRAMES
    assert int(re.search(r"kWireVersion = (\d+)", text)[1]) == wire.VERSION
    table = dict(re.findall(r"kValid(\w+) = 1 << (\d)", text))
    assert {name.replace("_", "").lower(): bit.value for name, bit in Known.__members__.items()} == {
        name.lower(): 1 << int(bit) for name, bit in table.items()
    }
    flags = dict(re.findall(r"kFlag(\w+) = 1 << (\d)", text))
    assert {name.replace("_", "").lower(): bit.value for name, bit in Flag.__members__.items()} == {
        name.lower(): 1 << int(bit) for name, bit in flags.items()
    }
    verdicts = re.search(r"enum class Verdict.*?\{(.*?)\}", text)[1]
    assert dict(re.findall(r"(\w+) = (\d)", verdicts)) == {v.name.lower(): str(v.value) for v in Verdict}


def test_both_sides_have_the_same_parameters_as_the_lv2_ports() -> None:
    table = (HEADERS / "parameters.hpp").read_text()
    rows = re.findall(r'\{"(\w+)", "[\w ]+", "[%\w]*", (-?\d+), (-?\d+), (-?\d+)', table)
    ranges = {name: (int(low), int(high)) for name, low, high, _ in rows}
    assert {name: ranges[name] for name in wire.CONTROL_RANGES} == wire.CONTROL_RANGES
    ttl = (HEADERS / "bundle" / "musika-daw.ttl").read_text()
    ports = re.findall(
        r'lv2:index (\d+) ; lv2:symbol "(\w+)" ; [^;]*;\s*'
        r"lv2:default (-?\d+) ; lv2:minimum (-?\d+) ; lv2:maximum (-?\d+)",
        ttl,
    )
    assert [(int(i), name) for i, name, *_ in ports] == [
        (3, "free_wheeling"),
        *enumerate([*(row[0] for row in rows[:7]), "state", *(row[0] for row in rows[7:])], 4),
    ]
    for _, name, start, low, high in ports[1:]:
        assert name == "state" or next(row[1:] for row in rows if row[0] == name) == (low, high, start)


BAD = {
    "magic": HEADER.pack(0, 1, 0, 48),
    "type": HEADER.pack(MAGIC, 3, 0, 0),
    "length": HEADER.pack(MAGIC, 2, 0, 0xFFFFFFFF),
    "sample_rate_hz": encode(Hello(2, 1, b"", 1, float("nan"), 512, 0)),
    "slots": encode(Hello(2, 1, b"", 1, 48_000.0, 0, 0)),
    "count": HEADER.pack(MAGIC, 6, 0, KEYS_BYTES) + struct.pack("<I", KEYS_MAX + 1) + bytes(KEYS_BYTES - 4),
    "midi": encode(Keys((KeyEvent(0, 0.0, 0.0, 0, 4, 4, (0x90, 128, 64)),))),
    "beat": encode(Keys((KeyEvent(0, float("inf"), 0.0, 0, 4, 4, (0x90, 60, 64)),))),
    "frame": encode(Keys((KeyEvent(1 << 60, 0.0, 0.0, 0, 4, 4, (0x90, 60, 64)),))),
    "signature": encode(Keys((KeyEvent(0, 0.0, 0.0, 0, 4, 0, (0x90, 60, 64)),))),
    "format": encode(Hello(2, 9, b"", 1, 48_000.0, 512, 0)),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: "):
        list(PluginReader().feed(BAD[name]))


@given(st.floats(), st.floats(), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1))
def test_a_transport_is_within_range_or_refused(beat: float, bpm: float, frame: int, seed: int) -> None:
    values = [1, frame, 0, beat, bpm, 0.0, 0.0, 0.0, 63, 31, 0, 512, 1, 4, 4, -1, -1, -1, 0, seed, 0, 0, 0, 0, 0, 0, 0]
    body = STRUCTS[PluginTransport].pack(*values)
    try:
        (news,) = PluginReader().feed(HEADER.pack(MAGIC, 2, 0, len(body)) + body)
    except ValueError:
        return
    assert isinstance(news, PluginTransport)
    assert abs(news.beat) <= 1e9
    assert 1 <= news.bpm <= 1000
    assert abs(news.frame) <= 1 << 53
    assert 0 <= news.controls[4] <= 999


@given(
    st.integers(0, 40),
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.floats(),
            st.floats(),
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**16 - 1),
            st.integers(0, 2**16 - 1),
            st.binary(min_size=3, max_size=3),
        ),
        max_size=KEYS_MAX,
    ),
)
def test_keys_are_within_range_or_refused(count: int, events: list[tuple[Any, ...]]) -> None:
    body = struct.pack("<II", count, 0) + b"".join(struct.pack("<qddIHH3s5x", *event) for event in events)
    body = body.ljust(KEYS_BYTES, b"\0")
    try:
        (keys,) = PluginReader().feed(HEADER.pack(MAGIC, 6, 0, len(body)) + body)
    except ValueError:
        return
    assert isinstance(keys, Keys)
    assert 1 <= len(keys.events) <= KEYS_MAX
    for event in keys.events:
        assert abs(event.frame) <= 1 << 53
        assert abs(event.beat) <= 1e9
        assert 1 / 16 <= event.bar_beats <= 400
    assert pack_keys(keys)[:8] == body[:8]


def problem(*parts: bytes) -> str:
    """What a reader says is wrong; nothing but ValueError may come out of it."""
    reader = PluginReader()
    try:
        for part in parts:
            list(reader.feed(part))
    except ValueError as error:
        return str(error)
    return ""


@given(st.binary(max_size=400), st.lists(st.integers(0, 400)))
def test_any_bytes_are_read_or_refused(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 400]
    assert problem(*(data[low:high] for low, high in itertools.pairwise(edges)))[:1].islower() or len(data) < 12


@given(st.integers(0, 1000), st.integers(0, 255))
def test_one_wrong_byte_is_read_or_refused(at: int, value: int) -> None:
    data = bytearray(encode(HELLO) + encode(KEYS) + encode(TRANSPORT) + encode(STATS))
    data[at % len(data)] = value
    text = problem(bytes(data))
    assert text == "" or text[0].islower()
