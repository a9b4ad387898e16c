"""An LMMS project file: XML (`.mmp`), or the same behind a length and zlib (`.mmpz`)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

from musika_daw.system.folders import files_below
from musika_daw.system.refusal import refused

SUFFIXES = (".mmp", ".mmpz")
# what LMMS itself allows
BPM_RANGE = (10, 999)
_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Project:
    """What the corpus asks of a project: its text, tempo in bpm, beats in a bar, and master volume in percent."""

    name: str
    text: str
    bpm: int
    bar_beats: float
    volume: float

    @classmethod
    def read(cls, path: Path) -> Project:
        """The project in a file; ValueError, in one line, for one that is damaged or whose tempo changes."""
        try:
            text = _unpacked(path).decode("utf-8")
            head = _head(ElementTree.fromstring(text), path)
            bpm, upper, lower = (int(head.get(k, d)) for k, d in _HEAD)
            volume = float(head.get("mastervol", "100"))
        except (zlib.error, UnicodeDecodeError, ElementTree.ParseError, ValueError) as error:
            raise refused("project", path, f"cannot be read ({error})") from error
        if head.find("bpm") is not None:
            raise refused("project", path, "its tempo is automated, must be steady")
        if not BPM_RANGE[0] <= bpm <= BPM_RANGE[1] or upper < 1 or lower < 1:
            raise refused("project", path, f"{bpm} bpm in {upper}/{lower}, must be 10..999 bpm in a true meter")
        return cls(path.stem, text, bpm, 4 * upper / lower, volume)

    def at(self, bpm: int, volume: float) -> Project:
        """The same song at another tempo and master volume."""
        root = ElementTree.fromstring(self.text)
        head = _head(root, Path(self.name))
        head.set("bpm", str(bpm))
        head.set("mastervol", f"{volume:g}")
        return replace(self, text=ElementTree.tostring(root, encoding="unicode"), bpm=bpm, volume=volume)


_HEAD = (("bpm", "140"), ("timesig_numerator", "4"), ("timesig_denominator", "4"))


def find_projects(folder: Path) -> list[Path]:
    """Project files below a folder, in the order of their names."""
    return sorted(p for p in files_below(Path(folder)) if p.suffix in SUFFIXES and p.is_file())


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".mmp":
        return data
    # Qt's compression: four bytes of length, then zlib
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data[4:], _MAX_BYTES)
    if not unpacker.eof:
        raise ValueError("it is cut off, or unpacks to more than 64 MiB")
    return text


def _head(root: ElementTree.Element, path: Path) -> ElementTree.Element:
    head = root.find("head")
    if root.tag not in ("lmms-project", "multimedia-project") or head is None or root.get("type") != "song":
        raise ValueError(f"{path.name} is no song of LMMS")
    return head
