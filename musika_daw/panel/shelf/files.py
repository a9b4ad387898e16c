"""What the shelf does to files: rename, delete into the system's bin, bring back. Nothing is ever overwritten.

The MIDI file beside a sound, of the same name, goes where it goes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QFile

from musika_daw.sound.labels import SUFFIXES

NAME_MAX = 120
FORBIDDEN = set('/\\:*?"<>|\0')
HIDDEN_BIN = ".deleted"
MIDI_SUFFIX = ".mid"


def named(path: Path, name: str) -> Path:
    """Where a file would lie under another name, its ending kept. Raises ValueError for what is no name."""
    name = name.strip()
    if name.lower().endswith(path.suffix.lower()):
        name = name[: -len(path.suffix)]
    if not name or name.startswith(".") or len(name) > NAME_MAX or FORBIDDEN & set(name) or not name.isprintable():
        raise ValueError(f"name: {name!r:.60}, must be 1..{NAME_MAX} characters that file names may hold")
    return path.with_name(name + path.suffix)


def with_midi(path: Path) -> tuple[Path, ...]:
    """A sound's file and the MIDI file beside it, unless that is another sound's too."""
    midi = path.with_suffix(MIDI_SUFFIX)
    others = (path.with_suffix(suffix) for suffix in SUFFIXES if suffix != path.suffix.lower())
    return (path, midi) if midi.is_file() and not any(other.is_file() for other in others) else (path,)


def renamed(before: Path, after: Path) -> None:
    """Move a sound's file, and the MIDI file beside it, to where none are. Raises FileExistsError, OSError; nothing is
    moved then."""
    done: list[tuple[Path, Path]] = []
    try:
        for path in with_midi(before):
            there = after if path == before else after.with_suffix(MIDI_SUFFIX)
            done.append((path, moved(path, there)))
    except OSError:
        for path, there in done:
            shutil.move(there, path)
        raise


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
