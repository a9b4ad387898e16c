"""`WrittenRow`: a text that the score is asked to be written in, typed while it plays: a key, or chords."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QWidget

from musika_daw.panel.link.status import HostStatus

OWN, OFF = "its own", "plays no score"


class WrittenRow(QWidget):
    """`typed` is what the user wants, an empty text for what the music has of its own.

    A text that the host refuses stays with the reason below it, to be mended; Escape puts back what the host has.
    """

    typed = Signal(str)

    def __init__(self, title: str, hint: str, no_score: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._told = ""
        self._pending = False
        self._hint, self._no_score = hint, no_score
        self.field = QLineEdit()
        self.field.setPlaceholderText(OWN)
        self.field.setAccessibleName(title)
        self.field.setMinimumWidth(60)
        self.field.editingFinished.connect(self._type)
        self.field.installEventFilter(self)
        label = QLabel(title)
        label.setBuddy(self.field)
        label.setMinimumWidth(label.fontMetrics().horizontalAdvance("Chords"))  # the rows stand below each other
        self.error = QLabel()
        self.error.setProperty("role", "bad")
        self.error.setTextFormat(Qt.TextFormat.PlainText)
        self.error.setWordWrap(True)
        self.error.setAccessibleName(f"What is wrong with the {title.lower()}")
        self.error.hide()
        self.grid = QGridLayout(self)
        self.grid.setContentsMargins(0, 0, 0, 0)
        self.grid.addWidget(label, 0, 0)
        self.grid.addWidget(self.field, 0, 1)
        self.grid.addWidget(self.error, 2, 0, 1, 2)

    def show_told(self, told: str | None, status: HostStatus) -> None:
        """Show what the host has, unless the user is typing or what was typed was refused."""
        plays = status.heard_chord is not None
        self.field.setEnabled(plays)
        self.field.setPlaceholderText(OWN if plays else OFF)
        self.field.setToolTip(self._hint if plays else self._no_score)
        self._told = told or ""
        if self._pending and self._told == self.field.text().strip():
            self._pending = False
        if not self._pending and not self.field.isModified():
            self._restore()

    def answer(self, text: str, problem: str | None) -> None:
        """The host has taken a text, or says what is wrong with it; of one typed over since, nothing is said."""
        if text != self.field.text().strip():
            return
        self.error.setText(problem or "")
        self.error.setVisible(problem is not None)
        if problem is None:
            self._told, self._pending = text, False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Escape puts back what the host has; with nothing to put back it is the window's."""
        ours = self._pending or self.field.isModified()
        if not ours or not isinstance(event, QKeyEvent) or event.key() != Qt.Key.Key_Escape:
            return super().eventFilter(watched, event)
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
        elif event.type() == QEvent.Type.KeyPress:
            self._pending = False
            self.error.hide()
            self.field.setModified(False)
            self._restore()
        return True

    def _type(self) -> None:
        if self.field.isModified():
            self.field.setModified(False)
            self._pending = True
            self.typed.emit(self.field.text().strip())

    def _restore(self) -> None:
        if self._told != self.field.text():
            self.field.setText(self._told)
