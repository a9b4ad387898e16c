"""Ogg Vorbis and MP3 files with exactly the frames that they were given, and the same bytes every time.

libsndfile encodes both. It tells decoders where the sound begins and ends: in Ogg by the position of the last page, in
MP3 by the delay and the padding in the LAME tag of the first frame, which is silent. What it cannot write, tempo and
key, are Vorbis comments as in FLAC, or an ID3 tag before the first frame.

The number of an Ogg stream, which encoders draw at random, is set. Source: RFC 3533. A page is `OggS`, version, flags,
position (8 bytes), stream number (4), page number (4), checksum (4), number of segments, their lengths, and the
segments; the checksum is a CRC-32 with polynomial 0x04c11db7, not reflected, over the page with its own checksum at
zero.
"""

import io
import struct
import zlib
from typing import Any

import numpy as np

from musika_daw.sound.flac import comments_of
from musika_daw.sound.id3 import id3
from musika_daw.sound.tags import Tags

_HEAD = 27
_PIECE_FRAMES = 1 << 14
# libsndfile's scale from best (0) to smallest (1)
OGG_LEVEL = 0.2
MP3_LEVEL = 0.0  # 320 kbit/s, at a constant rate: every player seeks in it to the sample


def encode_ogg(
    samples: np.ndarray, sample_rate_hz: int, tags: Tags | None, serial: int, *, level: float = OGG_LEVEL
) -> bytes:
    """An Ogg Vorbis file of [frames, channels], float in -1..1, with this stream number; without `tags` it has none."""
    data = _encoded(samples, sample_rate_hz, "OGG", "VORBIS", compression_level=level)
    if tags is not None:
        from mutagen.oggvorbis import OggVorbis

        stream = io.BytesIO(data)
        file: Any = OggVorbis(stream)
        file.tags.clear()
        file.update(comments_of(tags))
        stream.seek(0)
        file.save(stream, padding=lambda _: 0)
        data = stream.getvalue()
    return with_serial(data, serial)


def encode_mp3(samples: np.ndarray, sample_rate_hz: int, tags: Tags) -> bytes:
    """An MP3 file of [frames, channels], float in -1..1, at a rate of up to 48 kHz."""
    rate = {"bitrate_mode": "CONSTANT", "compression_level": MP3_LEVEL}
    return id3(tags, loop=True) + _encoded(samples, sample_rate_hz, "MP3", "MPEG_LAYER_III", **rate)


def _encoded(samples: np.ndarray, sample_rate_hz: int, form: str, subtype: str, **quality: Any) -> bytes:
    """Written in many calls: a Vorbis encoder keeps all that one gives it on the stack, which ends the process for some
    tens of seconds."""
    import soundfile

    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", sample_rate_hz, samples.shape[1], subtype, format=form, **quality) as file:
        for start in range(0, len(samples), _PIECE_FRAMES):
            file.write(samples[start : start + _PIECE_FRAMES])
    return stream.getvalue()


# the same polynomial, reflected, is zlib's: mirror every byte on the way in and the result on the way out
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def checksum(page: bytes) -> int:
    """The checksum of a page whose own checksum field is zero."""
    inverted = zlib.crc32(bytes(page).translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{inverted:032b}"[::-1], 2)


def with_serial(data: bytes, serial: int) -> bytes:
    """An Ogg file of one stream with this stream number; raises ValueError for anything that is no Ogg file."""
    parts, offset = [], 0
    while offset < len(data):
        if data[offset : offset + 4] != b"OggS" or offset + _HEAD > len(data):
            raise ValueError(f"ogg file: no page at byte {offset}")
        segments = data[offset + 26]
        size = _HEAD + segments + sum(data[offset + _HEAD : offset + _HEAD + segments])
        page = bytearray(data[offset : offset + size])
        page[14:18] = struct.pack("<I", serial & 0xFFFFFFFF)
        page[22:26] = bytes(4)
        page[22:26] = struct.pack("<I", checksum(bytes(page)))
        parts.append(bytes(page))
        offset += size
    return b"".join(parts)
