"""`TileDelegate`: paints a sound as a tile: waveform, name, tempo, bars, key, density, star."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QMouseEvent, QPainter, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from musika_daw.panel.shelf.library import Sound
from musika_daw.panel.shelf.model import ShelfModel
from musika_daw.panel.shelf.thumbnails import POINTS, Thumbnails
from musika_daw.panel.window.icons import paint_icon
from musika_daw.panel.window.theme import Colours

WIDTH, HEIGHT, GAP = 200, 100, 4
NARROWER = 30  # may be missing in a view, all tiles together, for one more of them beside the others
WAVE_HEIGHT = 50
SIGN_WIDTH = 17
PICTURES_MAX = 400
Index = QModelIndex | QPersistentModelIndex


class TileDelegate(QStyledItemDelegate):
    """Every tile is painted once into a picture, which scrolling then only copies.

    `starred` and `played` have the sound whose star, or play sign, was clicked.
    """

    starred = Signal(object)
    played = Signal(object)

    def __init__(self, model: ShelfModel, thumbnails: Thumbnails, colours: Colours, parent: QObject) -> None:
        super().__init__(parent)
        self._model, self._thumbnails, self._colours = model, thumbnails, colours
        self._pictures: OrderedDict[tuple[object, ...], QPixmap] = OrderedDict()
        self.width = WIDTH

    def set_colours(self, colours: Colours) -> None:
        """Take over another theme."""
        self._colours = colours
        self._pictures.clear()

    @property
    def size(self) -> QSize:
        """Of every tile."""
        return QSize(self.width, HEIGHT)

    def fit(self, width: int) -> None:
        """Share out a view's width to as many tiles beside each other as have `WIDTH` each, or very nearly."""
        self.width = width // max(1, (width + NARROWER) // WIDTH)

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """All tiles are of one size."""
        return self.size

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Copy the tile's picture, making it first where there is none."""
        sound = self._model.sound(index)
        state = option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        heard = self._model.audition_state if self._model.audition == sound.path else None
        wave = self._thumbnails.get(sound)
        ratio = painter.device().devicePixelRatioF()
        marked = sound.path in self._model.marks
        key = (sound, chosen, focused, hovered, heard, marked, wave is None, ratio, self.width)
        picture = self._pictures.get(key)
        if picture is None:
            picture = self._painted(sound, wave, chosen, focused, hovered, heard, ratio)
            self._pictures[key] = picture
            if len(self._pictures) > PICTURES_MAX:
                self._pictures.popitem(last=False)
        else:
            self._pictures.move_to_end(key)
        painter.drawPixmap(option.rect.topLeft(), picture)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, _index: Index) -> None:
        """A name is typed where it stands."""
        area: QRect = option.rect
        editor.setGeometry(area.adjusted(GAP + 4, GAP + WAVE_HEIGHT + 2, -GAP - 4, -GAP - 18))

    def editorEvent(self, event: QEvent, _model: object, option: QStyleOptionViewItem, index: Index) -> bool:
        """Clicks on the star and on the play sign."""
        if event.type() != QEvent.Type.MouseButtonRelease or not isinstance(event, QMouseEvent):
            return False
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        area = QRectF(option.rect)
        at = event.position()
        for place, signal in ((star_area(area), self.starred), (play_area(area), self.played)):
            if place.adjusted(-4, -4, 4, 4).contains(at):
                signal.emit(self._model.sound(index))
                return True
        return False

    def _painted(
        self,
        sound: Sound,
        wave: bytes | None,
        chosen: bool,
        focused: bool,
        hovered: bool,
        heard: str | None,
        ratio: float,
    ) -> QPixmap:
        colours = self._colours
        picture = QPixmap(round(self.width * ratio), round(HEIGHT * ratio))
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QRectF(0, 0, self.width, HEIGHT)
        area = whole.adjusted(GAP, GAP, -GAP, -GAP)
        edge = colours.accent if chosen or heard else colours.line
        painter.setPen(QPen(QColor(edge), 2 if chosen or heard else 1, _line_of(focused, chosen)))
        painter.setBrush(QColor(colours.raised if chosen or hovered else colours.base))
        painter.drawRoundedRect(area, 6, 6)
        if wave is not None:
            _paint_wave(
                painter, wave, area.adjusted(10 + SIGN_WIDTH, 3, -8, 0), colours.accent if heard else colours.wave
            )
        paint_icon(painter, "stop" if heard else "play", play_area(whole), colours.accent if heard else colours.dim)
        starred = sound.path in self._model.marks
        if starred or hovered or chosen:
            paint_icon(painter, "star", star_area(whole), colours.warn if starred else colours.line)
        self._paint_texts(painter, sound, area.adjusted(8, WAVE_HEIGHT + 3, -8, -4), heard)
        painter.end()
        return picture

    def _paint_texts(self, painter: QPainter, sound: Sound, area: QRectF, heard: str | None) -> None:
        colours = self._colours
        font = QFont(painter.font())
        font.setPointSizeF(9)
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        # the end of a name tells files of a pack apart
        name = QFontMetrics(font).elidedText(sound.title, Qt.TextElideMode.ElideLeft, int(area.width()))
        line = QFontMetrics(font).height()
        painter.drawText(area, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, name)
        font.setPointSizeF(8)
        painter.setFont(font)
        painter.setPen(QColor(colours.accent if heard else colours.dim))
        facts = "on the next bar" if heard == "waiting" else "  ".join(sound.facts)
        facts = QFontMetrics(font).elidedText(facts, Qt.TextElideMode.ElideRight, int(area.width()))
        painter.drawText(area.adjusted(0, line, 0, 0), Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, facts)


def star_area(tile: QRectF) -> QRectF:
    """Where the star is on a tile."""
    return QRectF(tile.left() + GAP + 7, tile.top() + GAP + 5, 14, 14)


def play_area(tile: QRectF) -> QRectF:
    """Where the play sign is on a tile."""
    return QRectF(tile.left() + GAP + 8, tile.top() + GAP + WAVE_HEIGHT / 2 - 3, 13, 13)


def _line_of(focused: bool, chosen: bool) -> Qt.PenStyle:
    """Who goes by keyboard sees where he is, chosen or not."""
    return Qt.PenStyle.DashLine if focused and not chosen else Qt.PenStyle.SolidLine


def _paint_wave(painter: QPainter, wave: bytes, area: QRectF, colour: str) -> None:
    points = np.frombuffer(wave, np.int8).reshape(POINTS, 2) / 127
    middle, half = area.top() + WAVE_HEIGHT / 2, WAVE_HEIGHT / 2 - 3
    step = area.width() / (POINTS - 1)
    low = [QPointF(area.left() + i * step, middle - float(value) * half + 0.4) for i, value in enumerate(points[:, 0])]
    high = [QPointF(area.left() + i * step, middle - float(value) * half - 0.4) for i, value in enumerate(points[:, 1])]
    painter.setPen(Qt.PenStyle.NoPen)
    shade = QColor(colour)
    shade.setAlphaF(0.85)
    painter.setBrush(shade)
    painter.drawPolygon(QPolygonF([*high, *reversed(low)]))
