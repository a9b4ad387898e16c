"""The pieces of a piano corpus: MIDI files with the group they are split by and their licence."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musika_daw.system.folders import files_below
from training.corpus.piano.performance import Performance, read_performance

log = logging.getLogger("training.corpus")

SHORTEST_PIECE_S = 8.0
_PART = re.compile(r"(_cut|_(mov|no|part|midi)(_?\d+)?|_[a-z])+$", re.IGNORECASE)
_LICENCES = ("CC0", "CC-BY-4.0", "CC-BY-3.0", "CC-BY-SA-4.0", "MIT", "Unlicense", "public-domain")


@dataclass(frozen=True)
class Piece:
    """A MIDI file, or a composed piece (`path` None): `name` (its stem), the `group` that all of one work by one
    performer share, `licence`."""

    path: Path | None
    name: str
    group: str
    licence: str
    notes: Performance


def read_pieces(midi: Sequence[Path]) -> list[Piece]:
    """Pieces of MIDI files and folders, sorted by name; unreadable, empty and very short ones are
    reported by name in the log `training.corpus` and left out.

    A folder's `catalog.csv` (columns file, composer, performer) gives the groups; without one the group is
    the file name without its movement or number. A folder named `NAME_LICENCE` gives the licence.
    Raises ValueError where nothing is left.
    """
    files: set[Path] = set()
    for path in map(Path, midi):
        if path.is_dir():
            files |= {p for p in files_below(path) if p.suffix.lower() in (".mid", ".midi")}
        else:
            files.add(path)
    catalogs: dict[Path, dict[str, str]] = {}
    pieces = []
    for path in sorted(files, key=lambda p: (p.name, str(p))):
        folder = path.parent
        if folder not in catalogs:
            catalogs[folder] = _catalog_groups(folder)
        try:
            notes = read_performance(path)
        except ValueError as error:
            log.warning("%s; left out", error)
            continue
        if notes.duration_s < SHORTEST_PIECE_S:
            log.warning(
                "midi file %s: lasts %.1f s, must last %g s; left out", path, notes.duration_s, SHORTEST_PIECE_S
            )
            continue
        group = catalogs[folder].get(path.name) or group_of_name(path.stem)
        pieces.append(Piece(path, path.stem, group, licence_of_folder(folder), notes))
    if not pieces:
        raise ValueError(f"midi: no usable files among {len(files)} found in {', '.join(map(str, midi))}")
    return pieces


def group_of_name(stem: str) -> str:
    """File stem without what tells movements of one recording apart (`_cut_mov_1`, `_no_2`, `_a`)."""
    return _PART.sub("", stem) or stem


def licence_of_folder(folder: Path) -> str:
    """Licence at the end of a folder's name, or `unknown`."""
    for licence in _LICENCES:
        if folder.name.lower().endswith("_" + licence.lower()):
            return licence
    return "unknown"


def _catalog_groups(folder: Path) -> dict[str, str]:
    path = folder / "catalog.csv"
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups = {}
    for row in rows:
        names = [(row.get(k) or "").strip() for k in ("composer", "performer")]
        if all(names) and row.get("file"):
            groups[row["file"]] = " / ".join(names)
    return groups
