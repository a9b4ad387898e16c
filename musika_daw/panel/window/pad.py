"""`MorphPad`: from style A to style B, by hand."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QLinearGradient, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from musika_daw.panel.window.theme import Colours

MARGIN = 14
KEY_STEP = 0.02
PAD_TIP = "Drag from style A to style B; double click: back to A"


class MorphPad(QWidget):
    """A field to drag a point through: left is A, right is B. `changed` is 0..1; double click goes back to A."""

    changed = Signal(float)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours, self._value, self._held = colours, 0.0, False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setToolTip(PAD_TIP)
        self._name()

    def set_colours(self, colours: Colours) -> None:
        """Take over another theme."""
        self._colours = colours
        self.update()

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(200, 54)

    def minimumSizeHint(self) -> QSize:
        """Lower still where a bar needs the room: so the controls need not be scrolled."""
        return QSize(120, 18)

    @property
    def value(self) -> float:
        """Where the point is."""
        return self._value

    def show_value(self, value: float | None) -> None:
        """Show what the host has, unless the user holds the point."""
        if not self._held:
            self._move(value or 0.0)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = True
            self._drag(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag."""
        if self._held:
            self._drag(event)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        """Let go."""
        self._held = False

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        """Back to A."""
        self._set(0.0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right, Home and End."""
        key = Qt.Key(event.key())
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageDown: -5, Qt.Key.Key_PageUp: 5}
        if key in steps:
            self._set(self._value + steps[key] * KEY_STEP)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._set(float(key == Qt.Key.Key_End))
        else:
            super().keyPressEvent(event)

    def _drag(self, event: QMouseEvent) -> None:
        self._set((event.position().x() - MARGIN) / max(1, self.width() - 2 * MARGIN))

    def _set(self, value: float) -> None:
        value = round(min(max(value, 0.0), 1.0), 4)
        if value != self._value:
            self._move(value)
            self.changed.emit(value)

    def _move(self, value: float) -> None:
        if value != self._value:
            self._value = value
            self._name()
            self.update()

    def _name(self) -> None:
        self.setAccessibleName(f"Morph from style A to style B: {self._value:.2f}")

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the field, the two letters and the point."""
        colours = self._colours
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(1.0 if self.isEnabled() else 0.4)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        ground = QLinearGradient(area.topLeft(), area.topRight())
        ground.setColorAt(0, QColor(colours.raised))
        ground.setColorAt(1, QColor(colours.accent).darker(140) if colours.name == "dark" else QColor("#b9d6ee"))
        painter.setBrush(ground)
        painter.setPen(QPen(QColor(colours.accent if self.hasFocus() else colours.line), 1.2))
        painter.drawRoundedRect(area, 6, 6)
        painter.setPen(QColor(colours.text))
        inner = area.adjusted(8, 0, -8, 0)
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, "A")
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, "B")
        x = MARGIN + self._value * (self.width() - 2 * MARGIN)
        painter.setPen(QPen(QColor(colours.text), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(x, area.top() + 3), QPointF(x, area.bottom() - 3))
        painter.setPen(QPen(QColor(colours.base), 2))
        painter.setBrush(QColor(colours.accent))
        painter.drawEllipse(QPointF(x, area.center().y()), 9, 9)
