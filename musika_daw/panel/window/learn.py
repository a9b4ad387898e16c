"""`LearnButton`: binds the next MIDI controller that moves to a control or an action."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QToolButton, QWidget


class LearnButton(QToolButton):
    """Shows the controller that is bound. A click learns, another gives up; the menu forgets.

    `learn` has the name, or an empty text to give up; `forget` the name.
    """

    learn = Signal(str)
    forget = Signal(str)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name, self._title = name, title
        self._learning = True
        self._bound: int | None = -1
        self.setCheckable(True)
        self.setMinimumWidth(46)
        self.clicked.connect(self._clicked)
        self.show_binding(None, False)

    def show_binding(self, controller: int | None, learning: bool) -> None:
        """Show what the host says of it."""
        if (controller, learning) == (self._bound, self._learning):
            return
        self._bound, self._learning = controller, learning
        self.setChecked(learning)
        self.setText("move" if learning else "MIDI" if controller is None else f"CC {controller}")
        bound = "not bound" if controller is None else f"bound to controller {controller}"
        self.setAccessibleName(f"{self._title}, MIDI: {'waiting for a controller' if learning else bound}")
        self.setToolTip(
            "Move a MIDI controller now; click to give up" if learning else f"Learn a MIDI controller ({bound})"
        )

    def contextMenuEvent(self, event: object) -> None:
        """Offer to forget."""
        menu = QMenu(self)
        action = menu.addAction("Forget the controller")
        action.setEnabled(self._bound is not None)
        action.triggered.connect(lambda: self.forget.emit(self.name))
        menu.exec(event.globalPos())  # type: ignore[attr-defined]

    def _clicked(self) -> None:
        self.setChecked(self._learning)  # the host says when it is
        self.learn.emit("" if self._learning else self.name)
