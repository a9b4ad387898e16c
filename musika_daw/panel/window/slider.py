"""`ControlSlider`: one control with its number, its MIDI button, and a way back to where it started."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from musika_daw.host.control.live import PARAMETERS, Parameter
from musika_daw.panel.window.learn import LearnButton

STEPS = 1000


class ControlSlider(QWidget):
    """A slider for a number. `changed` is a value the user set, None where it is left to the model.

    Double click on name or slider goes back to the start value; MIDI is `learn`'s.
    """

    changed = Signal(str, object)

    def __init__(self, name: str, title: str, unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name, self.title = name, title
        self.parameter: Parameter = PARAMETERS[name]
        self._quiet = False
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setPageStep(STEPS // 10)
        self.slider.setSingleStep(STEPS // 100)
        self.slider.setAccessibleName(title)
        self.number = QDoubleSpinBox()
        self.number.setRange(self.parameter.low, self.parameter.high)
        self.number.setDecimals(1 if unit else 2)
        self.number.setSingleStep(self.parameter.step / (1 if unit else 10))
        self.number.setSuffix(unit)
        self.number.setKeyboardTracking(False)
        self.number.setAccessibleName(f"{title}, number")
        self.auto = QCheckBox("auto")
        self.auto.setAccessibleName(f"{title}, left to the model")
        self.auto.setToolTip("Leave it to the model")
        self.auto.setVisible(self.parameter.off)
        self.label = QLabel(title)
        self.label.setBuddy(self.slider)
        self.label.setToolTip("Double click: back to the start value")
        self.learn = LearnButton(name, title)
        top = QHBoxLayout()
        top.addWidget(self.label, 1)
        top.addWidget(self.auto)
        top.addWidget(self.number)
        top.addWidget(self.learn)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 2)
        column.setSpacing(1)
        column.addLayout(top)
        column.addWidget(self.slider)
        for watched in (self.label, self.slider):
            watched.installEventFilter(self)
        self.slider.valueChanged.connect(self._slid)
        self.number.valueChanged.connect(self._typed)
        self.auto.toggled.connect(self._switched)
        self.start = self.parameter.start
        self.show_value(self.start)

    @property
    def value(self) -> float | None:
        """What is shown."""
        return None if self.auto.isChecked() else self.number.value()

    def show_value(self, value: float | None) -> None:
        """Show what the host has, without asking it for anything."""
        if self.slider.isSliderDown() or (self.number.hasFocus() and self.number.lineEdit().isModified()):
            return
        self._quiet = True
        self.auto.setChecked(value is None)
        self._put(value)
        self._quiet = False

    def reset(self) -> None:
        """Back to the start value."""
        self.changed.emit(self.name, self.start)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Double clicks go back to the start."""
        if event.type() == QEvent.Type.MouseButtonDblClick:
            self.reset()
            return True
        return super().eventFilter(watched, event)

    def _place(self, value: float) -> int:
        low, high = self.parameter.low, self.parameter.high
        return round((value - low) / (high - low) * STEPS)

    def _slid(self, place: int) -> None:
        if self._quiet:
            return
        low, high = self.parameter.low, self.parameter.high
        self._set(low + place / STEPS * (high - low))

    def _typed(self, value: float) -> None:
        if not self._quiet:
            self._set(value)

    def _switched(self, auto: bool) -> None:
        if not self._quiet:
            self._set(None if auto else (self.parameter.low + self.parameter.high) / 2)

    def _set(self, value: float | None) -> None:
        self._quiet = True
        self.auto.setChecked(value is None)
        self._put(value)
        self._quiet = False
        self.changed.emit(self.name, None if value is None else round(self.number.value(), 4))

    def _put(self, value: float | None) -> None:
        """A control that is left to the model shows no number."""
        auto = value is None
        self.number.setSpecialValueText("–" if auto else "")
        self.number.setValue(self.parameter.low if value is None else value)
        self.slider.setValue(0 if value is None else self._place(value))
        self.number.setEnabled(not auto)
        self.slider.setAccessibleDescription("left to the model" if auto else "")
