"""`LikeRow`: a sound file that the music is to sound like, chosen or dropped while it plays."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from musika_daw.panel.link.status import HostStatus
from musika_daw.panel.score.like_search import LikeSearch
from musika_daw.sound.labels import SUFFIXES

CHOOSE, CANCEL, OFF = "Choose a sound…", "Cancel", "plays no parts"
HINT = "Play in styles that sound like a loop or a song with a steady beat: choose a sound file, or drop one here"
NO_PARTS = "This model plays no parts, so it cannot sound like a file; choose one that does: Host, Model, parts"
FILTER = f"Sounds ({' '.join(f'*{suffix}' for suffix in SUFFIXES)});;All files (*)"


class LikeRow(QWidget):
    """`typed` is what the host is to be asked, voices or an empty text for those of the piece; `failed` why there are
    none. `model` is what the host plays.
    """

    typed = Signal(str)
    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = ""
        self.search = LikeSearch(self)
        self._plays, self._told = False, ""
        self._files: dict[str, str] = {}  # which voices were found for which file
        self.button = QPushButton()
        self.button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.button.setMinimumWidth(90)
        self.button.clicked.connect(self._clicked)
        self.empty = QToolButton()
        self.empty.setText("×")
        self.empty.setAccessibleName("Sound like no file")
        self.empty.setToolTip("Play in the styles of the piece again")
        self.empty.clicked.connect(lambda: self.typed.emit(""))
        label = QLabel("Sounds like")
        label.setBuddy(self.button)
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the search for styles")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(label, 0, 0)
        grid.addWidget(self.button, 0, 1)
        grid.addWidget(self.empty, 0, 2)
        grid.addWidget(self.bar, 1, 0, 1, 3)
        grid.setColumnStretch(1, 1)
        self.setAcceptDrops(True)
        self.search.changed.connect(self._show)
        self.search.found.connect(self._found)
        self.search.failed.connect(self.failed)
        self._show()

    @property
    def plays(self) -> bool:
        """Whether the host's model can be asked for voices."""
        return self._plays

    def show_status(self, status: HostStatus) -> None:
        """Show what the host has."""
        told, plays = status.voices or "", bool(status.parts)
        if (told, plays) == (self._told, self._plays):
            return
        self._told, self._plays = told, plays
        if not plays:
            self.search.cancel()
        self._show()

    def answer(self, _text: str, problem: str | None) -> None:
        """The host has taken voices, or says what is wrong with them."""
        if problem is not None:
            self.failed.emit(problem)

    def take(self, file: Path) -> None:
        """Look for the voices that sound like a file."""
        if self._plays:
            self.search.start(file, self.model)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """One file is welcome, also one of the shelf."""
        urls = event.mimeData().urls()
        if self._plays and len(urls) == 1 and Path(urls[0].toLocalFile()).is_file():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Sound like what was dropped."""
        event.acceptProposedAction()
        self.take(Path(event.mimeData().urls()[0].toLocalFile()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Names are cut to the room that there is."""
        super().resizeEvent(event)
        self._show()

    def _clicked(self) -> None:
        if self.search.is_active:
            self.search.cancel()
            return
        file, _ = QFileDialog.getOpenFileName(self, "A loop or song to sound like", "", FILTER)
        if file:
            self.take(Path(file))

    def _found(self, voices: str, file: str) -> None:
        self._files[voices] = file
        self.typed.emit(voices)

    def _show(self) -> None:
        active, told = self.search.is_active, self._files.get(self._told, self._told)
        self.button.setEnabled(self._plays)
        self.empty.setEnabled(self._plays and bool(told))
        self.bar.setVisible(active)
        self.bar.setRange(0, self.search.tries)
        self.bar.setValue(self.search.done)
        self.bar.setFormat("%v of %m styles")
        if active:
            name = "" if self.search.file is None else self.search.file.name
            text, spoken, hint = (
                CANCEL,
                f"Cancel the search for styles like {name}",
                f"Styles like {name} are looked for",
            )
        elif not self._plays:
            text, spoken, hint = OFF, f"Sounds like: {OFF}", NO_PARTS
        elif told:
            text, spoken, hint = told, f"Sounds like {told}", f"{told}: {self._told}. Click to choose another"
        else:
            text, spoken, hint = CHOOSE, "Sounds like: choose a sound", HINT
        room = self.button.width() - 20
        self.button.setText(self.button.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room))
        self.button.setAccessibleName(spoken)
        self.button.setToolTip(hint)
