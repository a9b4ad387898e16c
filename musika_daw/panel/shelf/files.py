"""What the shelf does to files: rename, delete into the system's bin, bring back. Nothing is ever overwritten."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QFile

NAME_MAX = 120
FORBIDDEN = set('/\\:*?"<>|\0')
HIDDEN_BIN = ".deleted"


def named(path: Path, name: str) -> Path:
    """Where a file would lie under another name, its ending kept. Raises ValueError for what is no name."""
    name = name.strip()
    if name.lower().endswith(path.suffix.lower()):
        name = name[: -len(path.suffix)]
    if not name or name.startswith(".") or len(name) > NAME_MAX or FORBIDDEN & set(name) or not name.isprintable():
        raise ValueError(f"name: {name!r:.60}, must be 1..{NAME_MAX} characters that file names may hold")
    return path.with_name(name + path.suffix)


def moved(before: Path, after: Path) -> Path:
    """Move a file to where none is; returns where. Raises FileExistsError, OSError."""
    if after.exists():
        raise FileExistsError(17, "there is a file of that name already", str(after))
    shutil.move(before, after)
    return after


def to_bin(path: Path) -> Path:
    """Delete a file so that it can be brought back; returns where it lies now. Raises OSError.

    Where the system has no bin for that disk, it goes into a hidden folder beside it.
    """
    if not path.is_file():
        raise FileNotFoundError(2, "no such file", str(path))
    file = QFile(str(path))
    if file.moveToTrash() and file.fileName() and Path(file.fileName()).exists():
        return Path(file.fileName())
    bin_ = path.parent / HIDDEN_BIN
    bin_.mkdir(exist_ok=True)
    place, number = bin_ / path.name, 1
    while place.exists():
        number += 1
        place = bin_ / f"{path.stem}_{number}{path.suffix}"
    return moved(path, place)
