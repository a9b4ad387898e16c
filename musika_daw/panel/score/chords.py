"""`ChordRow`: the chords of the music, typed while it plays, and what is heard and held."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QWidget

from musika_daw.panel.link.status import HostStatus

HINT = "One chord a bar, round and round: Am | F | C | G7. Empty: the music's own"
NO_SCORE = "This model plays no score, so it follows no chords"


class ChordRow(QWidget):
    """`typed` is what the user wants, an empty text for the music's own chords.

    A text that the host refuses stays with the reason below it, to be mended; Escape puts back what the host has.
    """

    typed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._told = ""
        self._pending = False
        self.field = QLineEdit()
        self.field.setPlaceholderText("its own")
        self.field.setAccessibleName("Chords")
        self.field.setMinimumWidth(60)
        self.field.editingFinished.connect(self._type)
        self.field.installEventFilter(self)
        label = QLabel("Chords")
        label.setBuddy(self.field)
        self.heard = QLabel()
        self.heard.setProperty("role", "dim")
        self.heard.setAccessibleName("Chord that is heard")
        self.error = QLabel()
        self.error.setProperty("role", "bad")
        self.error.setTextFormat(Qt.TextFormat.PlainText)
        self.error.setWordWrap(True)
        self.error.setAccessibleName("What is wrong with the chords")
        self.error.hide()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(label, 0, 0)
        grid.addWidget(self.field, 0, 1)
        grid.addWidget(self.heard, 1, 1)
        grid.addWidget(self.error, 2, 0, 1, 2)

    def show_status(self, status: HostStatus) -> None:
        """Show what the host has, unless the user is typing or what was typed was refused."""
        plays = status.heard_chord is not None
        self.field.setEnabled(plays)
        self.field.setToolTip(HINT if plays else NO_SCORE)
        held = f"   held {status.held_chord}" if status.held_chord else ""
        self.heard.setText(f"now {status.heard_chord}{held}" if plays else "plays no score")
        told = status.chords or ""
        if self._pending and told == self.field.text().strip():
            self._pending = False
        self._told = told
        if not self._pending and not self.field.isModified():
            self._restore()

    def answer(self, problem: str | None) -> None:
        """The host has taken what was typed, or says what is wrong with it."""
        self.error.setText(problem or "")
        self.error.setVisible(problem is not None)
        if problem is None:
            self._told, self._pending = self.field.text().strip(), False

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
