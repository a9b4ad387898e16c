"""`PanelWindow`: transport, controls, shelf and pack builder in one window, wired to the host."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings, QStandardPaths, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent, QUndoStack
from PySide6.QtWidgets import QApplication, QFileDialog, QMainWindow, QSplitter, QStatusBar, QTabWidget

from musika_daw.panel.later import later
from musika_daw.panel.link.client import HostClient
from musika_daw.panel.link.host_link import HostLink
from musika_daw.panel.link.process import HostProcess
from musika_daw.panel.link.status import HostStatus, Welcome
from musika_daw.panel.make.builder import PackBuild
from musika_daw.panel.make.form import MakeForm
from musika_daw.panel.shelf.desk import Desk
from musika_daw.panel.shelf.folders import Folders
from musika_daw.panel.shelf.history import ControlChange
from musika_daw.panel.shelf.library import Sound
from musika_daw.panel.shelf.marks import Marks
from musika_daw.panel.shelf.model import ShelfModel
from musika_daw.panel.shelf.shelf import Shelf
from musika_daw.panel.shelf.thumbnails import Thumbnails
from musika_daw.panel.strip.strip import TransportStrip
from musika_daw.panel.window.column import column
from musika_daw.panel.window.menus import Menus
from musika_daw.panel.window.notice import Notice
from musika_daw.panel.window.steering import Steering, SteeringScroll
from musika_daw.panel.window.theme import THEMES, apply_theme
from musika_daw.sound.labels import SUFFIXES

MESSAGE_MS = 6000
LEFT_WIDTH = 270
HEIGHT = 770  # holds all controls of a model with parts, below a bar that says what is wrong
TRAIN = (
    "{name} was put on the shelf. For music in the manner of all of it, train a model on it: "
    "musika-train corpus folder, see docs/training.md."
)
LIKE = "{name} was put on the shelf, and is heard with the music."
NO_PARTS = " To play like it, choose a model that plays parts: Host, Model, parts."


class PanelWindow(QMainWindow):
    """The panel. `settings` remembers window, theme and folders; `data` is where stars and waveforms are kept.

    With a `process` the panel starts a host where none answers, and ends it when it closes.
    """

    closed = Signal()

    def __init__(
        self,
        client: HostClient,
        settings: QSettings,
        data: Path,
        music: Path,
        process: HostProcess | None = None,
        theme: str | None = None,
    ) -> None:
        super().__init__()
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        self._app, self._settings, self.client = app, settings, client
        self.theme = theme or str(settings.value("theme", THEMES[0]))
        self.theme = self.theme if self.theme in THEMES else THEMES[0]
        colours = apply_theme(app, self.theme)
        self.setWindowTitle("musika-daw")
        self.setAcceptDrops(True)
        self.undo, self.folders = QUndoStack(self), Folders(self)
        self.model = ShelfModel(Marks(data / "stars.json"))
        self.thumbnails = Thumbnails(data / "waveforms", self)
        self.desk = Desk(self.model, self.folders, self.undo, self)
        self.build = PackBuild(self)
        self.strip, self.steering = TransportStrip(client, colours), Steering(colours)
        self.host_notice, self.notice = Notice("Host and source"), Notice("Message")
        self.shelf, self.make = Shelf(self.model, self.thumbnails, colours), MakeForm(self.build, music / "Packs")
        self.link = HostLink(client, process, self.strip, self.steering, self.host_notice, self)
        self.desk.holds = lambda: self.shelf.view.is_editing
        self._music = music
        self._lay_out()
        self.menus = Menus(self.menuBar(), self)
        self._wire()
        self._restore()
        app.styleHints().colorSchemeChanged.connect(self._desktop_changed)
        self.folders.add(music / "Kept")
        for folder in self.remembered_folders():
            self.folders.add(folder)

    def start(self) -> None:
        """Look for the host."""
        self.link.start()

    def set_theme(self, name: str) -> None:
        """Go over to a theme of `THEMES`."""
        self.theme = name
        self._settings.setValue("theme", name)
        colours = apply_theme(self._app, name)
        for part in (self.strip, self.steering, self.shelf):
            part.set_colours(colours)

    def add_folder(self, folder: Path) -> None:
        """Put a folder on the shelf for good."""
        self.folders.add(folder)
        remembered = self.remembered_folders()
        if folder.resolve() not in remembered:
            self._settings.setValue("folders", [str(path) for path in (*remembered, folder.resolve())])
        self.tabs.setCurrentWidget(self.shelf)

    def say(self, text: str) -> None:
        """A sentence at the bottom, for a while."""
        self.messages.showMessage(text, MESSAGE_MS)

    def warn(self, text: str) -> None:
        """A sentence that stays until it is put away."""
        self.notice.say(text[:1].upper() + text[1:], [("Close", self.notice.clear)], "bad")

    def _lay_out(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.addTab(self.shelf, "&Shelf")
        self.tabs.addTab(self.make, "&Make a pack")
        self.tabs.setDocumentMode(True)
        self.messages = QStatusBar()
        self.messages.setSizeGripEnabled(False)
        controls, learn = SteeringScroll(self.steering), self.steering.learn_mode
        self.splitter = QSplitter()
        self.splitter.addWidget(column(controls, learn, stretch=controls))
        # messages not below all: the controls have no room to give
        self.splitter.addWidget(column(self.tabs, self.messages, stretch=self.tabs))
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setCollapsible(1, False)
        rows = (self.strip, self.host_notice, self.notice, self.splitter)
        self.setCentralWidget(column(*rows, stretch=self.splitter, margins=(8, 6, 8, 2)))

    def _wire(self) -> None:
        client, shelf, steering = self.client, self.shelf, self.steering
        self.strip.play_pressed.connect(lambda play: client.request("act", action="play" if play else "stop"))
        self.strip.source_picked.connect(self.link.follow)
        self.strip.tempo_set.connect(self.link.set_tempo)
        steering.changed.connect(self._change)
        steering.captured.connect(self._capture)
        steering.like.failed.connect(self.warn)
        steering.acted.connect(lambda action: client.request("act", action=action))
        steering.effects.connect(lambda on: client.request("effects", on=on))
        steering.learn.connect(lambda name: client.request("learn", name=name or None))
        steering.forget.connect(lambda name: client.request("forget", name=name))
        client.status.connect(self._show_status)
        client.welcomed.connect(self._welcome)
        client.kept.connect(self._kept)
        client.problem.connect(self.warn)
        client.lost.connect(lambda: self.model.show_audition(None, None))
        shelf.auditioned.connect(self._hear)
        shelf.deleted.connect(self.desk.delete)
        shelf.renamed.connect(self.desk.rename)
        shelf.starred.connect(self.desk.star)
        shelf.folder_wanted.connect(self.choose_folder)
        shelf.shown.connect(lambda folder: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))))
        shelf.view.dropped_none.connect(lambda: self.warn("The files of these sounds are gone."))
        self.thumbnails.ready.connect(shelf.touch)
        self.desk.failed.connect(self.warn)
        self.desk.said.connect(self.say)
        self.make.finished.connect(lambda folder: self.add_folder(Path(folder)))

    def _change(self, name: str, value: float | None) -> None:
        before = {name: self.link.values.get(name)}
        if before[name] != value:
            self.undo.push(ControlChange(self.link.set_values, before, {name: value}, f"change of {name}"))

    def _capture(self, bars: int) -> None:
        if self.client.request("act", action=f"keep_{bars}"):
            self.say(f"Capturing the last {bars} bars…")
        else:
            self.warn("There is no host to capture from.")

    def _kept(self, file: str) -> None:
        path = Path(file)
        self.say(f"Captured {path.name}")
        for folder in self.folders.paths:
            if folder in path.parents:
                self.folders.look(folder)
        later(self, lambda: self.tabs.setCurrentWidget(self.shelf))
        if not self.shelf.would_show(path):
            self.shelf.show_all()  # a capture is never out of sight

    def _hear(self, sound: Sound) -> None:
        heard = self.model.audition == sound.path
        if not self.client.request("audition", file=None if heard else str(sound.path)):
            self.warn("There is no host to hear it with.")

    def silence(self) -> None:
        """Hear no loop any more."""
        self.client.request("audition", file=None)

    def _show_status(self, status: HostStatus) -> None:
        self.model.show_audition(status.audition, status.audition_state)
        for button in self.steering.keep_buttons.values():
            button.setEnabled(status.playing or status.bar_beat > 1 or status.bar > 1)
        if status.keeping and not self.messages.currentMessage():
            self.say("Capturing…")  # it takes longer than the first sentence stays

    def _welcome(self, welcome: Welcome) -> None:
        self.folders.add(Path(welcome.keep_to))

    def find_sound(self) -> None:
        """Go to the search of the shelf."""
        self.tabs.setCurrentWidget(self.shelf)
        self.shelf.search.setFocus()
        self.shelf.search.selectAll()

    def choose_folder(self) -> None:
        """Ask for a folder, and put it on the shelf for good."""
        if folder := QFileDialog.getExistingDirectory(self, "Folder of loops or packs", str(self._music)):
            self.add_folder(Path(folder))

    def remove_folder(self, folder: Path) -> None:
        """Take a folder off the shelf for good."""
        self.folders.remove(folder)
        self.model.forget(folder)
        self._settings.setValue("folders", [str(path) for path in self.remembered_folders() if path != folder])

    def remembered_folders(self) -> list[Path]:
        """Folders that the user put on the shelf."""
        value = self._settings.value("folders", [])
        names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return [Path(str(name)) for name in names if name]

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files and folders from elsewhere are welcome."""
        if event.source() is None and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """A folder goes on the shelf; a sound does with its folder, and is heard."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        later(self, lambda: self.take_dropped(paths))  # the other program waits for the drop to end

    def take_dropped(self, paths: list[Path]) -> None:
        """Use what was dropped, and say how."""
        folders = [path for path in paths if path.is_dir()]
        sounds = [path for path in paths if path.is_file() and path.suffix.lower() in SUFFIXES]
        for folder in folders:
            self.add_folder(folder)
        for parent in dict.fromkeys(path.parent for path in sounds):
            self.add_folder(parent)
        if sounds:
            self.client.request("audition", file=str(sounds[0]))
            plays, said = self.steering.like.plays, LIKE.format(name=sounds[0].name)
            like = [("Play like it", lambda: self._play_like(sounds[0]))] if plays else []
            self.notice.say(said if plays else said + NO_PARTS, [*like, ("Close", self.notice.clear)])
        elif folders:
            self.notice.say(TRAIN.format(name=folders[0].name), [("Close", self.notice.clear)])
        else:
            names = ", ".join(path.name for path in paths[:3])
            self.warn(f"{names}: neither a folder nor a sound ({', '.join(SUFFIXES)})")

    def _play_like(self, sound: Path) -> None:
        self.notice.clear()
        self.steering.like.take(sound)

    def _restore(self) -> None:
        geometry, split = self._settings.value("geometry"), self._settings.value("splitter")
        if geometry is None or not self.restoreGeometry(geometry):
            self.resize(960, min(HEIGHT, self.screen().availableGeometry().height()))
        if split is None or not self.splitter.restoreState(split):
            self.splitter.setSizes([LEFT_WIDTH, 640])
        self.shelf.order.setCurrentIndex(min(int(str(self._settings.value("order", 0))), self.shelf.order.count() - 1))
        self.tabs.setCurrentIndex(min(int(str(self._settings.value("tab", 0))), 1))
        self.shelf.view.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the window and end what belongs to it."""
        self._settings.setValue("geometry", self.saveGeometry())
        self._settings.setValue("splitter", self.splitter.saveState())
        self._settings.setValue("order", self.shelf.order.currentIndex())
        self._settings.setValue("tab", self.tabs.currentIndex())
        self._settings.sync()
        self.build.close()
        self.steering.like.search.cancel()
        self.thumbnails.close()
        self.folders.close()
        self.menus.names.close()
        self.link.stop()
        super().closeEvent(event)
        self.closed.emit()

    def _desktop_changed(self) -> None:
        if self.theme == "system":
            self.set_theme(self.theme)


def music_folder() -> Path:
    """Where captures and packs go: Musika in the user's folder for music."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MusicLocation)
    return Path(place or Path.home()) / "Musika"
