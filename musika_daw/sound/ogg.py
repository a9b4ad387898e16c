"""Ogg files that are the same every time: the stream's number, which encoders draw at random, is set.

Source: RFC 3533. A page is `OggS`, version, flags, position (8 bytes), stream number (4), page number (4), checksum
(4), number of segments, their lengths, and the segments; the checksum is a CRC-32 with polynomial 0x04c11db7, not
reflected, over the page with its own checksum at zero.
"""

import struct
import zlib

_HEAD = 27


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
