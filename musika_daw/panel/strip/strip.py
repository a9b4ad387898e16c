"""`TransportStrip`: source, tempo, place, lock, cache, underruns, level and clipping at one glance."""

from __future__ import annotations

import time

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from musika_daw.panel.link.client import HostClient
from musika_daw.panel.link.status import HostStatus
from musika_daw.panel.strip.meters import CacheBar, ClipLight, LevelMeter
from musika_daw.panel.strip.picker import SourcePicker
from musika_daw.panel.window.icons import icon, paint_icon
from musika_daw.panel.window.theme import Colours

OWN_CLOCK = "internal"
TEMPO_RANGE = (20.0, 400.0)
ON_THE_WAY_S = 1.5


class LockLamp(QWidget):
    """A lamp with a word, since not everybody tells green from red."""

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours = colours
        self.state, self.colour = "no host", colours.dim
        self.setMinimumSize(QSize(112, 22))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_state("no host")

    def set_state(self, state: str) -> None:
        """One of "locked", "not locked", "stopped", "no source", "no host"."""
        colours = self._colours
        shade = {"locked": colours.good, "not locked": colours.warn, "no source": colours.bad}
        self.state, self.colour = state, shade.get(state, colours.dim)
        self.setAccessibleName(f"Lock: {state}")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the lamp and its word."""
        painter = QPainter(self)
        side = min(16, self.height() - 4)
        paint_icon(painter, "lamp", QRectF(2, (self.height() - side) / 2, side, side), self.colour)
        painter.setPen(QColor(self._colours.text))
        area = self.rect().adjusted(side + 8, 0, 0, 0)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.state)


class TransportStrip(QFrame):
    """What the host follows and how well. `play_pressed`, `source_picked` and `tempo_set` are the user's wishes.

    The tempo can be set while the host follows its own clock; any other is the DAW's.
    """

    play_pressed = Signal(bool)
    source_picked = Signal(str)
    tempo_set = Signal(float)

    def __init__(self, client: HostClient, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "strip")
        self.setAccessibleName("Transport")
        self._colours = colours
        self._playing = False
        self.play = QToolButton()
        self.play.setIconSize(QSize(22, 22))
        self.play.setMinimumSize(QSize(38, 38))
        self.play.clicked.connect(lambda: self.play_pressed.emit(not self._playing))
        self.picker = SourcePicker(client)
        self.picker.picked.connect(self.source_picked)
        self.tempo, self.place = _number("Tempo"), _number("Bar and beat")
        self.own_tempo = QDoubleSpinBox()
        self.own_tempo.setRange(*TEMPO_RANGE)
        self.own_tempo.setKeyboardTracking(False)
        self.own_tempo.setAccessibleName("Tempo of the own clock, bpm")
        self.own_tempo.setToolTip("Tempo of the host's own clock")
        self.own_tempo.valueChanged.connect(self._set_tempo)
        self.own_tempo.hide()
        self._tempo_until_s = 0.0
        self.lamp, self.bar = LockLamp(colours), CacheBar(colours)
        self.error, self.ahead, self.holes = _small("Lock error"), _small("Rendered ahead"), _small("Underruns")
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 6, 10, 6)
        grid.setHorizontalSpacing(8)
        grid.addWidget(self.play, 0, 0, 2, 1)
        grid.addWidget(_small("", "source"), 0, 1)
        grid.addWidget(self.picker, 1, 1)
        for column, (number, unit) in enumerate(((self.tempo, "bpm"), (self.place, "bar . beat")), 2):
            grid.addWidget(_small("", unit), 0, column)
            grid.addWidget(number, 1, column)
        grid.addWidget(self.own_tempo, 1, 2)
        grid.addWidget(self.lamp, 0, 4)
        grid.addWidget(self.error, 1, 4)
        grid.addWidget(self.ahead, 0, 5)
        grid.addWidget(self.bar, 1, 5)
        underruns = QHBoxLayout()
        underruns.setSpacing(4)
        underruns.addWidget(self.holes)
        underruns.addWidget(_small("", "underruns"), 1)
        grid.addLayout(underruns, 0, 6)
        self.clip = ClipLight(colours)
        grid.addWidget(self.clip, 1, 6)
        self.level = LevelMeter(colours)
        grid.addWidget(self.level, 0, 7, 2, 1)
        grid.setColumnStretch(1, 1)
        self.show_nothing()

    def set_colours(self, colours: Colours) -> None:
        """Take over another theme."""
        self._colours = self.lamp._colours = self.bar._colours = colours
        self._show_play(self._playing, self.play.isEnabled())
        self.lamp.set_state(self.lamp.state)
        self.clip.set_colours(colours)
        self.level.set_colours(colours)

    def show_nothing(self) -> None:
        """There is no host."""
        self._show_play(False, False)
        self.tempo.setText("–")
        self._show_own_tempo(None)
        self.place.setText("–")
        self.lamp.set_state("no host")
        self.error.setText("")
        self.ahead.setText("none ahead")
        self.bar.set_share(0)
        self.holes.setText("–")
        self.level.clear()

    def show_status(self, status: HostStatus) -> None:
        """Show what the host says."""
        self.picker.show_source(status.source)
        if status.playing != self._playing or status.steers != self.play.isEnabled():
            self._show_play(status.playing, status.steers)
        self.tempo.setText(f"{status.bpm:.2f}")
        self._show_own_tempo(status.bpm if status.source == OWN_CLOCK else None)
        self.place.setText(f"{status.bar} . {int(status.bar_beat)}")
        if status.state in ("waiting", "silent"):
            state = "no source"
        elif not status.playing:
            state = "stopped"
        else:
            state = "locked" if status.locked else "not locked"
        if state != self.lamp.state:
            self.lamp.set_state(state)
        # rounded before it is written: there is no -0.00
        self.error.setText("" if status.error_ms is None else f"{round(status.error_ms, 2) + 0.0:+.2f} ms")
        self.ahead.setText(f"{status.ahead_s:.1f} s ahead")
        self.bar.set_share(status.ahead_s / status.wanted_s if status.wanted_s > 0 else 0.0)
        self.holes.setText(str(status.underruns))
        self.clip.set_told(status.clipped)
        self.level.set_level(status.peak_db)

    def _set_tempo(self, bpm: float) -> None:
        self._tempo_until_s = time.monotonic() + ON_THE_WAY_S
        self.tempo_set.emit(bpm)

    def _show_own_tempo(self, bpm: float | None) -> None:
        """Show the tempo as a field where it is the host's own, but what was set a moment ago is not set back."""
        self.own_tempo.setVisible(bpm is not None)
        self.tempo.setVisible(bpm is None)
        typing = self.own_tempo.lineEdit().isModified() and self.own_tempo.hasFocus()
        if bpm is None or typing or time.monotonic() < self._tempo_until_s:
            return
        with QSignalBlocker(self.own_tempo):
            self.own_tempo.setValue(bpm)

    def _show_play(self, playing: bool, enabled: bool) -> None:
        self._playing = playing
        self.play.setEnabled(enabled)
        self.play.setIcon(icon("stop" if playing else "play", self._colours.text if enabled else self._colours.line))
        self.play.setAccessibleName("Stop" if playing else "Play")
        self.play.setToolTip(
            f"{'Stop' if playing else 'Play'} (Ctrl+Space)" if enabled else "Play and stop are the DAW's here"
        )


def _number(name: str) -> QLabel:
    label = QLabel("–")
    label.setProperty("role", "number")
    label.setAccessibleName(name)
    label.setMinimumWidth(78)
    return label


def _small(name: str, text: str = "") -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "dim" if text else "plain")
    if name:
        label.setAccessibleName(name)
    return label
