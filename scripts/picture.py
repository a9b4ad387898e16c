"""`Picture`: what is on a screen of Xvfb, read from its framebuffer, as a PNG file; with nothing but Python."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

# words of an XWD header, X11/XWDFile.h
_HEADER_BYTES, _WIDTH, _HEIGHT, _BYTE_ORDER, _BITS, _LINE_BYTES, _COLOURS = 0, 4, 5, 7, 11, 12, 19


@dataclass(frozen=True)
class Picture:
    """Lines of red, green and blue bytes."""

    width: int
    height: int
    lines: tuple[bytes, ...]

    @classmethod
    def of_xwd(cls, data: bytes) -> Picture:
        """From an XWD file of 32 bits a pixel; ValueError for one of another kind."""
        words = struct.unpack(">25I", data[:100])
        if words[_BITS] != 32 or words[_BYTE_ORDER] != 0:
            raise ValueError(f"xwd: {words[_BITS]} bits a pixel, byte order {words[_BYTE_ORDER]}, must be 32 and 0")
        at, width = words[_HEADER_BYTES] + 12 * words[_COLOURS], words[_WIDTH]
        lines = []
        for _ in range(words[_HEIGHT]):
            line, rgb = data[at : at + 4 * width], bytearray(3 * width)
            rgb[0::3], rgb[1::3], rgb[2::3] = line[2::4], line[1::4], line[0::4]
            lines.append(bytes(rgb))
            at += words[_LINE_BYTES]
        return cls(width, words[_HEIGHT], tuple(lines))

    @property
    def colours(self) -> int:
        """How many different colours there are."""
        return len({line[i : i + 3] for line in set(self.lines) for i in range(0, len(line), 3)})

    def png(self) -> bytes:
        """As a PNG file."""

        def chunk(name: bytes, body: bytes) -> bytes:
            return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        body = zlib.compress(b"".join(b"\0" + line for line in self.lines), 9)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
