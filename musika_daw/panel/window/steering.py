"""`Steering`: all controls of the music in one column, and the buttons that capture it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from musika_daw.panel.link.status import HostStatus
from musika_daw.panel.score.chords import ChordRow, KeyRow
from musika_daw.panel.score.like_row import LikeRow
from musika_daw.panel.score.part_buttons import PartButtons
from musika_daw.panel.window.learn import LearnButton
from musika_daw.panel.window.pad import MorphPad
from musika_daw.panel.window.seed import SeedField
from musika_daw.panel.window.slider import ControlSlider
from musika_daw.panel.window.theme import Colours

SLIDERS = (
    ("density", "Density", ""),
    ("energy", "Energy", ""),
    ("truncation", "Variety", ""),
    ("gain_db", "Gain", " dB"),
)
BARS = (4, 8, 16)
SEEDS = (("seed", "Seed", "0"), ("style_seed", "Style A", "as seed"), ("morph_seed", "Style B", "none"))


class Steering(QWidget):
    """Emits what the user wants: `changed` a control and its value, `captured` a number of bars, `effects` on or off,
    `learn` and `forget` a name of a control or action, `acted` an action.
    """

    changed = Signal(str, object)
    captured = Signal(int)
    effects = Signal(bool)
    learn = Signal(str)
    forget = Signal(str)
    acted = Signal(str)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sliders = {name: ControlSlider(name, title, unit) for name, title, unit in SLIDERS}
        self.sliders["truncation"].setToolTip("Truncation: less is more typical, 1 is most varied")
        self.seeds = {name: SeedField(name, title, empty, colours) for name, title, empty in SEEDS}
        self.key, self.chords, self.like = KeyRow(), ChordRow(), LikeRow()
        self.pad = MorphPad(colours)
        self.pad_learn = LearnButton("morph", "Morph")
        self.parts = PartButtons()
        self.parts.acted.connect(self.acted)
        self.effects_box = QCheckBox("Effects")
        self.effects_box.setToolTip("Hear the effects that the host was started with")
        self.effects_learn = LearnButton("effects", "Effects on and off")
        self.keep_buttons = {bars: QPushButton(f"{bars} bars") for bars in BARS}
        self.keep_learns = {bars: LearnButton(f"keep_{bars}", f"Capture {bars} bars") for bars in BARS}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        effects = _row(self.effects_box, self.effects_learn)
        column.addWidget(_group("Music", [*self.sliders.values(), self.key, self.chords, effects]))
        column.addWidget(self.parts)
        style = _group("Style", [self.like, *self.seeds.values(), self.pad])
        style.layout().addWidget(self.pad_learn, 0, Qt.AlignmentFlag.AlignRight)  # type: ignore[call-arg,union-attr]
        column.addWidget(style)
        column.addWidget(self._capture())
        # stands below what scrolls, so that the mode can be left
        self.learn_mode = QPushButton("Learn MIDI controllers")
        self.learn_mode.setCheckable(True)
        self.learn_mode.setToolTip("Show a button beside every control that binds it to a MIDI controller")
        column.addStretch(1)
        for slider in self.sliders.values():
            slider.changed.connect(self.changed)
        for seed in self.seeds.values():
            seed.changed.connect(self.changed)
        self.pad.changed.connect(lambda value: self.changed.emit("morph", value))
        self.effects_box.clicked.connect(self.effects)
        for button in self._learns():
            button.learn.connect(self.learn)
            button.forget.connect(self.forget)
        self.learn_mode.toggled.connect(self._show_learns)
        self._show_learns(False)

    def set_colours(self, colours: Colours) -> None:
        """Take over another theme."""
        self.pad.set_colours(colours)
        for field in self.seeds.values():
            field.set_colours(colours)

    def show_values(self, values: Mapping[str, float | None]) -> None:
        """Show the controls as the host has them."""
        for name, slider in self.sliders.items():
            if name in values:
                slider.show_value(values[name])
        for name, field in self.seeds.items():
            if name in values:
                field.show_value(values[name])
        self.pad.show_value(values.get("morph"))
        self.pad.setEnabled(values.get("morph_seed") is not None)
        self.pad.setToolTip(
            "Drag from style A to style B; double click: back to A"
            if self.pad.isEnabled()
            else "Choose a style B first"
        )

    def show_status(self, status: HostStatus, has_effects: bool) -> None:
        """Show what is bound, and whether effects are heard."""
        self.key.show_status(status)
        self.chords.show_status(status)
        self.like.show_status(status)
        self.effects_box.setChecked(status.effects_on)
        self.effects_box.setEnabled(has_effects)
        self.parts.show_parts(status.parts)
        for button in self._learns():
            button.show_binding(status.bindings.get(button.name), status.learning == button.name)

    def _show_learns(self, shown: bool) -> None:
        for button in self._learns():
            button.setVisible(shown)
            if not shown and button.isChecked():
                self.learn.emit("")  # nothing waits for a controller out of sight

    def _learns(self) -> Iterator[LearnButton]:
        yield from (slider.learn for slider in self.sliders.values())
        yield from (seed.learn for seed in self.seeds.values())
        yield from self.parts.all_learns()
        yield from (self.pad_learn, self.effects_learn, *self.keep_learns.values())

    def _capture(self) -> QGroupBox:
        box = QGroupBox("Capture the last")
        grid = QGridLayout(box)
        for column, bars in enumerate(BARS):
            button = self.keep_buttons[bars]
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance(button.text()) + 16)  # a style wants 80
            button.setAccessibleName(f"Capture the last {bars} bars")
            button.setToolTip(f"Keep the last {bars} bars as a loop on the shelf (Ctrl+{str(bars)[-1]})")
            button.clicked.connect(lambda _=False, bars=bars: self.captured.emit(bars))
            grid.addWidget(button, 0, column)
            self.keep_learns[bars].setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            grid.addWidget(self.keep_learns[bars], 1, column)
        return box


class SteeringScroll(QScrollArea):
    """The controls, scrolled up and down where the window is low, and never sideways."""

    def __init__(self, steering: Steering) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(steering)
        self._steering = steering
        steering.learn_mode.toggled.connect(lambda _: self.updateGeometry())

    def minimumSizeHint(self) -> QSize:
        """As wide as the controls and their scroll bar."""
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self._steering.minimumSizeHint().width() + bar, 120)


def _group(title: str, rows: list[QWidget]) -> QGroupBox:
    box = QGroupBox(title)
    column = QVBoxLayout(box)
    column.setSpacing(5)
    for row in rows:
        column.addWidget(row)
    return box


def _row(wide: QWidget, narrow: QWidget) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(wide, 1)
    row.addWidget(narrow)
    return made
