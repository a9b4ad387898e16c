"""`column`: widgets below each other, one of which takes the room that is left."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget


def column(*widgets: QWidget, stretch: QWidget, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QWidget:
    """A widget that holds others, from above; `stretch` is one of them, `margins` are left, top, right, bottom."""
    whole = QWidget()
    rows = QVBoxLayout(whole)
    rows.setContentsMargins(*margins)
    for widget in widgets:
        rows.addWidget(widget, int(widget is stretch))
    return whole
