"""Tags of FLAC, AIFF, Ogg and MP3 files, and of the ID3 chunk of a WAV file, as the `Tags` that a WAV file has.

Vorbis comments   TITLE.. BPM BEATS INITIALKEY KEY LOOPSTART LOOPLENGTH ONESHOT
ID3               TIT2.. TBPM TKEY, and as TXXX: BEATS ONESHOT
AIFF              besides its ID3 chunk NAME AUTH ANNO, markers, and the sustain loop of INST

Files come from users: tags that cannot be parsed are as if they were not there.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from musika_daw.score.harmony import key_in_text
from musika_daw.sound.tags import ACID_LOOP, ACID_ONE_SHOT, METADATA_LIMIT_BYTES, Acid, Cue, Sampler, Tags

_INFO = {
    "title": "INAM",
    "artist": "IART",
    "genre": "IGNR",
    "comment": "ICMT",
    "encoder": "ISFT",
    "copyright": "ICOP",
    "date": "ICRD",
    "TIT2": "INAM",
    "TPE1": "IART",
    "TCON": "IGNR",
    "TSSE": "ISFT",
    "TCOP": "ICOP",
    "TDRC": "ICRD",
    "COMM": "ICMT",
}
_AIFF_TEXTS = {b"NAME": "INAM", b"AUTH": "IART", b"ANNO": "ICMT", b"(c) ": "ICOP"}


def read_tags(path: Path) -> Tags:
    """The tags of a file that is no WAV file; empty where it has none. Raises OSError."""
    with path.open("rb") as stream:
        head = stream.read(12)
        stream.seek(0)
        if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
            return _of_aiff(stream)
        try:
            import mutagen

            file = mutagen.File(stream)
            tags = None if file is None else file.tags
            return Tags() if tags is None else tags_of(tags)
        except Exception:  # tags are an extra: whatever a parser trips over costs the tags and not the file
            return Tags()


def tags_of(found: Any) -> Tags:
    """The tags that a parser of mutagen found: ID3 frames, or a mapping of names to texts."""
    texts = dict(_id3_texts(found) if hasattr(found, "getall") else _comment_texts(found))
    info = {key: texts[name] for name, key in _INFO.items() if name in texts}
    bpm = _number(texts.get("TBPM") or texts.get("bpm") or texts.get("tempo"), 1, 1000)
    beats = int(_number(texts.get("beats"), 1, 1 << 20) or 0)
    acid = Acid(beats, bpm, ACID_LOOP if beats else 0) if bpm else None
    if texts.get("oneshot", "0").strip() not in ("", "0"):
        acid = Acid(0, 0.0, ACID_ONE_SHOT)
    start, length = _number(texts.get("loopstart"), 0, 1 << 40), _number(texts.get("looplength"), 1, 1 << 40)
    loop = None if start is None or length is None else Sampler(((int(start), int(start + length) - 1),))
    key = key_in_text(texts.get("TKEY") or texts.get("initialkey") or texts.get("key") or "")
    return Tags(info, acid, loop, (), key)


def _id3_texts(frames: Any) -> Iterator[tuple[str, str]]:
    for frame in frames.values():
        name, text = frame.FrameID, getattr(frame, "text", None)
        if not text:
            continue
        if name == "TXXX":
            name = str(frame.desc).lower()
        yield name, str(text[0])


def _comment_texts(comments: Any) -> Iterator[tuple[str, str]]:
    for name, value in comments.items():
        first = value[0] if isinstance(value, list) and value else value
        yield str(name).lower(), str(first)


def _number(text: str | None, low: float, high: float) -> float | None:
    try:
        value = float((text or "").strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) and low <= value <= high else None


def _of_aiff(stream: BinaryIO) -> Tags:
    tags, info = Tags(), {}
    markers: dict[int, Cue] = {}
    loop: tuple[int, int] | None = None
    for name, payload in _aiff_chunks(stream):
        try:
            if name == b"ID3 ":
                tags = tags_of_id3(payload)
            elif name == b"MARK":
                markers = dict(_markers(payload))
            elif name == b"INST":
                mode, first, last = struct.unpack_from(">hhh", payload, 8)
                loop = (first, last) if mode else None
            elif (text := _AIFF_TEXTS.get(name)) and text not in info:
                info[text] = payload.split(b"\0", 1)[0].decode("utf-8", "replace")
        except (struct.error, IndexError):
            continue
    ends = set(loop or ())
    sampler = None
    if loop and loop[0] in markers and loop[1] in markers and markers[loop[0]].frame < markers[loop[1]].frame:
        sampler = Sampler(((markers[loop[0]].frame, markers[loop[1]].frame - 1),))  # markers lie between samples
    cues = tuple(cue for number, cue in markers.items() if number not in ends)
    return Tags(info | tags.info, tags.acid, sampler or tags.sampler, cues, tags.key)


def tags_of_id3(payload: bytes) -> Tags:
    """The tags in an ID3 chunk; empty for what is none."""
    if not payload:
        return Tags()
    from mutagen.id3 import ID3

    try:
        return tags_of(ID3(io.BytesIO(payload)))
    except Exception:  # as in read_tags
        return Tags()


def _aiff_chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    offset = 12
    while True:
        stream.seek(offset)
        head = stream.read(8)
        if len(head) < 8 or not head[:4].isascii():
            return
        size = int.from_bytes(head[4:], "big")
        yield head[:4], stream.read(size) if head[:4] != b"SSND" and size <= METADATA_LIMIT_BYTES else b""
        offset += 8 + size + size % 2


def _markers(payload: bytes) -> Iterator[tuple[int, Cue]]:
    offset = 2
    for _ in range(struct.unpack_from(">H", payload)[0]):
        number, frame = struct.unpack_from(">hI", payload, offset)
        length = payload[offset + 6]
        yield number, Cue(frame, payload[offset + 7 : offset + 7 + length].decode("utf-8", "replace"))
        offset += 7 + length + (length + 1) % 2
