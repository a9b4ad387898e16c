"""`Notice`: a bar that says what is wrong and offers what helps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

TONES = ("warn", "bad", "good")
Action = tuple[str, Callable[[], None]]


class Notice(QFrame):
    """Hidden while it has nothing to say. Setting the same words again changes nothing, so a button can be pressed
    while the words keep coming.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "notice")
        self.setAccessibleName(name)
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(10, 6, 8, 6)
        self._layout.addWidget(self._text, 1)
        self._buttons: list[QPushButton] = []
        self._said: tuple[object, ...] = ()
        self.hide()

    @property
    def text(self) -> str:
        """What it says; empty while hidden."""
        return self._text.text() if self._said else ""

    @property
    def buttons(self) -> Sequence[QPushButton]:
        """The buttons of the actions, in their order."""
        return tuple(self._buttons)

    def say(self, text: str, actions: Sequence[Action] = (), tone: str = "warn") -> None:
        """Show a text with a button for each action, in one of `TONES`."""
        said = (text, tone, tuple(label for label, _ in actions))
        if said == self._said:
            return
        self._said = said
        for button in self._buttons:
            self._layout.removeWidget(button)
            button.deleteLater()
        self._buttons = []
        for label, act in actions:
            button = QPushButton(label)
            button.clicked.connect(lambda _=False, act=act: act())
            self._layout.addWidget(button)
            self._buttons.append(button)
        self._text.setText(text)
        self.setAccessibleDescription(text)
        self.setProperty("tone", tone)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()

    def clear(self) -> None:
        """Say nothing."""
        if self._said:
            self._said = ()
            self.hide()
