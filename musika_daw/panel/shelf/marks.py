"""`Marks`: which sounds are starred, kept in a file of their own."""

from __future__ import annotations

import json
from pathlib import Path

from musika_daw.system.atomic import write_atomic


class Marks:
    """A set of paths in a file; one that is damaged counts as empty, and is put aside before it is written anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._starred: set[str] = set()
        self._read()

    def _read(self) -> bool:
        """Take what the file says, which another panel may have changed; False where it is no such file."""
        try:
            values = json.loads(self._path.read_bytes())
        except OSError:
            return True
        except (ValueError, RecursionError):
            return False
        if not isinstance(values, list):
            return False
        self._starred = {value for value in values if isinstance(value, str)}
        return True

    def __contains__(self, path: Path) -> bool:
        return str(path) in self._starred

    def set(self, path: Path, starred: bool) -> None:
        """Star a sound, or take its star away. Raises OSError where that cannot be kept."""
        if not self._read():
            self._path.replace(self._path.with_name(self._path.name + ".damaged"))
        (self._starred.add if starred else self._starred.discard)(str(path))
        write_atomic(self._path, json.dumps(sorted(self._starred)).encode())

    def move(self, before: Path, after: Path) -> None:
        """The sound has another path now."""
        if before in self:
            self.set(before, False)
            self.set(after, True)
