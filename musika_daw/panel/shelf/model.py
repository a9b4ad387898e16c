"""`ShelfModel`: the sounds that are on the shelf and match what is searched, for a view."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt, QUrl, Signal

from musika_daw.panel.later import later
from musika_daw.panel.shelf.library import Sound, words_of
from musika_daw.panel.shelf.marks import Marks

Index = QModelIndex | QPersistentModelIndex
SOUND_ROLE = int(Qt.ItemDataRole.UserRole)
ORDERS = ("newest", "name", "tempo", "starred")


class ShelfModel(QAbstractListModel):
    """One row a sound. `rename_wanted` has a sound and the name that was typed for it."""

    rename_wanted = Signal(object, str)

    def __init__(self, marks: Marks) -> None:
        super().__init__()
        self.marks = marks
        self._folders: dict[Path, tuple[Sound, ...]] = {}
        self._shown: list[Sound] = []
        self._rows: dict[Path, int] = {}
        self._words: list[str] = []
        self._order, self._starred_only = ORDERS[0], False
        self.audition: Path | None = None
        self.audition_state: str | None = None

    @property
    def total(self) -> int:
        """How many sounds there are, found or not."""
        return sum(map(len, self._folders.values()))

    def put(self, folder: Path, sounds: Sequence[Sound]) -> bool:
        """Take over what was found in a folder; returns whether anything is another than before."""
        if self._folders.get(folder, ()) == tuple(sounds):
            return False
        self._folders[folder] = tuple(sounds)
        self._show()
        return True

    def forget(self, folder: Path) -> None:
        """Take a folder off the shelf."""
        if self._folders.pop(folder, None) is not None:
            self._show()

    def search(self, text: str, order: str, starred_only: bool) -> None:
        """Show what holds all words of a text, in one of `ORDERS`."""
        wanted = (words_of(text), order, starred_only)
        if wanted != (self._words, self._order, self._starred_only):
            self._words, self._order, self._starred_only = wanted
            self._show()

    def row_of(self, path: Path) -> int | None:
        """The row of a sound, or None where it is not shown."""
        return self._rows.get(path)

    def sound(self, index: Index) -> Sound:
        """The sound of a row."""
        return self._shown[index.row()]

    def replace(self, changes: Mapping[Path, Path | None]) -> None:
        """Files have other paths now, or none, without looking through the folders again."""
        for folder, sounds in self._folders.items():
            self._folders[folder] = tuple(_changed(sounds, changes))
        self._show()

    def add(self, sounds: Iterable[Sound]) -> None:
        """Bring sounds back to the folders they came from."""
        for sound in sounds:
            for folder, there in self._folders.items():
                if folder in sound.path.parents and sound not in there:
                    self._folders[folder] = (*there, sound)
                    break
        self._show()

    def star(self, sound: Sound, starred: bool) -> None:
        """Star a sound. Raises OSError where that cannot be kept."""
        self.marks.set(sound.path, starred)
        if self._starred_only or self._order == "starred":
            self._show()
        self.touch(sound.path)

    def show_audition(self, file: str | None, state: str | None) -> None:
        """What is being heard."""
        path = None if file is None else Path(file)
        if (path, state) != (self.audition, self.audition_state):
            before, self.audition, self.audition_state = self.audition, path, state
            for changed in {before, path} - {None}:
                self.touch(changed)

    def touch(self, path: Path | None) -> None:
        """Have a tile painted again."""
        row = None if path is None else self._rows.get(path)
        if row is not None:
            self.dataChanged.emit(self.index(row), self.index(row))

    def rowCount(self, parent: Index | None = None) -> int:
        """How many are shown."""
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts for people and screen readers, and the sound itself."""
        if not index.isValid() or index.row() >= len(self._shown):
            return None
        sound = self._shown[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return sound.name
        if role == SOUND_ROLE:
            return sound
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join((sound.name, *sound.facts, *(("starred",) if sound.path in self.marks else ())))
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{sound.name}\n{' · '.join(sound.facts)}\n{sound.path.parent}"
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """A name was typed."""
        if role != Qt.ItemDataRole.EditRole or not index.isValid():
            return False
        sound = self.sound(index)
        name = str(value).strip()
        if name and name != sound.name:  # later: the rows must not change while the view writes into them
            later(self, lambda: self.rename_wanted.emit(sound, name))
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Every sound can be chosen, dragged and renamed."""
        flag = Qt.ItemFlag
        if not index.isValid():
            return flag.NoItemFlags
        return flag.ItemIsEnabled | flag.ItemIsSelectable | flag.ItemIsDragEnabled | flag.ItemIsEditable

    def mimeTypes(self) -> list[str]:
        """Files."""
        return ["text/uri-list"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """The files of some rows, those that are there: a drop of a file that is gone would be worse than none."""
        paths = [self.sound(index).path for index in indexes]
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths if path.is_file()])
        return data

    def _show(self) -> None:
        self.beginResetModel()
        seen: dict[Path, Sound] = {}
        for sounds in self._folders.values():
            seen.update((sound.path, sound) for sound in sounds)
        shown = [sound for sound in seen.values() if not self._words or sound.matches(self._words)]
        if self._starred_only:
            shown = [sound for sound in shown if sound.path in self.marks]
        if self._order == "name":
            shown.sort(key=lambda sound: sound.name.lower())
        elif self._order == "tempo":
            shown.sort(key=lambda sound: (sound.labels.bpm is None, sound.labels.bpm or 0, sound.name.lower()))
        else:
            shown.sort(key=lambda sound: (-sound.changed_s, sound.name))
            if self._order == "starred":
                shown.sort(key=lambda sound: sound.path not in self.marks)
        self._shown = shown
        self._rows = {sound.path: row for row, sound in enumerate(shown)}
        self.endResetModel()


def _changed(sounds: tuple[Sound, ...], changes: Mapping[Path, Path | None]) -> Iterable[Sound]:
    for sound in sounds:
        path = changes.get(sound.path, sound.path)
        if path is not None:
            yield sound if path == sound.path else dataclasses.replace(sound, path=path)
