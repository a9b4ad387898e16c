"""`SourcePicker`: which transport the host follows; lists what there is each time it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QWidget

from musika_daw.panel.link.client import HostClient

NAME_ROLE = 0x0100


class SourcePicker(QComboBox):
    """A list of sources; a name as for `musika-daw run` may be typed too. `picked` is what the user chose."""

    picked = Signal(str)

    def __init__(self, client: HostClient, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setMinimumContentsLength(13)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setAccessibleName("Source of the transport")
        self.setToolTip("Which transport to follow: choose one, or type such as link+osc:ableton and press Enter")
        self._current = ""
        self.activated.connect(self._chosen)
        line = self.lineEdit()
        assert line is not None
        line.setAccessibleName("Source of the transport")
        line.returnPressed.connect(self._typed)

    def show_source(self, name: str) -> None:
        """Show what the host follows, unless the user is about to choose."""
        if name != self._current:
            self._current = name
            self._restore()

    def refresh(self) -> None:
        """Ask the host what there is."""
        self._client.request("devices", self._listed)

    def showPopup(self) -> None:
        """Open the list, and bring it up to date."""
        self.refresh()
        super().showPopup()

    def _listed(self, kind: str, data: Mapping[str, Any]) -> None:
        sources = data.get("sources")
        if kind != "devices" or not isinstance(sources, list):
            return
        rows = [
            (row["label"], row["name"])
            for row in sources
            if isinstance(row, dict) and isinstance(row.get("label"), str) and isinstance(row.get("name"), str)
        ]
        if [self.itemData(index, NAME_ROLE) for index in range(self.count())] == [name for _, name in rows]:
            return
        self.clear()
        for label, name in rows:
            self.addItem(label, None)
            self.setItemData(self.count() - 1, name, NAME_ROLE)
        self._restore()

    def _restore(self) -> None:
        for index in range(self.count()):
            if self.itemData(index, NAME_ROLE) == self._current:
                self.setCurrentIndex(index)
                return
        self.setCurrentIndex(-1)
        self.setEditText(self._current)

    def _chosen(self, index: int) -> None:
        name = self.itemData(index, NAME_ROLE)
        if isinstance(name, str) and name != self._current:
            self.picked.emit(name)

    def _typed(self) -> None:
        text = self.currentText().strip()
        for index in range(self.count()):
            if self.itemText(index) == text:
                text = str(self.itemData(index, NAME_ROLE))
        if text and text != self._current:
            self.picked.emit(text)
