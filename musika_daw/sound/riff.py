"""WAV files with the chunks that DAWs read: one table of layouts, and the writer; `riff_reader` reads them back.

Chunk order in a written file (some hosts stop reading at `data`, so everything a DAW needs comes first)::

    RIFF WAVE | fmt  [fact] | LIST/INFO | acid | smpl | cue  | LIST/adtl | id3  | data

`fact` is written for float files only, where the format asks for it. Byte order is little-endian and every
chunk is padded to an even length. Source: Multimedia Programming Interface and Data Specifications 1.0; the
`acid` chunk as ACID and libsndfile read it.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from musika_daw.sound.id3 import id3
from musika_daw.sound.tags import Acid, Cue, Sampler, Tags
from musika_daw.system.atomic import write_atomic
from musika_daw.system.refusal import refused

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
ENCODINGS = {"pcm16": (PCM, 16), "pcm24": (PCM, 24), "float32": (FLOAT, 32)}
RIFF_LIMIT_BYTES = (1 << 32) - 1


@dataclass(frozen=True)
class Layout:
    """Fixed part of a chunk: a `struct` format and the names of its fields, in order."""

    format: str
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return struct.calcsize(self.format)

    def pack(self, **values: Any) -> bytes:
        try:
            return struct.pack(self.format, *(values[name] for name in self.names))
        except (struct.error, OverflowError) as error:
            raise ValueError(f"riff field out of range: {error}") from None

    def unpack(self, payload: bytes, offset: int = 0) -> dict[str, Any]:
        try:
            return dict(zip(self.names, struct.unpack_from(self.format, payload, offset), strict=True))
        except struct.error:
            raise ValueError(f"riff chunk too short: {len(payload)} bytes, need {offset + self.size}") from None


def _layout(format: str, names: str) -> Layout:
    return Layout(format, tuple(names.split()))


LAYOUTS = {
    "fmt ": _layout("<HHIIHH", "tag channels sample_rate_hz bytes_per_s block_align bits"),
    "fact": _layout("<I", "frames"),
    "acid": _layout("<IHHfIHHf", "flags root_note marker zero beats denominator numerator tempo_bpm"),
    "smpl": _layout("<9I", "manufacturer product period_ns unity_note fraction smpte_format smpte_offset loops extra"),
    "smpl loop": _layout("<6I", "id type start_frame end_frame fraction plays"),
    "cue ": _layout("<I", "points"),
    "cue point": _layout("<II4sIII", "id position chunk chunk_start block_start frame"),
    "labl": _layout("<I", "id"),
}


def _chunk(chunk_id: str, payload: bytes) -> bytes:
    return chunk_id.encode("ascii") + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)


def _text(value: str) -> bytes:
    if "\0" in value:
        raise refused("riff text", value, "must not hold a null character")
    return value.encode("utf-8") + b"\0"


def _info_chunk(info: dict[str, str]) -> bytes:
    for key in info:
        if len(key) != 4 or not key.isascii() or not key.isalnum():
            raise refused("info id", key, "must be 4 ascii letters or digits")
    return _chunk("LIST", b"INFO" + b"".join(_chunk(key, _text(text)) for key, text in info.items()))


def _acid_chunk(acid: Acid) -> bytes:
    return _chunk("acid", LAYOUTS["acid"].pack(marker=0x8000, zero=0.0, **vars(acid)))


def _smpl_chunk(sampler: Sampler, sample_rate_hz: int) -> bytes:
    period_ns = sampler.period_ns or round(1_000_000_000 / sample_rate_hz)
    head = LAYOUTS["smpl"].pack(
        manufacturer=0,
        product=0,
        period_ns=period_ns,
        unity_note=sampler.unity_note,
        fraction=sampler.fraction,
        smpte_format=0,
        smpte_offset=0,
        loops=len(sampler.loops),
        extra=0,
    )
    loops = (
        LAYOUTS["smpl loop"].pack(id=index, type=0, start_frame=start, end_frame=end, fraction=0, plays=0)
        for index, (start, end) in enumerate(sampler.loops)
    )
    return _chunk("smpl", head + b"".join(loops))


def _cue_chunks(cues: tuple[Cue, ...]) -> bytes:
    points = (
        LAYOUTS["cue point"].pack(
            id=index, position=cue.frame, chunk=b"data", chunk_start=0, block_start=0, frame=cue.frame
        )
        for index, cue in enumerate(cues, 1)
    )
    labels = (_chunk("labl", LAYOUTS["labl"].pack(id=index) + _text(cue.label)) for index, cue in enumerate(cues, 1))
    head = LAYOUTS["cue "].pack(points=len(cues))
    return _chunk("cue ", head + b"".join(points)) + _chunk("LIST", b"adtl" + b"".join(labels))


_AT_ONCE_FRAMES = 1 << 18  # a long take is several times its size on the way


def quantise(samples: np.ndarray, encoding: str) -> bytes:
    """Interleaved little-endian bytes of float samples [frames, channels]; full scale is 1.0, beyond is clipped.

    24 bits need no dither: the rounding error lies at -150 dBFS, below any converter's own noise.
    """
    if encoding == "float32":
        return samples.astype("<f4").tobytes()
    bits = ENCODINGS[encoding][1]
    scale = float(1 << (bits - 1))
    parts = []
    for start in range(0, len(samples), _AT_ONCE_FRAMES):
        part = samples[start : start + _AT_ONCE_FRAMES]
        whole = np.clip(np.rint(part.astype(np.float64) * scale), -scale, scale - 1).astype("<i4")
        parts.append(whole.reshape(-1, 1).view(np.uint8)[:, : bits // 8].tobytes())
    return b"".join(parts)


def decode_pcm(raw: bytes, encoding: str) -> np.ndarray:
    """Whole little-endian samples as float32 in -1..1; `encoding` is pcm8 (unsigned), pcm16.. or float32, float64."""
    width = int("".join(filter(str.isdigit, encoding))) // 8
    if encoding.startswith("float"):
        return np.frombuffer(raw, f"<f{width}").astype(np.float32)
    if width == 1:
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128
    flat = np.empty(len(raw) // width, np.float32)
    packed = np.frombuffer(raw, np.uint8).reshape(-1, width)
    for start in range(0, len(flat), _AT_ONCE_FRAMES):
        part = packed[start : start + _AT_ONCE_FRAMES]
        wide = np.zeros((len(part), 4), np.uint8)
        wide[:, 4 - width :] = part
        flat[start : start + _AT_ONCE_FRAMES] = wide.view("<i4")[:, 0] / 2.0**31
    return flat


def encode_wave(samples: np.ndarray, sample_rate_hz: int, tags: Tags | None = None, encoding: str = "pcm24") -> bytes:
    """A whole WAV file as bytes.

    `samples`: float [frames, channels] in -1..1, finite. `encoding`: `pcm16`, `pcm24` or `float32`.
    Raises ValueError where a field does not fit its chunk or the file would pass 4 GiB.
    """
    if encoding not in ENCODINGS:
        raise refused("encoding", encoding, f"must be one of {', '.join(ENCODINGS)}")
    if samples.ndim != 2 or not 1 <= samples.shape[1] <= 64:
        raise refused("samples", samples.shape, "must be of shape [frames, 1..64 channels]")
    if not np.isfinite(samples).all():
        raise ValueError("samples: must be finite")
    frames, channels = samples.shape
    head = wave_head(frames, channels, sample_rate_hz, tags or Tags(), encoding)
    data = quantise(samples, encoding)
    return head + data + b"\0" * (len(data) % 2)


def wave_head(frames: int, channels: int, sample_rate_hz: int, tags: Tags, encoding: str = "pcm24") -> bytes:
    """All of a WAV file that comes before its samples; after an odd number of their bytes a zero must follow.

    Raises ValueError as `encode_wave` does.
    """
    tag, bits = ENCODINGS[encoding]
    block = channels * bits // 8
    parts = [
        LAYOUTS["fmt "].pack(
            tag=tag,
            channels=channels,
            sample_rate_hz=sample_rate_hz,
            bytes_per_s=sample_rate_hz * block,
            block_align=block,
            bits=bits,
        )
    ]
    if tag != PCM:
        parts[0] += b"\0\0"  # every format but plain PCM carries the size of its (empty) extension
    parts[0] = _chunk("fmt ", parts[0])
    if tag != PCM:
        parts.append(_chunk("fact", LAYOUTS["fact"].pack(frames=frames)))
    if tags.info:
        parts.append(_info_chunk(tags.info))
    if tags.acid:
        parts.append(_acid_chunk(tags.acid))
    if tags.sampler:
        parts.append(_smpl_chunk(tags.sampler, sample_rate_hz))
    if tags.cues:
        parts.append(_cue_chunks(tags.cues))
    if id3_tag := id3(tags):
        parts.append(_chunk("id3 ", id3_tag))
    size = 4 + sum(map(len, parts)) + 8 + frames * block + frames * block % 2
    if size > RIFF_LIMIT_BYTES:
        raise refused("frames", frames, "a wav file holds at most 4 GiB")
    data = b"data" + struct.pack("<I", frames * block)
    return b"RIFF" + struct.pack("<I", size) + b"WAVE" + b"".join(parts) + data


def write_wave(
    path: Path, samples: np.ndarray, sample_rate_hz: int, tags: Tags | None = None, *, encoding: str = "pcm24"
) -> bytes:
    """Write a WAV file in one step (temporary name, then rename) and give back its bytes; see `encode_wave`."""
    data = encode_wave(samples, sample_rate_hz, tags, encoding)
    write_atomic(path, data)
    return data
