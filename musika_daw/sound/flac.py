"""FLAC files with the comments that players and DAWs read: title, artist, BPM, key and the rest.

libsndfile writes the audio; its comment block (which cannot hold a tempo) is replaced by ours. Layout of the
blocks: the FLAC format, section on metadata; of the comments: the Vorbis comment header, little-endian.
"""

import io
import struct

import numpy as np

from musika_daw.sound.tags import ACID_ONE_SHOT, Tags, loop_texts

_COMMENT, _LAST = 4, 0x80
_NAMES = {
    "INAM": "TITLE",
    "IART": "ARTIST",
    "IGNR": "GENRE",
    "ICMT": "COMMENT",
    "ISFT": "ENCODER",
    "ICOP": "COPYRIGHT",
    "ICRD": "DATE",
}


def comments_of(tags: Tags) -> dict[str, str]:
    """Comment names and texts for the tags of a file; a tempo only where the file has one."""
    comments = {_NAMES[key]: text for key, text in tags.info.items() if key in _NAMES}
    if tags.acid and tags.acid.beats:
        comments |= {"BPM": f"{tags.acid.tempo_bpm:.6f}".rstrip("0").rstrip("."), "BEATS": str(tags.acid.beats)}
    comments |= loop_texts(tags)
    if tags.acid and tags.acid.flags & ACID_ONE_SHOT:
        comments["ONESHOT"] = "1"
    if tags.key:  # some programs look for one name, some for the other
        comments |= {"INITIALKEY": tags.key, "KEY": tags.key}
    return comments


def encode_flac(samples: np.ndarray, sample_rate_hz: int, tags: Tags) -> bytes:
    """A whole 24-bit FLAC file; samples float [frames, channels] in -1..1."""
    import soundfile

    stream = io.BytesIO()
    whole = np.clip(np.rint(samples.astype(np.float64) * (1 << 23)), -(1 << 23), (1 << 23) - 1).astype(np.int32) << 8
    soundfile.write(stream, whole, sample_rate_hz, "PCM_24", format="FLAC")
    return with_comments(stream.getvalue(), comments_of(tags))


def with_comments(data: bytes, comments: dict[str, str]) -> bytes:
    """A FLAC file with these comments in place of its own; raises ValueError for anything that is no FLAC file."""
    if data[:4] != b"fLaC":
        raise ValueError("not a flac file")
    blocks, offset, last = [], 4, False
    while not last:
        if offset + 4 > len(data):
            raise ValueError("flac file: cut short")
        head = struct.unpack_from(">I", data, offset)[0]
        kind, size, last = head >> 24 & 0x7F, head & 0xFFFFFF, bool(head >> 31)
        if kind != _COMMENT:
            blocks.append((kind, data[offset + 4 : offset + 4 + size]))
        offset += 4 + size
    blocks.insert(1, (_COMMENT, _comment_block(comments)))
    parts = [b"fLaC"]
    for index, (kind, payload) in enumerate(blocks):
        flag = _LAST if index == len(blocks) - 1 else 0
        parts.append(struct.pack(">I", (flag | kind) << 24 | len(payload)) + payload)
    return b"".join(parts) + data[offset:]


def _comment_block(comments: dict[str, str]) -> bytes:
    def text(value: str) -> bytes:
        raw = value.encode("utf-8")
        return struct.pack("<I", len(raw)) + raw

    return (
        text("musika-daw")
        + struct.pack("<I", len(comments))
        + b"".join(text(f"{name}={value}") for name, value in comments.items())
    )
