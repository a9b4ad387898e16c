"""Reads WAV files, ours and others', from the layouts of `riff`. Files come from users: nothing in one is trusted.

Anything that is no whole WAV file raises ValueError with one line that says why.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from musika_daw.sound.riff import ENCODINGS, EXTENSIBLE, FLOAT, LAYOUTS, PCM, Acid, Cue, Header, Sampler, Tags

METADATA_LIMIT_BYTES = 1 << 24


def _chunks_of_stream(stream: BinaryIO) -> Iterator[tuple[str, int, int]]:
    """(id, offset of the payload, size) of each top-level chunk; raises ValueError where the file is cut short."""
    length = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise ValueError("not a RIFF/WAVE file")
    end = min(length, 8 + struct.unpack("<I", head[4:8])[0])
    offset = 12
    while offset + 8 <= end:
        stream.seek(offset)
        chunk_id, size = struct.unpack("<4sI", stream.read(8))
        if offset + 8 + size > length:
            raise ValueError(f"chunk {_decode(chunk_id)!r} at byte {offset}: cut short")
        yield chunk_id.decode("latin-1"), offset + 8, size
        offset += 8 + size + size % 2


def _chunks_of_bytes(payload: bytes) -> Iterator[tuple[str, bytes]]:
    offset = 0
    while offset + 8 <= len(payload):
        chunk_id, size = struct.unpack_from("<4sI", payload, offset)
        if offset + 8 + size > len(payload):
            raise ValueError(f"list item {_decode(chunk_id)!r}: cut short")
        yield chunk_id.decode("latin-1"), payload[offset + 8 : offset + 8 + size]
        offset += 8 + size + size % 2


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
    encoding = known.get((values["tag"], values["bits"]))
    if encoding is None:
        raise ValueError(f"fmt chunk: format {values['tag']} with {values['bits']} bits is not supported")
    if not values["channels"] or not values["sample_rate_hz"]:
        raise ValueError("fmt chunk: no channels or no sample rate")
    if values["block_align"] != values["channels"] * values["bits"] // 8:
        raise ValueError(f"fmt chunk: block of {values['block_align']} bytes does not fit its channels and bits")
    return values | {"encoding": encoding}


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
        if name == "labl"
    }


def read_header_from(stream: BinaryIO) -> Header:
    """Read format and tags from a seekable binary stream; raises ValueError for anything that is no WAV file."""
    form: dict[str, Any] | None = None
    data: tuple[int, int] | None = None
    chunks: list[str] = []
    found: dict[str, bytes] = {}
    for chunk_id, offset, size in _chunks_of_stream(stream):
        name = chunk_id
        if chunk_id == "data":
            data = data or (offset, size)
        elif chunk_id in ("fmt ", "LIST", "acid", "smpl", "cue "):
            if size > METADATA_LIMIT_BYTES:
                raise ValueError(f"chunk {chunk_id!r}: {size} bytes, allowed 0..{METADATA_LIMIT_BYTES}")
            stream.seek(offset)
            payload = stream.read(size)
            if chunk_id == "LIST":
                name = f"LIST/{payload[:4].decode('latin-1')}"
            found.setdefault(name, payload)
        chunks.append(name)
    if "fmt " in found:
        form = _read_format(found["fmt "])
    if form is None or data is None:
        raise ValueError(f"no {'fmt' if form is None else 'data'} chunk")
    labels = _read_labels(found["LIST/adtl"]) if "LIST/adtl" in found else {}
    tags = Tags(
        info={k: _decode(v) for k, v in _chunks_of_bytes(found.get("LIST/INFO", b"")[4:])},
        acid=_read_acid(found["acid"]) if "acid" in found else None,
        sampler=_read_smpl(found["smpl"]) if "smpl" in found else None,
        cues=tuple(Cue(frame, labels.get(i, "")) for i, frame in _read_cues(found.get("cue ", bytes(4)))),
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
    )


def read_header(path: Path) -> Header:
    """Format, tags and chunk order of a WAV file; the samples are not read. Raises ValueError or OSError."""
    with path.open("rb") as stream:
        return read_header_from(stream)


def read_wave(path: Path) -> tuple[np.ndarray, Header]:
    """Samples, float32 [frames, channels], and header of a WAV file. Raises ValueError or OSError."""
    with path.open("rb") as stream:
        return read_wave_from(stream)


def read_wave_from(stream: BinaryIO) -> tuple[np.ndarray, Header]:
    """`read_wave` of an open file."""
    header = read_header_from(stream)
    stream.seek(header.data_offset)
    raw = stream.read(header.frames * header.channels * header.bits // 8)
    flat: np.ndarray
    if header.encoding.startswith("float"):
        flat = np.frombuffer(raw, f"<f{header.bits // 8}").astype(np.float32)
    elif header.bits == 8:
        flat = (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128
    else:
        width = header.bits // 8
        wide = np.zeros((len(raw) // width, 4), np.uint8)
        wide[:, 4 - width :] = np.frombuffer(raw, np.uint8).reshape(-1, width)
        flat = (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    return flat.reshape(-1, header.channels), header
