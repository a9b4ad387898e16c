"""`Marks`: which sounds are starred, kept in a file of their own."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from musika_daw.system.atomic import write_atomic


class Marks:
    """A set of paths in a JSON file; a file that cannot be read counts as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._starred: set[str] = set()
        with contextlib.suppress(OSError, ValueError, RecursionError):
            values = json.loads(path.read_bytes())
            if isinstance(values, list):
                self._starred = {value for value in values if isinstance(value, str)}

    def __contains__(self, path: Path) -> bool:
        return str(path) in self._starred

    def set(self, path: Path, starred: bool) -> None:
        """Star a sound, or take its star away. Raises OSError where that cannot be kept."""
        (self._starred.add if starred else self._starred.discard)(str(path))
        write_atomic(self._path, json.dumps(sorted(self._starred)).encode())

    def move(self, before: Path, after: Path) -> None:
        """The sound has another path now."""
        if before in self:
            self.set(before, False)
            self.set(after, True)
