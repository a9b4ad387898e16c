"""Icons drawn from points, so that they are sharp at any scale and take the colour of the text."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QPolygonF

_STAR = [(50, 6), (61, 38), (95, 38), (68, 58), (78, 91), (50, 71), (22, 91), (32, 58), (5, 38), (39, 38)]
# outlines on a square of 100: polygons, and circles as (x, y, radius)
POLYGONS: Mapping[str, list[list[tuple[int, int]]]] = {
    "play": [[(22, 12), (86, 50), (22, 88)]],
    "stop": [[(20, 20), (80, 20), (80, 80), (20, 80)]],
    "pause": [[(20, 16), (42, 16), (42, 84), (20, 84)], [(58, 16), (80, 16), (80, 84), (58, 84)]],
    "star": [_STAR],
    "folder": [[(6, 22), (38, 22), (46, 32), (94, 32), (94, 82), (6, 82)]],
}
CIRCLES: Mapping[str, list[tuple[int, int, int]]] = {
    "dice": [(30, 30, 9), (70, 30, 9), (50, 50, 9), (30, 70, 9), (70, 70, 9)],
    "lamp": [(50, 50, 40)],
}
SIZE = 64


def paint_icon(painter: QPainter, name: str, area: QRectF, colour: str) -> None:
    """Paint an icon into a rectangle."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.translate(area.topLeft())
    painter.scale(area.width() / 100, area.height() / 100)
    for points in POLYGONS.get(name, []):
        painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in points]))
    for x, y, radius in CIRCLES.get(name, []):
        painter.drawEllipse(QPointF(x, y), radius, radius)
    if name == "dice":
        pen = painter.pen()
        pen.setStyle(Qt.PenStyle.SolidLine)
        pen.setColor(QColor(colour))
        pen.setWidthF(7)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(8, 8, 84, 84), 16, 16)
    painter.restore()


def icon(name: str, colour: str) -> QIcon:
    """An icon in one colour."""
    picture = QPixmap(QSize(SIZE, SIZE))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    paint_icon(painter, name, QRectF(4, 4, SIZE - 8, SIZE - 8), colour)
    painter.end()
    return QIcon(picture)
