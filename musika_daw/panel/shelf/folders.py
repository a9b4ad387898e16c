"""`Folders`: the folders whose sounds are on the shelf; looked through in the background, again when they change."""

from __future__ import annotations

import contextlib
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QRunnable, QThreadPool, QTimer, Signal

from musika_daw.panel.shelf.library import scan

SETTLE_MS = 400
WATCHED_MAX = 500


class Folders(QObject):
    """`found` has a folder and what is in it, each time it was looked through."""

    found = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.paths: list[Path] = []
        self._due: set[Path] = set()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self._changed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._scan_due)
        self.found.connect(self._watch)

    def add(self, path: Path) -> bool:
        """Put a folder on the shelf; returns whether it is a new one. It need not be there yet."""
        path = path.resolve()
        if path in self.paths:
            self.look(path)
            return False
        self.paths.append(path)
        self._scan(path)
        return True

    def remove(self, path: Path) -> None:
        """Look at a folder no longer."""
        if path in self.paths:
            self.paths.remove(path)
            inside = [d for d in self._watcher.directories() if path == Path(d) or path in Path(d).parents]
            if inside:
                self._watcher.removePaths(inside)

    def look(self, path: Path) -> None:
        """Look through a folder again soon."""
        self._due.add(path)
        self._timer.start()

    def close(self) -> None:
        """Look no more, and wait for what is being looked through."""
        self._timer.stop()
        self.paths.clear()
        self._pool.clear()
        self._pool.waitForDone(5000)

    def _changed(self, directory: str) -> None:
        changed = Path(directory)
        for path in self.paths:
            if path == changed or path in changed.parents:
                self.look(path)

    def _scan_due(self) -> None:
        due, self._due = self._due, set()
        for path in due & set(self.paths):
            self._scan(path)

    def _scan(self, path: Path) -> None:
        self._pool.start(_Scan(self, path))

    def _watch(self, path: Path, found: object) -> None:
        """Watch the folders that hold something, and the one above that may get some."""
        sounds = getattr(found, "sounds", ())
        wanted = {str(path), *(str(sound.path.parent) for sound in sounds)}
        missing = sorted(name for name in wanted - set(self._watcher.directories()) if Path(name).is_dir())
        if missing and path in self.paths:
            self._watcher.addPaths(missing[:WATCHED_MAX])


class _Scan(QRunnable):
    def __init__(self, folders: Folders, path: Path) -> None:
        super().__init__()
        self._folders, self._path = folders, path

    def run(self) -> None:
        """In the pool's thread."""
        found = scan(self._path)
        with contextlib.suppress(RuntimeError):  # the window is gone
            self._folders.found.emit(self._path, found)
