"""How much sound a file says that it has, or shows by its pages and frames, where decoders read less without a word.

WAV, AIFF, AU, W64, CAF   the size of the chunk of sound, against the end of the file: one that was cut is read as whole
WMA                       the size of the file
Ogg                       the places that its pages tell: libsndfile reads no further than the first of chained streams
FLAC                      the last frame: libsndfile reads as much as the head tells

Layouts: RIFF and EBU Tech 3306, AIFF 1.3, Sun's audio.h, Sony's Wave64, Apple's CAF, Microsoft's ASF, RFC 3533 and
7845, RFC 9639.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_PLACEHOLDER = 0x7FFF_0000  # from here on 32 bits stand for a size that was not known yet
_STEPS_MAX = 1 << 16
_FLAC_TAIL = 1 << 22
_FLAC_CRC = 0x07
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # its object of what the file is like


def cut(path: Path) -> tuple[int, int] | None:
    """(bytes there, bytes told) of the sound in a file that ends before it should; None where nothing is missing."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = _sound(data)
        if found is None:
            return None
        start, told = found
        there = max(0, len(data) - start)
        return (there, told) if there < told else None


def _sound(data: mmap.mmap) -> tuple[int, int] | None:
    """Where the sound begins and how many bytes it is told to have; None for other files and placeholders."""
    head = data[:12]
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
        return _chunk(data, 12, b"data", ("<4sI", 0), 2)
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        return _chunk(data, 12, b"SSND", (">4sI", 0), 2)
    if head[:4] == b"riff" and data[24:28] == b"wave":
        return _chunk(data, 40, b"data", ("<4s12xQ", 24), 8)
    if head[:4] == b"caff":
        return _chunk(data, 8, b"data", (">4sQ", 0), 1)
    if head == _ASF[:12] and (at := data.find(_ASF_FILE, 0, 1 << 16)) >= 0 and at + 48 <= len(data):
        (size,) = struct.unpack_from("<Q", data, at + 40)  # of the whole file
        return (0, size) if 0 < size < 1 << 62 else None
    if head[:4] == b".snd" and len(head) == 12:
        start, size = struct.unpack(">II", head[4:])
        return (start, size) if 0 < size < _PLACEHOLDER else None
    return None


def _chunk(data: mmap.mmap, at: int, name: bytes, form: tuple[str, int], even: int) -> tuple[int, int] | None:
    """The chunk of this name; sizes count `form[1]` bytes of its head, and chunks begin at multiples of `even`."""
    head = struct.Struct(form[0])
    wide = head.size > 8
    large: int | None = None
    for _ in range(_STEPS_MAX):
        if at + head.size > len(data):
            return None
        found, size = head.unpack_from(data, at)
        size -= form[1]
        start = at + head.size
        if found == b"ds64" and size >= 16:
            (large,) = struct.unpack_from("<Q", data, start + 8)
        if found == name:
            if not wide and size >= _PLACEHOLDER:
                size = large or 0
            return (start, size) if 0 < size < 1 << 62 else None
        if size < 0:
            return None
        at = start + size
        at += -at % even
    return None


@dataclass
class _Stream:
    """One of the streams in an Ogg file: samples a second, and the places of its first and last page of sound."""

    rate_hz: int
    first: int | None = None
    last: int = 0

    @property
    def seconds(self) -> float:
        return max(0, self.last - (self.first or 0)) / self.rate_hz


@dataclass
class _Link:
    """Streams that sound at once, and whether all of them have begun."""

    streams: dict[bytes, _Stream] = field(default_factory=dict)
    begun: bool = False


def ogg_seconds(path: Path) -> float | None:
    """Seconds of the streams of an Ogg file one after another, at least: without their first pages. None for others."""
    links: list[_Link] = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != b"OggS":
            return None
        for flags, place, serial, packet in _pages(data):
            if flags & 2:  # a stream begins
                if not links or links[-1].begun:
                    links.append(_Link())
                rate_hz = _rate_of(packet)
                if rate_hz:
                    links[-1].streams[serial] = _Stream(rate_hz)
                continue
            if not links:
                return None
            links[-1].begun = True
            stream = links[-1].streams.get(serial)
            if stream is not None and place > 0:
                stream.first = place if stream.first is None else stream.first
                stream.last = max(stream.last, place)
    return sum(max((stream.seconds for stream in link.streams.values()), default=0.0) for link in links)


def ogg_breaks_off(path: Path) -> bool:
    """Whether an Ogg file ends within a page, which decoders then leave out; pages do not tell how many follow."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.rfind(b"OggS") if data[:4] == b"OggS" else -1
        if at < 0:
            return False
        head = data[at : at + 27]
        segments = data[at + 27 : at + 27 + head[26]] if len(head) == 27 else b""
        return len(head) < 27 or len(segments) < head[26] or at + 27 + head[26] + sum(segments) > len(data)


def ogg_broken_pages(path: Path) -> int:
    """How many pages of an Ogg file are not as they were written, by their check sums: decoders leave them out."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != b"OggS":
            return 0
        pages = ((data[at:end], data[at + 22 : at + 26]) for at, _, end in _page_bounds(data))
        return sum(_check_sum(page) != int.from_bytes(told, "little") for page, told in pages)


def _check_sum(page: bytes) -> int:
    """RFC 3533's: the polynomial of zlib, bits the other way round, nothing inverted; its own field counts as zeros."""
    blank = page[:22] + bytes(4) + page[26:]
    mirrored = zlib.crc32(blank.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def _pages(data: mmap.mmap) -> Iterator[tuple[int, int, bytes, bytes]]:
    """(flags, place, serial number, first bytes) of each page."""
    for at, body, _ in _page_bounds(data):
        flags, place = struct.unpack_from("<Bq", data, at + 5)
        yield flags, place, data[at + 14 : at + 18], data[body : body + 64]


def _page_bounds(data: mmap.mmap) -> Iterator[tuple[int, int, int]]:
    """Where each page begins, where its content does, and where it ends."""
    at = 0
    while (at := data.find(b"OggS", at)) >= 0 and at + 27 <= len(data):
        body = at + 27 + data[at + 26]
        if data[at + 4]:  # of another version: no page
            at += 4
            continue
        end = body + sum(data[at + 27 : body])
        yield at, body, end
        at = end


def _rate_of(packet: bytes) -> int:
    """Samples a second that places count, from the first packet of a stream; 0 for what is no sound."""
    if packet[:7] == b"\x01vorbis":
        return int.from_bytes(packet[12:16], "little")
    if packet[:8] == b"OpusHead":
        return 48_000
    if packet[:5] == b"\x7fFLAC":
        return int.from_bytes(packet[27:30], "big") >> 4
    if packet[:8] == b"Speex   ":
        return int.from_bytes(packet[36:40], "little")
    return 0


def flac_frames(path: Path) -> int | None:
    """Where the last frame of a FLAC file ends, in samples, if one is found near the file's end; None for others."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(b"fLaC", 0, 1 << 20) if data[:3] == b"ID3" else 0
        if start < 0 or data[start : start + 4] != b"fLaC" or len(data) < start + 42:
            return None
        block = int.from_bytes(data[start + 8 : start + 10], "big")
        at = len(data)
        while (at := data.rfind(b"\xff", max(start + 42, len(data) - _FLAC_TAIL), at)) >= 0:
            end = _frame_end(data[at : at + 16], block)
            if end is not None:
                return end
    return None


def _frame_end(head: bytes, block: int) -> int | None:
    """The sample behind a FLAC frame with this head; None for what is none. `block` is the size of its frames."""
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    number, size = _coded(head[4:11])
    at = 4 + size
    if not size or len(head) < at + 5:
        return None
    code, rate = head[2] >> 4, head[2] & 15
    if code == 0 or rate == 15 or head[3] >> 4 > 10:
        return None
    if code in (6, 7):
        samples = int.from_bytes(head[at : at + code - 5], "big") + 1
        at += code - 5
    else:
        samples = 192 if code == 1 else 576 << code - 2 if code < 6 else 256 << code - 8
    at += {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if len(head) <= at or _crc8(head[:at]) != head[at]:
        return None
    return (number if head[1] & 1 else number * block) + samples


def _coded(head: bytes) -> tuple[int, int]:
    """A number as UTF-8 codes it, up to 36 bits, and its length in bytes; length 0 for what is none."""
    first = head[0]
    if first < 0x80:
        return first, 1
    size = 8 - (~first & 0xFF).bit_length()
    if not 2 <= size <= 7 or len(head) < size or any(byte >> 6 != 2 for byte in head[1:size]):
        return 0, 0
    number = first & (0x7F >> size)
    for byte in head[1:size]:
        number = number << 6 | byte & 0x3F
    return number, size


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ (_FLAC_CRC if value & 0x80 else 0)) & 0xFF
    return value
