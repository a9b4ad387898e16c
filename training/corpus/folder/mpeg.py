"""How long an MPEG audio file (MP3, MP2) is: counted, since decoders estimate it from the size of the file.

Without a length in the file libsndfile and others take its size (pictures included) by the bit rate of its beginning,
and read no further than that. A file told its length by a header of our own is read whole.

Layout of a frame's header: ISO/IEC 11172-3, 2.4.1.3; of the `Xing` header as decoders read it.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
# kbit/s by (MPEG 1, layer), index 1..14
_KBITS = {
    (True, 1): range(32, 449, 32),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@dataclass(frozen=True)
class _Frame:
    head: bytes
    bytes: int
    samples: int
    rate_hz: int
    layer: int
    side_bytes: int


@dataclass(frozen=True)
class Counted:
    """What was counted in a file: sample frames, their rate, where the first frame of sound begins, and its header.

    `told` is the length that the file tells of itself, None where it tells none.
    """

    frames: int
    rate_hz: int
    start: int
    first: _Frame
    told: int | None = None

    @property
    def seconds(self) -> float:
        """Length."""
        return self.frames / self.rate_hz


def _frame_at(data: mmap.mmap, at: int) -> _Frame | None:
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    kbit, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or kbit in (0, 15) or rate == 3:
        return None
    first, rate_hz = version == 3, _RATES_HZ[version][rate]
    bits, padding = _KBITS[first, layer][kbit - 1] * 1000, head[2] >> 1 & 1
    if layer == 1:
        size, samples = (12 * bits // rate_hz + padding) * 4, 384
    else:
        samples = 576 if layer == 3 and not first else 1152
        size = samples // 8 * bits // rate_hz + padding
    mono = head[3] >> 6 == 3
    side = (17 if mono else 32) if first else (9 if mono else 17)
    return _Frame(head, size, samples, rate_hz, layer, side)


def counted(path: Path) -> Counted | None:
    """The length of an MPEG audio file by its frames; None for what is none."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at, total, start, first, told = _after_tag(data, 0), 0, 0, None, None
        while at + 4 <= len(data):
            frame = _frame_at(data, at)
            if frame is None or not _goes_on(data, at, frame, first):
                following = data.find(b"\xff", at + 1)
                at = len(data) if following < 0 else _after_tag(data, following)
                continue
            if first is None or not total:
                first, start = frame, at
            if not total and (length := _told(data, at, frame)) is not None:
                told, first = length * frame.samples or None, None
            else:
                total += frame.samples
            at = _after_tag(data, at + frame.bytes)
    return Counted(total, first.rate_hz, start, first, told) if first and total else None


def _told(data: mmap.mmap, at: int, frame: _Frame) -> int | None:
    """How many frames a header frame tells, 0 where it does not say; None for a frame of sound."""
    if data[at + 36 : at + 40] == b"VBRI":
        return int.from_bytes(data[at + 50 : at + 54], "big")
    offset = at + 4 + frame.side_bytes
    if data[offset : offset + 4] not in (b"Xing", b"Info"):
        return None
    return int.from_bytes(data[offset + 8 : offset + 12], "big") if data[offset + 7] & 1 else 0


def _goes_on(data: mmap.mmap, at: int, frame: _Frame, first: _Frame | None) -> bool:
    """Whether a frame is one: of the same kind as the first, or followed by another, or the last."""
    if first is not None:
        return (frame.layer, frame.rate_hz, frame.samples) == (first.layer, first.rate_hz, first.samples)
    following = _frame_at(data, at + frame.bytes)
    return at + frame.bytes >= len(data) or (following is not None and following.rate_hz == frame.rate_hz)


def _after_tag(data: mmap.mmap, at: int) -> int:
    """Behind an ID3v2 tag, where one begins here."""
    while data[at : at + 3] == b"ID3" and len(size := data[at + 6 : at + 10]) == 4 and max(size) < 128:
        at += 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    return at


def write_with_length(path: Path, found: Counted, out: BinaryIO) -> None:
    """The sound of a layer III file behind a header that tells its counted length; ValueError for other layers."""
    first = found.first
    if first.layer != 3:
        raise ValueError("only layer III has a place for its length")
    # the first frame's own kind, unprotected, at a rate whose frames have room for the header
    high = first.head[2] & 0x0C | 0x90
    head = bytes((0xFF, first.head[1] | 1, high, first.head[3]))
    bits = _KBITS[first.head[1] >> 3 & 3 == 3, 3][8] * 1000
    size = first.samples // 8 * bits // first.rate_hz
    text = b"Xing" + (1).to_bytes(4, "big") + (found.frames // first.samples).to_bytes(4, "big")
    out.write((head + bytes(first.side_bytes) + text).ljust(size, b"\0"))
    with path.open("rb") as file:
        file.seek(found.start)
        while block := file.read(1 << 20):
            out.write(block)
