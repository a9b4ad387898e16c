"""`SeedField`: a seed as a number, with dice."""

from __future__ import annotations

import random

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QToolButton, QWidget

from musika_daw.host.control.live import PARAMETERS, SEED_MAX
from musika_daw.panel.window.icons import icon
from musika_daw.panel.window.learn import LearnButton
from musika_daw.panel.window.theme import Colours

DICE_MAX = 9999


class SeedField(QWidget):
    """`changed` is what the user typed or threw; None, where that is allowed, is an empty field.

    Seeds go up to 2^64-1, more than a spin box holds. Anything else than a number is put back.
    """

    changed = Signal(str, object)

    def __init__(self, name: str, title: str, empty: str, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name, self.title = name, title
        self._off = PARAMETERS[name].off
        self._value: int | None = None
        self.field = QLineEdit()
        self.field.setPlaceholderText(empty)
        self.field.setAccessibleName(title)
        self.field.setMinimumWidth(60)
        self.field.editingFinished.connect(self._typed)
        self.dice = QToolButton()
        self.dice.setIconSize(QSize(16, 16))
        self.dice.setAccessibleName(f"Throw dice for {title.lower()}")
        self.dice.setToolTip(f"Another {title.lower()}")
        self.dice.clicked.connect(self.throw)
        self.label = QLabel(title)
        self.label.setBuddy(self.field)
        self.learn = LearnButton(name, title)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label)
        row.addWidget(self.field, 1)
        row.addWidget(self.dice)
        row.addWidget(self.learn)
        self.set_colours(colours)

    def set_colours(self, colours: Colours) -> None:
        """Take over another theme."""
        self.dice.setIcon(icon("dice", colours.text))

    @property
    def value(self) -> int | None:
        """What is shown."""
        return self._value

    def show_value(self, value: float | None) -> None:
        """Show what the host has, unless the user is typing."""
        self._value = None if value is None else int(value)
        if not (self.field.hasFocus() and self.field.isModified()):
            self._restore()

    def throw(self) -> None:
        """Another number, short enough to remember."""
        self._take(random.choice([n for n in range(DICE_MAX) if n != self._value]))

    def _typed(self) -> None:
        if not self.field.isModified():
            return
        text = self.field.text().strip()
        self.field.setModified(False)
        if text.isascii() and text.isdecimal() and int(text[:21]) <= SEED_MAX:
            self._take(int(text[:21]))
        elif not text and self._off:
            self._take(None)
        else:
            self._restore()

    def _take(self, value: int | None) -> None:
        if value != self._value:
            self._value = value
            self._restore()
            self.changed.emit(self.name, value)

    def _restore(self) -> None:
        text = "" if self._value is None else str(self._value)
        if text != self.field.text():
            self.field.setText(text)
