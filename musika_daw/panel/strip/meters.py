"""How much is rendered ahead, how loud it is, and whether it was too loud: `CacheBar`, `LevelMeter`, `ClipLight`."""

from __future__ import annotations

import time

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolButton, QWidget

from musika_daw.panel.window.theme import Colours

FLOOR_DB, HOT_DB, FULL_DB = -60.0, -6.0, 0.0
FALL_DB_PER_S = 20.0  # as meters on desks fall


class CacheBar(QWidget):
    """How much is rendered ahead, of how much there should be."""

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours, self._share = colours, 0.0
        self.setMinimumSize(QSize(70, 8))
        self.setMaximumHeight(8)

    def set_share(self, share: float) -> None:
        """0..1."""
        self._share = min(max(share, 0.0), 1.0)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        area = QRectF(self.rect())
        painter.setBrush(QColor(self._colours.raised))
        painter.drawRoundedRect(area, 4, 4)
        painter.setBrush(QColor(self._colours.good if self._share > 0.25 else self._colours.warn))
        area.setWidth(area.width() * self._share)
        painter.drawRoundedRect(area, 4, 4)


class ClipLight(QToolButton):
    """How many blocks were cut off at full scale since the last click on it; told by a word beside the colour."""

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours, self._told, self._cleared = colours, 0, 0
        self.setAutoRaise(True)
        self.clicked.connect(self.clear)
        self._show()

    @property
    def blocks(self) -> int:
        """Blocks since it was cleared."""
        return self._told - self._cleared

    def set_told(self, blocks: int) -> None:
        """What the host has counted since it started; fewer than before are those of another host."""
        if blocks == self._told:
            return
        if blocks < self._told:
            self._cleared = 0
        self._told = blocks
        self._show()

    def set_colours(self, colours: Colours) -> None:
        """Take over another theme."""
        self._colours = colours
        self._show()

    def clear(self) -> None:
        """Count from here."""
        self._cleared = self._told
        self._show()

    def _show(self) -> None:
        blocks = self.blocks
        self.setEnabled(bool(blocks))
        self.setText(f"CLIP {blocks}" if blocks else "no clip")
        self.setStyleSheet(
            f"color: {self._colours.bad}; font-weight: bold" if blocks else f"color: {self._colours.dim}"
        )
        self.setAccessibleName(f"Clipping: {blocks} blocks" if blocks else "Clipping: none")
        self.setToolTip("Blocks cut off at full scale: turn the gain down. A click clears it." if blocks else "")


class LevelMeter(QWidget):
    """The loudest sample of a moment, dBFS, from -60 to 0 upwards; it rises at once and falls slowly."""

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours = colours
        self.setFixedWidth(8)
        self.clear()

    def clear(self) -> None:
        """Nothing is measured: empty at once, since nobody calls again to let it fall."""
        self.level_db, self._told_s = FLOOR_DB, 0.0
        self.set_level(None)

    def set_level(self, peak_db: float | None) -> None:
        """The peak since the last time; None for silence."""
        now_s = time.monotonic()
        fallen = self.level_db - FALL_DB_PER_S * (now_s - self._told_s)
        self.level_db = min(max(FLOOR_DB if peak_db is None else peak_db, fallen, FLOOR_DB), FULL_DB)
        self._told_s = now_s
        text = "silent" if self.level_db <= FLOOR_DB else f"{self.level_db:.0f} dBFS"
        self.setAccessibleName(f"Level: {text}")
        self.setToolTip(f"Level: {text}, the loudest sample; full scale is 0")
        self.update()

    def set_colours(self, colours: Colours) -> None:
        """Take over another theme."""
        self._colours = colours
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the column, in the colour of how near to full scale it is."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        area, colours = QRectF(self.rect()), self._colours
        painter.setBrush(QColor(colours.raised))
        painter.drawRoundedRect(area, 3, 3)
        share = (self.level_db - FLOOR_DB) / (FULL_DB - FLOOR_DB)
        if not share:
            return
        full, hot = self.level_db >= FULL_DB, self.level_db > HOT_DB
        painter.setBrush(QColor(colours.bad if full else colours.warn if hot else colours.good))
        painter.drawRoundedRect(area.adjusted(0, area.height() * (1 - share), 0, 0), 3, 3)
