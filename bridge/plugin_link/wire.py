"""The binary protocol between the DAW plugin and its host, described in docs/bridge-protocol.md.

    | magic u32 | type u16 | flags u16 | length u32 | body of `length` bytes |      all little endian

The same structs are in `bridge/plugin/wire.hpp`. Each is a line of `STRUCTS`; only AUDIO has samples behind it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from bridge.plugin_link.codes import Flag, Format, Known, MessageType
from bridge.plugin_link.keys import KEYS_BYTES, Keys, Notes, pack_keys, pack_notes, unpack_keys

MAGIC = 0x314B534D
VERSION = 2
CHUNK_FRAMES = 1024
TOKEN_BYTES = 16
RATE_RANGE_HZ = (8000, 384_000)
FRAME_MAX = 1 << 53  # beyond it a position in seconds is not exact to the frame any more
BEAT_MAX = 1e9
SLOTS_RANGE = (16, 65_536)
HEADER = struct.Struct("<IHHI")
CONTROL_RANGES = {
    "density": (-1, 100),
    "energy": (-1, 100),
    "style": (-1, 127),
    "morph": (0, 100),
    "seed": (0, 999),
    "mute_drums": (0, 1),
    "mute_bass": (0, 1),
    "mute_lead": (0, 1),
    "mute_chords": (0, 1),
    "chords_at": (0, 1),
    "chords_held": (0, 1),
}
CONTROLS = len(CONTROL_RANGES)


@dataclass(frozen=True)
class Hello:
    """First message of a plugin; `generation` is the last one it saw."""

    version: int
    format: int
    token: bytes
    session: int
    sample_rate_hz: float
    slots: int
    generation: int


@dataclass(frozen=True)
class Welcome:
    """The host's answer, also of type HELLO; after any verdict but WELCOME it hangs up. `abilities` are `Ability`."""

    version: int
    verdict: int
    generation: int
    abilities: int = 0


@dataclass(frozen=True)
class PluginTransport:
    """Where the DAW is at the first frame of a block, and how the piece is to sound there.

    `place` grows whenever tempo line, controls or keys change. `controls` are those of `CONTROL_RANGES` as the
    parameters of the plugin have them: whole numbers, -1 for what is left to the model.
    """

    place: int
    frame: int
    wanted_frame: int
    beat: float
    bpm: float
    loop_start_beat: float
    loop_end_beat: float
    bar_start_beat: float
    known: Known
    flags: Flag
    jumps: int
    block_frames: int
    generation: int
    numerator: int
    denominator: int
    controls: tuple[int, ...]


@dataclass(frozen=True)
class Flush:
    """From now on only `generation` is sent; the places up to `place` are taken in.

    They hold for play that goes on from there up to `until_frame`, where the host expects another.
    """

    place: int
    until_frame: int
    generation: int


@dataclass(frozen=True)
class Stats:
    """Of a plugin: what it has played and its `PluginState`. Of the host: its `HostState`."""

    blocks: int = 0
    missing_frames: int = 0
    underruns: int = 0
    state: int = 0


@dataclass(frozen=True)
class Audio:
    """Frames chunk * CHUNK_FRAMES and on, float32 `[CHUNK_FRAMES, 2]`."""

    chunk: int
    generation: int
    samples: np.ndarray


STRUCTS = {
    Hello: struct.Struct(f"<II{TOKEN_BYTES}sQdII"),
    Welcome: struct.Struct("<IIII"),
    PluginTransport: struct.Struct(f"<QqqdddddIIIIIHH{CONTROLS}iI"),
    Audio: struct.Struct("<qII"),
    Flush: struct.Struct("<QqII"),
    Stats: struct.Struct("<QQQII"),
}
FromPlugin = Hello | PluginTransport | Stats | Keys
_FROM_PLUGIN: dict[int, type[FromPlugin]] = {
    MessageType.HELLO: Hello,
    MessageType.TRANSPORT: PluginTransport,
    MessageType.STATS: Stats,
    MessageType.KEYS: Keys,
}


def _message(kind: MessageType, body: bytes) -> bytes:
    return HEADER.pack(MAGIC, kind, 0, len(body)) + body


def encode(message: Hello | Welcome | PluginTransport | Flush | Stats | Audio | Keys | Notes) -> bytes:
    """The bytes of a message. Raises ValueError for audio of another shape, or too many keys."""
    if isinstance(message, Keys):
        return _message(MessageType.KEYS, pack_keys(message))
    if isinstance(message, Notes):
        return _message(MessageType.NOTES, pack_notes(message))
    packed = STRUCTS[type(message)]
    match message:
        case Audio():
            samples = np.ascontiguousarray(message.samples, "<f4")
            if samples.shape != (CHUNK_FRAMES, 2):
                raise ValueError(f"samples: shape {samples.shape}, must be ({CHUNK_FRAMES}, 2)")
            head = packed.pack(message.chunk, message.generation, CHUNK_FRAMES)
            return _message(MessageType.AUDIO, head + samples.tobytes())
        case PluginTransport():
            values = astuple(message)
            return _message(MessageType.TRANSPORT, packed.pack(*values[:-1], *values[-1], 0))
        case Hello():
            return _message(MessageType.HELLO, packed.pack(*astuple(message)))
        case Welcome():
            return _message(MessageType.HELLO, packed.pack(*astuple(message)))
        case Flush():
            return _message(MessageType.FLUSH, packed.pack(*astuple(message), 0))
        case Stats():
            return _message(MessageType.STATS, packed.pack(*astuple(message), 0))


class PluginReader:
    """Puts together messages of a plugin from bytes that arrive in pieces.

    `feed` raises ValueError, saying what is wrong, for anything that a plugin does not send; after that the
    stream is of no use, for there is no way to find the next message in it.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[FromPlugin]:
        """Take some bytes and yield the messages that they complete."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            magic, number, _, length = HEADER.unpack_from(self._buffer)
            if magic != MAGIC:
                raise ValueError(f"magic: {magic:#x}, must be {MAGIC:#x}")
            kind = _FROM_PLUGIN.get(number)
            if kind is None:
                raise ValueError(f"type: {number}, must be one of {', '.join(str(int(t)) for t in _FROM_PLUGIN)}")
            size = KEYS_BYTES if kind is Keys else STRUCTS[kind].size
            if length != size:
                raise ValueError(f"length: {length} of a {kind.__name__}, must be {size}")
            if len(self._buffer) < HEADER.size + length:
                return
            body = bytes(self._buffer[HEADER.size : HEADER.size + length])
            del self._buffer[: HEADER.size + length]
            if kind is Keys:
                yield unpack_keys(body, FRAME_MAX, BEAT_MAX)
            else:
                yield _DECODERS[kind](STRUCTS[kind].unpack(body))


def _hello(values: tuple[Any, ...]) -> Hello:
    hello = Hello(*values)
    if hello.version == VERSION:  # another version may mean other things by the rest
        low, high = RATE_RANGE_HZ
        if not (low <= hello.sample_rate_hz <= high and hello.sample_rate_hz == round(hello.sample_rate_hz)):
            raise ValueError(f"sample_rate_hz: {hello.sample_rate_hz:g}, must be a whole number in {low}..{high}")
        if hello.format not in list(Format):
            raise ValueError(f"format: {hello.format}, must be in 1..{len(Format)}")
        low, high = SLOTS_RANGE
        if not low <= hello.slots <= high:
            raise ValueError(f"slots: {hello.slots}, must be in {low}..{high}")
    return hello


def _transport(values: tuple[Any, ...]) -> PluginTransport:
    place, frame, wanted, beat, bpm, loop_start, loop_end, bar, known, flags, *rest = values
    jumps, block, generation, numerator, denominator, *controls, _ = rest
    news = PluginTransport(
        place,
        frame,
        wanted,
        beat,
        bpm,
        loop_start,
        loop_end,
        bar,
        Known(known & 63),
        Flag(flags & 31),
        jumps,
        block,
        generation,
        numerator,
        denominator,
        tuple(controls),
    )
    for name in ("frame", "wanted_frame"):
        if abs(getattr(news, name)) > FRAME_MAX:
            raise ValueError(f"{name}: {getattr(news, name)}, must be in {-FRAME_MAX}..{FRAME_MAX}")
    for name in ("beat", "loop_start_beat", "loop_end_beat", "bar_start_beat"):
        value = getattr(news, name)
        if not (math.isfinite(value) and abs(value) <= BEAT_MAX):
            raise ValueError(f"{name}: {value}, must be in {-BEAT_MAX:g}..{BEAT_MAX:g}")
    if Known.BPM in news.known and not 1 <= news.bpm <= 1000:
        raise ValueError(f"bpm: {news.bpm}, must be in 1..1000")
    for (name, (low, high)), value in zip(CONTROL_RANGES.items(), news.controls):
        if not low <= value <= high:
            raise ValueError(f"{name}: {value}, must be in {low}..{high}")
    return news


_DECODERS: dict[type, Callable[[tuple[Any, ...]], FromPlugin]] = {
    Hello: _hello,
    PluginTransport: _transport,
    Stats: lambda values: Stats(*values[:4]),
}


def chunk_range(first_frame: int, last_frame: int) -> range:
    """The chunks that frames first..last lie in; `last_frame` is one past the last."""
    return range(first_frame // CHUNK_FRAMES, -(-last_frame // CHUNK_FRAMES))
