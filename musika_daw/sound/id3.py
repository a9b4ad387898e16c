"""The ID3v2.3 tag of WAV and AIFF files, for programs that read nothing else: DJ software, taggers, players."""

import io
from typing import Any

from musika_daw.sound.tags import ACID_ONE_SHOT, Tags, loop_texts

_FRAMES = {"INAM": "TIT2", "IART": "TPE1", "IGNR": "TCON", "ICOP": "TCOP", "ISFT": "TSSE"}
_UTF16 = 1  # the encoding that version 2.3 has for all of Unicode


def id3(tags: Tags, loop: bool = False) -> bytes:
    """A tag with title, artist, genre, tempo, key, copyright and comment, the same bytes every time; b"" for none.

    With `loop` also the loop, for files that have no other place for it.

    A tempo may have a fraction, against the standard: at 128.5 bpm a whole number is 29 ms off in four bars. Programs
    read it.

    Its length is even, as zeros after the last frame may make it: Polyphone takes the byte after an odd chunk for the
    beginning of the next, and calls the file corrupt.
    """
    frames = list(_frames(tags, loop))
    if not frames:
        return b""
    from mutagen.id3 import ID3

    tag = ID3()
    for frame in frames:
        tag.add(frame)
    stream = io.BytesIO()
    tag.save(stream, v2_version=3, padding=lambda _: 0)
    if len(stream.getvalue()) % 2:
        stream = io.BytesIO()
        tag.save(stream, v2_version=3, padding=lambda _: 1)
    return stream.getvalue()


def _frames(tags: Tags, loop: bool) -> Any:
    from mutagen import id3 as frames

    texts = {_FRAMES[key]: text for key, text in tags.info.items() if key in _FRAMES}
    if tags.acid and tags.acid.beats:
        texts["TBPM"] = f"{tags.acid.tempo_bpm:.6f}".rstrip("0").rstrip(".")
    if tags.key:
        texts["TKEY"] = tags.key.removesuffix("maj").replace("min", "m")
    for name, text in texts.items():
        yield getattr(frames, name)(encoding=_UTF16, text=[text])
    own = {}
    if tags.acid and tags.acid.beats:
        own["BEATS"] = str(tags.acid.beats)
    if tags.acid and tags.acid.flags & ACID_ONE_SHOT:
        own["ONESHOT"] = "1"
    if loop:
        own |= loop_texts(tags)
    for name, text in own.items():
        yield frames.TXXX(encoding=_UTF16, desc=name, text=[text])
    if "ICMT" in tags.info:
        yield frames.COMM(encoding=_UTF16, lang="eng", desc="", text=[tags.info["ICMT"]])
