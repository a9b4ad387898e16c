"""AIFF files with names, markers, loop points and an ID3 chunk for tempo and key.

Chunk order: `COMM`, `NAME`, `AUTH`, `(c) `, `ANNO`, `MARK`, `INST`, `ID3 `, `SSND`. Byte order is big-endian, chunks
are padded to an even length. Source: Audio Interchange File Format 1.3 (Apple, 1989); ID3v2.3.0 for the frames.
"""

import math
import struct

import numpy as np

from musika_daw.sound.id3 import id3
from musika_daw.sound.tags import Tags
from musika_daw.system.refusal import refused

_TEXTS = {"INAM": b"NAME", "IART": b"AUTH", "ICOP": b"(c) ", "ICMT": b"ANNO"}


def extended(value: float) -> bytes:
    """A positive number as an 80-bit extended float (the sample rate of a `COMM` chunk)."""
    fraction, exponent = math.frexp(value)
    return struct.pack(">HQ", exponent + 16382, int(fraction * (1 << 64)))


def _chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack(">I", len(payload)) + payload + b"\0" * (len(payload) % 2)


def encode_aiff(samples: np.ndarray, sample_rate_hz: int, tags: Tags) -> bytes:
    """A whole 24-bit AIFF file; samples float [frames, channels] in -1..1. Raises ValueError beyond 4 GiB."""
    audio = big_endian(samples)
    frames, channels = samples.shape
    return aiff_head(frames, channels, sample_rate_hz, tags) + audio + b"\0" * (len(audio) % 2)


def big_endian(samples: np.ndarray) -> bytes:
    """Float samples [frames, channels] as 24 bits, interleaved; beyond full scale is clipped."""
    scale = float(1 << 23)
    whole = np.clip(np.rint(samples.astype(np.float64) * scale), -scale, scale - 1).astype(">i4")
    return whole.reshape(-1, 1).view(np.uint8)[:, 1:].tobytes()


def aiff_head(frames: int, channels: int, sample_rate_hz: int, tags: Tags) -> bytes:
    """All of a 24-bit AIFF file that comes before its samples. Raises ValueError beyond 4 GiB."""
    common = struct.pack(">hIh", channels, frames, 24) + extended(float(sample_rate_hz))
    parts = [_chunk(b"COMM", common)]
    parts += [_chunk(name, tags.info[key].encode("utf-8")) for key, name in _TEXTS.items() if key in tags.info]
    parts += _loop_chunks(tags)
    if tag := id3(tags):
        parts.append(_chunk(b"ID3 ", tag))
    audio = frames * channels * 3
    body = b"AIFF" + b"".join(parts)
    size = len(body) + 16 + audio + audio % 2
    if size >= 1 << 32:
        raise refused("frames", frames, "an aiff file holds at most 4 GiB")
    return b"FORM" + struct.pack(">I", size) + body + b"SSND" + struct.pack(">III", 8 + audio, 0, 0)


def _loop_chunks(tags: Tags) -> list[bytes]:
    """Markers on the bars and, where the file loops, a sustain loop from marker to marker."""
    marks = [(cue.frame, cue.label) for cue in tags.cues]
    loops = tags.sampler.loops if tags.sampler else ()
    first = len(marks) + 1
    for start, end in loops[:1]:
        marks += [(start, "loop start"), (end + 1, "loop end")]  # AIFF markers lie between samples
    if not marks:
        return []
    points = b"".join(
        struct.pack(">hI", number, frame) + _pascal(label) for number, (frame, label) in enumerate(marks, 1)
    )
    chunks = [_chunk(b"MARK", struct.pack(">H", len(marks)) + points)]
    if tags.sampler:
        note = tags.sampler.unity_note
        cents = round(tags.sampler.fraction * 100 / (1 << 32))
        loop = struct.pack(">hhh", 1, first, first + 1) if loops else struct.pack(">hhh", 0, 0, 0)
        head = struct.pack(">BbBBBBh", note, -cents, 0, 127, 1, 127, 0)
        chunks.append(_chunk(b"INST", head + loop + struct.pack(">hhh", 0, 0, 0)))
    return chunks


def _pascal(text: str) -> bytes:
    raw = text.encode("utf-8")[:255]
    return bytes([len(raw)]) + raw + b"\0" * ((len(raw) + 1) % 2)
