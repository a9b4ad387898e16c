"""`Desk`: what is done to the sounds on the shelf, so that it can be undone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from musika_daw.panel.shelf.files import MIDI_SUFFIX, moved, named, renamed, to_bin, with_midi
from musika_daw.panel.shelf.folders import Folders
from musika_daw.panel.shelf.history import FileChange
from musika_daw.panel.shelf.library import Found, Sound
from musika_daw.panel.shelf.model import ShelfModel


class Desk(QObject):
    """Keeps the model as the folders are, but for the time that `holds` is true.

    `failed` has a sentence; `said` one about what was done.
    """

    failed = Signal(str)
    said = Signal(str)

    def __init__(self, model: ShelfModel, folders: Folders, undo: QUndoStack, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model, self._folders, self._undo = model, folders, undo
        self._problems: set[str] = set()
        self.holds: Callable[[], bool] = lambda: False
        folders.found.connect(self._found)

    def rename(self, sound: Sound, name: str) -> None:
        """Give a sound's file another name."""
        try:
            fresh = named(sound.path, name)
        except ValueError as error:
            self.failed.emit(str(error))
            return

        def move(before: Path, after: Path) -> None:
            renamed(before, after)
            self._model.marks.move(before, after)
            self._model.replace({before: after})

        self._push(f"rename {sound.name}", lambda: move(sound.path, fresh), lambda: move(fresh, sound.path))

    def delete(self, sounds: Sequence[Sound]) -> None:
        """Put the files of sounds into the bin."""
        if not sounds:
            return
        binned: dict[Path, Path] = {}

        def do() -> None:
            try:
                for sound in sounds:
                    for path in with_midi(sound.path):
                        binned[path] = to_bin(path)
            finally:
                gone = [sound.path for sound in sounds if sound.path in binned]
                self._model.replace(dict.fromkeys(gone))
                self.said.emit(f"{_count(len(gone))} deleted. Ctrl+Z brings back what was deleted.")

        def back() -> None:
            returned = []
            try:
                for sound in sounds:
                    if sound.path in binned:
                        for path in (sound.path, sound.path.with_suffix(MIDI_SUFFIX)):
                            if path in binned:
                                moved(binned[path], path)
                                del binned[path]
                        returned.append(dataclasses.replace(sound, changed_s=sound.path.stat().st_mtime))
            finally:
                self._model.add(returned)

        self._push(f"delete {_count(len(sounds))}", do, back)

    def star(self, sound: Sound, starred: bool) -> None:
        """Star a sound, or take its star away."""
        self._push(
            f"{'star' if starred else 'unstar'} {sound.name}",
            lambda: self._model.star(sound, starred),
            lambda: self._model.star(sound, not starred),
        )

    def _push(self, text: str, do: Callable[[], None], back: Callable[[], None]) -> None:
        self._undo.push(FileChange(text, lambda: self._try(do), lambda: self._try(back)))

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            name = Path(error.filename2 or error.filename or "").name if isinstance(error, OSError) else ""
            self.failed.emit(f"{name}: {reason.lower()}" if name else reason)

    def _found(self, folder: Path, found: Found) -> None:
        if folder not in self._folders.paths:
            return
        if self.holds():
            self._folders.look(folder)
            return
        self._model.put(folder, found.sounds)
        fresh = [problem for problem in found.problems if problem not in self._problems]
        self._problems.update(fresh)
        if fresh and folder.is_dir():
            more = f" (and {len(fresh) - 1} more)" if len(fresh) > 1 else ""
            self.failed.emit(f"Not on the shelf: {fresh[0]}{more}")


def _count(number: int) -> str:
    return f"{number} sound{'s' * (number != 1)}"
