"""`MakeForm`: what `musika-pack build` is asked for, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from musika_daw.panel.make.builder import JOURNAL, PackBuild
from musika_daw.panel.window.notice import Notice

FORMATS = ("wav24", "wav16", "wav32f", "flac", "aiff", "ogg", "mp3")
FINISHES = ("clean", "warm", "club", "none")
# option: (label, what stands there at first, hint); all are checked by musika-pack, which says what is wrong
TEXTS: Mapping[str, tuple[str, str, str]] = {
    "--bpm": ("Tempo", "120-160", "128, 120,128.5 or 120-160"),
    "--density": ("Density of takes", "0.1-0.9", "0..1, a range, or none"),
    "--seed": ("Seed", "7", "another seed, another music"),
    "--label": ("Label", "MSK", "first in every name"),
    "--name": ("Name", "", "as the folder"),
}
NUMBERS: Mapping[str, tuple[str, int, int]] = {
    "--loops-per-bpm": ("Loops of each tempo", 2, 500),
    "--takes": ("Free takes", 9, 500),
    "--kits": ("Kits", 0, 100),
    "--one-shots": ("One-shots of each sort", 0, 100),
}


class MakeForm(QWidget):
    """A form and the build that it starts. `finished` has the folder of a pack that is whole."""

    finished = Signal(str)

    def __init__(self, build: PackBuild, folder: Path) -> None:
        super().__init__()
        self.build, self._parent_folder = build, folder
        self.texts = {option: _line(label, text, hint) for option, (label, text, hint) in TEXTS.items()}
        self.numbers = {option: _spin(label, start, most) for option, (label, start, most) in NUMBERS.items()}
        self.kinds = {kind: QCheckBox(kind) for kind in ("techno", "piano")}
        self.bars = _choice("Bars of a loop", ("1", "2", "4", "8", "16"), "4")
        self.finish = _choice("Finishing", FINISHES, "clean")
        self.format = _choice("Format", FORMATS, "wav24")
        self.folder = _line("Folder", "", "a new or empty folder")
        self.notice = Notice("Pack builder")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the pack")
        self.left = QLabel()
        self.left.setAccessibleName("Time left")
        self.start_button, self.pause_button = QPushButton("Make the pack"), QPushButton("Pause")
        self.cancel_button = QPushButton("Cancel")
        self.start_button.setDefault(True)
        form = QWidget()
        self._lay_out(form)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(form)
        buttons = QHBoxLayout()
        for button in (self.start_button, self.pause_button, self.cancel_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.left)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(scroll, 1)
        column.addWidget(self.notice)
        column.addWidget(self.bar)
        column.addLayout(buttons)
        for kind in self.kinds.values():
            kind.setChecked(True)
        self.texts["--name"].textChanged.connect(self._suggest)
        self.start_button.clicked.connect(self._start)
        self.pause_button.clicked.connect(lambda: build.go_on() if build.state == "paused" else build.pause())
        self.cancel_button.clicked.connect(build.cancel)
        build.changed.connect(self._show)
        self._suggest()
        self._show()

    def arguments(self) -> list[str]:
        """What `musika-pack build` is called with."""
        texts = {option: field.text().strip() for option, field in self.texts.items()}
        for option in ("--label", "--name"):
            texts[option] = "_".join(texts[option].split())  # files are named without spaces
        played = self.numbers["--takes"].value() or self.numbers["--loops-per-bpm"].value()
        if not self.kinds["piano"].isChecked() or not played:
            del texts["--density"]  # which nothing would heed
        made = [f"{option}={text}" for option, text in texts.items() if text]
        made += [f"{option}={field.value()}" for option, field in self.numbers.items()]
        made += [f"--kind={name}" for name, box in self.kinds.items() if box.isChecked()]
        made += [f"--bars={self.bars.currentText()}", f"--finish={self.finish.currentText()}"]
        made += [f"--format={self.format.currentText()}", f"--out={self.folder.text().strip()}"]
        if (Path(self.folder.text().strip()) / JOURNAL).is_file():
            made.append("--resume")  # it holds a build that was cancelled
        return made

    def _lay_out(self, form: QWidget) -> None:
        column = QVBoxLayout(form)
        column.setContentsMargins(0, 0, 4, 0)
        kinds, browse = QHBoxLayout(), QPushButton("Choose…")
        for box in self.kinds.values():
            kinds.addWidget(box)
        kinds.addStretch(1)
        browse.setAccessibleName("Choose the folder of the pack")
        browse.clicked.connect(self._browse)
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(browse)
        groups: dict[str, list[tuple[str, QWidget | QHBoxLayout]]] = {
            "Music": [
                ("Kinds", kinds),
                *self._rows("--bpm", "--loops-per-bpm"),
                ("Bars of a loop", self.bars),
                *self._rows("--takes", "--density", "--kits", "--one-shots", "--seed"),
            ],
            "Pack": [
                *self._rows("--label", "--name"),
                ("Finishing", self.finish),
                ("Format", self.format),
                ("Folder", place),
            ],
        }
        for title, rows in groups.items():
            group = QGroupBox(title)
            lines = QFormLayout(group)
            lines.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
            for label, field in rows:
                lines.addRow(label, field)
            column.addWidget(group)
        column.addStretch(1)

    def _rows(self, *options: str) -> list[tuple[str, QWidget | QHBoxLayout]]:
        rows: list[tuple[str, QWidget | QHBoxLayout]] = []
        for option in options:
            field: QWidget = self.texts[option] if option in self.texts else self.numbers[option]
            rows.append((TEXTS[option][0] if option in TEXTS else NUMBERS[option][0], field))
        return rows

    def _suggest(self, _text: str = "") -> None:
        """A folder of the pack's name, unless another was chosen."""
        if not self.folder.isModified():
            name = self.texts["--name"].text().strip().lower().replace(" ", "-") or "first"
            self.folder.setText(str(self._parent_folder / name))

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of the pack", self.folder.text())
        if folder:
            self.folder.setText(folder)
            self.folder.setModified(True)

    def _start(self) -> None:
        if not any(box.isChecked() for box in self.kinds.values()):
            self.notice.say("Choose techno, piano or both.", tone="bad")
            return
        self.notice.clear()
        self.build.start(self.arguments())

    def _show(self) -> None:
        build, progress = self.build, self.build.progress
        active = build.is_active
        self.start_button.setEnabled(not active)
        for button in (self.pause_button, self.cancel_button):
            button.setEnabled(active)
        self.pause_button.setText("Go on" if build.state == "paused" else "Pause")
        self.bar.setVisible(active)
        self.bar.setMaximum(progress.files)  # 0 is a bar that only moves
        self.bar.setValue(progress.done)
        self.bar.setFormat(f"{progress.done} of {progress.files}")
        self.left.setText(_left(build.state, progress.left_s) if active else "")
        if build.state == "done":
            made = f"{progress.files - progress.given_up} files in {build.out}."
            lost = f" {progress.given_up} were given up, none kept to the limits." if progress.given_up else ""
            out = build.out
            self.notice.say(made + lost, [("Show on the shelf", lambda: self.finished.emit(out))], "good")
            self.finished.emit(out)
        elif build.state == "failed":
            self.notice.say(f"The pack was not made: {build.text}", tone="bad")
        elif build.state == "cancelled":
            self.notice.say("Cancelled. What is finished is there; make it into the same folder to go on.")


def _left(state: str, left_s: float | None) -> str:
    if state == "paused":
        return "paused"
    if left_s is None:
        return "loading models"
    minutes, seconds = divmod(round(left_s), 60)
    return f"{minutes}:{seconds:02d} left"


def _line(label: str, text: str, hint: str) -> QLineEdit:
    made = QLineEdit(text)
    made.setPlaceholderText(hint)
    made.setToolTip(hint)
    made.setAccessibleName(label)
    return made


def _spin(label: str, start: int, most: int) -> QSpinBox:
    made = QSpinBox()
    made.setRange(0, most)
    made.setValue(start)
    made.setAccessibleName(label)
    return made


def _choice(label: str, values: tuple[str, ...], start: str) -> QComboBox:
    made = QComboBox()
    made.addItems(list(values))
    made.setCurrentText(start)
    made.setAccessibleName(label)
    return made
