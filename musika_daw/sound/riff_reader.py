"""Reads WAV files, ours and others', from the layouts of `riff`. Files come from users: nothing in one is trusted.

The sound is what counts: where a size is wrong or a file was cut, the sound that is there is read, and a chunk of
metadata that cannot be parsed costs itself only. `Header.problems` says what was wrong. A file without a sound that can
be found raises ValueError with one line that says why.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from musika_daw.sound.riff import ENCODINGS, EXTENSIBLE, FLOAT, LAYOUTS, PCM, decode_pcm
from musika_daw.sound.tag_reader import tags_of_id3
from musika_daw.sound.tags import METADATA_LIMIT_BYTES, Acid, Cue, Header, Sampler, Tags

_UNKNOWN = 0xFFFFFFFF  # what programs write as a size that they cannot know yet
_HEADS = (b"RIFF", b"RF64", b"BW64")
_KNOWN = frozenset(
    (
        b"fmt ",
        b"fact",
        b"LIST",
        b"acid",
        b"smpl",
        b"cue ",
        b"data",
        b"bext",
        b"inst",
        b"id3 ",
        b"ID3 ",
        b"PEAK",
        b"JUNK",
        b"iXML",
        b"plst",
        b"PAD ",
        b"FLLR",
        b"ds64",
    )
)
T = TypeVar("T")


class _Walk:
    """The top-level chunks of a file, as far as they can be followed, and what was wrong on the way."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.length = stream.seek(0, 2)
        stream.seek(0)
        head = stream.read(12)
        if len(head) < 12 or head[:4] not in _HEADS or head[8:] != b"WAVE":
            raise ValueError("not a RIFF/WAVE file")
        self.problems: list[str] = []
        size = struct.unpack("<I", head[4:8])[0]
        self._open = size in (0, _UNKNOWN)  # never closed, or written into a pipe
        self._end = self.length if self._open else min(self.length, 8 + size)
        self._data_bytes: int | None = None  # of an RF64 file

    def chunks(self) -> Iterator[tuple[str, int, int]]:
        """(id, offset of the payload, size) of each; sizes never reach beyond the file."""
        offset, sound = 12, False
        while offset + 8 <= (self._end if sound else self.length):  # some tell a size that ends before the sound
            chunk_id, size = self._head_at(offset)
            start = offset + 8
            if not _printable(chunk_id):
                self.problems.append(f"no chunk at byte {offset}, what follows is not read")
                return
            if chunk_id == b"data":
                sound = True
                size = self._sound_bytes(start, size)
            elif start + size > self.length:
                self.problems.append(f"chunk {_decode(chunk_id)!r} at byte {offset}: cut short")
                if chunk_id != b"LIST":  # its first items are whole
                    return
                size = self.length - start
            if chunk_id == b"ds64" and size >= 16:
                self._stream.seek(start + 8)
                self._data_bytes = struct.unpack("<Q", self._stream.read(8))[0]
            yield chunk_id.decode("latin-1"), start, size
            offset = start + size
            if size % 2:
                offset += self._pad(offset)

    def _head_at(self, offset: int) -> tuple[bytes, int]:
        self._stream.seek(offset)
        raw = self._stream.read(8)
        return raw[:4], struct.unpack("<I", raw[4:].ljust(4, b"\0"))[0]

    def _sound_bytes(self, start: int, size: int) -> int:
        """How much sound there is, where a file says less or more than it has."""
        rest = self.length - start
        if size == _UNKNOWN:
            size = rest if self._data_bytes is None else self._data_bytes
        if not size and rest and (self._open or self._end <= start):
            self.problems.append("never closed: the sound goes on to the end of the file")
            return rest
        if size > rest:
            if self._data_bytes is not None or size < _UNKNOWN - 0xFFFF:  # else it stands for unknown
                self.problems.append(f"the sound is cut short: {size} bytes are told, {rest} are there")
            return rest
        return size

    def _pad(self, offset: int) -> int:
        """1 where a pad byte follows a payload of odd size, as it should, 0 where a program forgot it."""
        self._stream.seek(offset)
        return _pad_in(self._stream.read(5))


def _pad_in(following: bytes) -> int:
    padded, bare = following[1:5], following[:4]
    if not following[:1].strip(b"\0") or padded in _KNOWN:
        return 1
    return 0 if bare in _KNOWN or (_printable(bare) and len(bare) == 4) else 1


def _printable(chunk_id: bytes) -> bool:
    return all(32 <= byte < 127 for byte in chunk_id)


def _chunks_of_bytes(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """The items of a list, as many as are whole."""
    offset = 0
    while offset + 8 <= len(payload):
        chunk_id, size = struct.unpack_from("<4sI", payload, offset)
        if offset + 8 + size > len(payload):
            return
        yield chunk_id.decode("latin-1"), payload[offset + 8 : offset + 8 + size]
        offset += 8 + size
        if size % 2:
            offset += _pad_in(payload[offset : offset + 5])


def _decode(raw: bytes) -> str:
    raw = raw.split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _read_format(payload: bytes) -> dict[str, Any]:
    values = LAYOUTS["fmt "].unpack(payload)
    if values["tag"] == EXTENSIBLE:
        if len(payload) < 40:
            raise ValueError("fmt chunk: extensible, but shorter than 40 bytes")
        values["tag"] = struct.unpack_from("<H", payload, 24)[0]
    known = {pair: name for name, pair in ENCODINGS.items()} | {(PCM, 8): "pcm8", (PCM, 32): "pcm32"}
    known[(FLOAT, 64)] = "float64"
    bits = -(-values["bits"] // 8) * 8  # 12 or 20 bits lie at the top of whole bytes
    encoding = known.get((values["tag"], bits))
    if encoding is None:
        raise ValueError(f"fmt chunk: format {values['tag']} with {values['bits']} bits is not supported")
    if not values["channels"] or not values["sample_rate_hz"]:
        raise ValueError("fmt chunk: no channels or no sample rate")
    # of uncompressed sound the block follows from the rest, whatever is told
    return values | {"encoding": encoding, "bits": bits, "block_align": values["channels"] * bits // 8}


def _read_acid(payload: bytes) -> Acid:
    values = LAYOUTS["acid"].unpack(payload)
    return Acid(**{name: values[name] for name in Acid.__dataclass_fields__})


def _read_smpl(payload: bytes) -> Sampler:
    head = LAYOUTS["smpl"].unpack(payload)
    item = LAYOUTS["smpl loop"]
    if head["loops"] * item.size > len(payload) - LAYOUTS["smpl"].size:
        raise ValueError(f"smpl chunk: says {head['loops']} loops, too many for its size")
    loops = (item.unpack(payload, LAYOUTS["smpl"].size + index * item.size) for index in range(head["loops"]))
    return Sampler(
        tuple((loop["start_frame"], loop["end_frame"]) for loop in loops),
        head["unity_note"],
        head["period_ns"],
        head["fraction"],
    )


def _read_cues(payload: bytes) -> list[tuple[int, int]]:
    count = LAYOUTS["cue "].unpack(payload)["points"]
    item = LAYOUTS["cue point"]
    if count * item.size > len(payload) - 4:
        raise ValueError(f"cue chunk: says {count} points, too many for its size")
    points = (item.unpack(payload, 4 + index * item.size) for index in range(count))
    return [(point["id"], point["frame"]) for point in points]


def _read_labels(payload: bytes) -> dict[int, str]:
    return {
        LAYOUTS["labl"].unpack(item)["id"]: _decode(item[4:])
        for name, item in _chunks_of_bytes(payload[4:])
        if name == "labl" and len(item) >= 4
    }


def _parsed(name: str, read: Callable[[bytes], T], payload: bytes | None, problems: list[str]) -> T | None:
    """What a chunk says; None where there is none or it cannot be parsed, which is told."""
    if payload is None:
        return None
    try:
        return read(payload)
    except ValueError as error:
        problems.append(f"{name.strip()} chunk is not read: {error}")
        return None


def read_header_from(stream: BinaryIO) -> Header:
    """Read format and tags from a seekable binary stream; raises ValueError for anything without a sound."""
    data: tuple[int, int] | None = None
    chunks: list[str] = []
    found: dict[str, bytes] = {}
    walk = _Walk(stream)
    for chunk_id, offset, size in walk.chunks():
        name = chunk_id
        if chunk_id == "data":
            data = data or (offset, size)
        elif chunk_id in ("fmt ", "LIST", "acid", "smpl", "cue ", "id3 ", "ID3 "):
            stream.seek(offset)
            payload = stream.read(min(size, METADATA_LIMIT_BYTES))
            if chunk_id == "ID3 ":
                found.setdefault("id3 ", payload)
            if chunk_id == "LIST":
                name = f"LIST/{payload[:4].decode('latin-1')}"
            if size > METADATA_LIMIT_BYTES:
                walk.problems.append(f"chunk {chunk_id!r}: {size} bytes, read are {METADATA_LIMIT_BYTES}")
            found.setdefault(name, payload)
        chunks.append(name)
    if "fmt " not in found or data is None:
        why = f", {walk.problems[-1]}" if walk.problems else ""
        raise ValueError(f"no {'data' if 'fmt ' in found else 'fmt'} chunk{why}")
    form = _read_format(found["fmt "])
    labels = _read_labels(found.get("LIST/adtl", b""))
    cues = _parsed("cue ", _read_cues, found.get("cue "), walk.problems) or []
    tag = tags_of_id3(found.get("id3 ", b""))
    acid = _parsed("acid", _read_acid, found.get("acid"), walk.problems)
    tags = Tags(
        info={k: _decode(v) for k, v in _chunks_of_bytes(found.get("LIST/INFO", b"")[4:])},
        acid=tag.acid if acid is None else acid,
        sampler=_parsed("smpl", _read_smpl, found.get("smpl"), walk.problems),
        cues=tuple(Cue(frame, labels.get(i, "")) for i, frame in cues),
        key=tag.key,
    )
    return Header(
        encoding=form["encoding"],
        channels=form["channels"],
        sample_rate_hz=form["sample_rate_hz"],
        bits=form["bits"],
        frames=data[1] // form["block_align"],
        data_offset=data[0],
        tags=tags,
        chunks=tuple(chunks),
        problems=tuple(walk.problems),
    )


def read_header(path: Path) -> Header:
    """Format, tags and chunk order of a WAV file; the samples are not read. Raises ValueError or OSError."""
    with path.open("rb") as stream:
        return read_header_from(stream)


def read_wave(path: Path) -> tuple[np.ndarray, Header]:
    """Samples, float32 [frames, channels], and header of a WAV file. Raises ValueError or OSError."""
    with path.open("rb") as stream:
        return read_wave_from(stream)


def read_wave_from(stream: BinaryIO, frames_max: int | None = None) -> tuple[np.ndarray, Header]:
    """`read_wave` of an open file, at most `frames_max` of its frames."""
    header = read_header_from(stream)
    frames = header.frames if frames_max is None else min(frames_max, header.frames)
    return next(_blocks(stream, header, frames), np.zeros((0, header.channels), np.float32)), header


def wave_blocks(path: Path, frames: int) -> Iterator[tuple[np.ndarray, int]]:
    """The sound of a WAV file in blocks of `frames`, each with the sample rate. Raises ValueError or OSError."""
    with path.open("rb") as stream:
        header = read_header_from(stream)
        for block in _blocks(stream, header, frames):
            yield block, header.sample_rate_hz


def _blocks(stream: BinaryIO, header: Header, frames: int) -> Iterator[np.ndarray]:
    stream.seek(header.data_offset)
    frame_bytes, left = header.channels * header.bits // 8, header.frames
    while (count := min(frames, left)) > 0:
        raw = stream.read(count * frame_bytes)
        left -= count
        yield decode_pcm(raw[: len(raw) // frame_bytes * frame_bytes], header.encoding).reshape(-1, header.channels)
