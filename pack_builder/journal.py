"""What of a pack is finished: one line a file, appended while the pack is built, gone when it is whole."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pack_builder.files import inside, sha256_of, write_atomic
from pack_builder.manifest import MANIFEST, Model, Row, models_from, read_manifest

JOURNAL = ".musika-pack.journal"


@dataclass(frozen=True)
class State:
    """A pack as found in its folder: how it was asked for, and the rows of its finished files by job."""

    recipe: dict[str, Any]
    models: tuple[Model, ...]
    created: str
    rows: dict[str, Row]
    complete: bool

    def valid_rows(self, folder: Path) -> dict[str, Row]:
        """The rows whose files are still there, byte for byte."""
        return {job: row for job, row in self.rows.items() if _intact(inside(folder, row.file), row.sha256)}


def _intact(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256


def read_state(folder: Path) -> State | None:
    """The pack in a folder, or None where it holds none; raises ValueError where its record is damaged."""
    if (folder / JOURNAL).is_file():
        return _read_journal(folder / JOURNAL)
    if not (folder / MANIFEST).is_file():
        return None
    manifest = read_manifest(folder)
    rows = {row.job: row for row in manifest.rows}
    return State(manifest.recipe, manifest.models, manifest.created, rows, True)


def _read_journal(path: Path) -> State:
    lines = path.read_bytes().split(b"\n")
    try:
        head = json.loads(lines[0])
        state = State(head["recipe"], models_from(head["models"]), head["created"], {}, False)
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path.name}: damaged") from None
    for line in lines[1:-1]:
        try:
            row = Row.from_dict(json.loads(line))
        except ValueError:
            continue  # a line that a crash cut short: its file is rendered again
        state.rows[row.job] = row
    return state


class Journal:
    """Appends finished rows; every line is on disk before the next file is counted."""

    def __init__(self, folder: Path, state: State) -> None:
        self._path = folder / JOURNAL
        head = {"recipe": state.recipe, "models": [asdict(model) for model in state.models], "created": state.created}
        lines = [head, *(asdict(row) for row in state.rows.values())]
        write_atomic(self._path, "".join(json.dumps(line) + "\n" for line in lines).encode())
        self._stream = self._path.open("ab")

    def add(self, row: Row) -> None:
        self._stream.write(json.dumps(asdict(row)).encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        self._stream.close()

