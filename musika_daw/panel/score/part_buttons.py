"""`PartButtons`: the parts of a score, each heard or not, at one click."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QApplication, QGridLayout, QGroupBox, QPushButton, QSizePolicy, QWidget

from musika_daw.panel.window.learn import LearnButton

PARTS = ("drums", "bass", "lead", "chords")
KINDS = ("mute", "solo")
ALONE = Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier


class PartButtons(QGroupBox):
    """Hidden for a model without parts. `acted` has the action that is wanted: a click mutes a part or lets it sound
    again, with Alt or Shift it is heard alone, or no longer.
    """

    acted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Parts", parent)
        self.buttons = {part: QPushButton(part.capitalize()) for part in PARTS}
        self.learns = {
            f"{kind}_{part}": LearnButton(f"{kind}_{part}", f"{kind} {part}".capitalize())
            for kind in KINDS
            for part in PARTS
        }
        self._shown: Mapping[str, Mapping[str, bool]] = {}
        grid = QGridLayout(self)
        for column, (part, button) in enumerate(self.buttons.items()):
            button.setCheckable(True)
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance(f"{button.text()} S") + 12)
            button.clicked.connect(lambda _=False, part=part: self._clicked(part))
            grid.addWidget(button, 0, column)
            for row, kind in enumerate(KINDS, 1):
                learn = self.learns[f"{kind}_{part}"]
                learn.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
                grid.addWidget(learn, row, column)
        self.show_parts({})

    def show_parts(self, parts: Mapping[str, Mapping[str, bool]]) -> None:
        """Show what the host says of each part; nothing where its model plays none."""
        self._shown = parts
        self.setVisible(bool(parts))
        for part, state in parts.items():
            button = self.buttons.get(part)
            if button is None:
                continue
            mark = " S" if state["solo"] else " M" if state["mute"] else ""
            word = "heard" if state["heard"] else "not heard"
            marks = "".join(f", {name}" for name, on in (("muted", state["mute"]), ("soloed", state["solo"])) if on)
            button.setChecked(state["heard"])
            button.setText(f"{part.capitalize()}{mark}")
            button.setAccessibleName(f"{part.capitalize()}: {word}{marks}")
            button.setToolTip(f"{part.capitalize()} is {word}{marks}. Click: mute; Alt or Shift and click: solo")

    def all_learns(self) -> Iterator[LearnButton]:
        """The buttons that bind a mute or solo to a controller."""
        yield from self.learns.values()

    def _clicked(self, part: str) -> None:
        state = self._shown.get(part)
        self.buttons[part].setChecked(state is not None and state["heard"])  # the host says when it is
        kind = "solo" if QApplication.keyboardModifiers() & ALONE else "mute"
        self.acted.emit(f"{kind}_{part}")
