"""What became of every file of a music folder, one row each, so that building again only reads what is new."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from musika_daw.system.atomic import write_atomic
from musika_daw.system.refusal import refused

KEPT, SKIPPED = "kept", "skipped"


@dataclass(frozen=True)
class FileRow:
    """One file: `path` below the folder, `outcome` kept or skipped, and why in `reason`.

    `parts` are the corpus songs made of it; `bpm` is None where the grid is unsteady, `tempo_bpm` the guess all
    the same; `like` is `likeness.to_text`. `twin` is the file of which a duplicate is one.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str
    outcome: str
    reason: str = ""
    seconds: float = 0.0
    parts: int = 0
    confidence: float = 0.0
    bpm: float | None = None
    tempo_bpm: float | None = None
    like: str = ""
    twin: str = ""


class Journal:
    """The rows of `CORPUS/files.jsonl`, latest row of a path wins; every `write` is on disk when it returns."""

    def __init__(self, folder: Path, source: Path) -> None:
        self._path = Path(folder) / "files.jsonl"
        self.rows: dict[str, FileRow] = {}
        head = {"source": str(source)}
        if self._path.exists():
            lines = self._path.read_text().splitlines(keepends=True)
            found = json.loads(lines[0]) if lines and lines[0].endswith("\n") else head
            if found != head:
                raise refused("corpus", folder, f"was made of {found['source']}, asked for {source}")
            for line in lines[1:]:
                if line.endswith("\n"):  # else torn by a kill
                    row = FileRow(**json.loads(line))
                    self.rows[row.path] = row
        self._head = json.dumps(head) + "\n"
        self.rewrite(self.rows.values())
        self._file = self._path.open("a")

    def rewrite(self, rows: Iterable[FileRow]) -> None:
        """Replace all rows at once."""
        self.rows = {row.path: row for row in rows}
        write_atomic(self._path, self._head + "".join(_text(r) for r in self.rows.values()))
        if hasattr(self, "_file"):
            self._file.close()
            self._file = self._path.open("a")

    def write(self, row: FileRow) -> None:
        """Add or replace one row."""
        self.rows[row.path] = row
        self._file.write(_text(row))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _text(row: FileRow) -> str:
    return json.dumps(asdict(row)) + "\n"
