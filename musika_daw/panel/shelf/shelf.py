"""`Shelf`: captured loops and packs as tiles to hear, star, rename, delete and drag."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QDrag, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from musika_daw.panel.later import later
from musika_daw.panel.shelf.library import Sound
from musika_daw.panel.shelf.model import ORDERS, ShelfModel
from musika_daw.panel.shelf.thumbnails import Thumbnails
from musika_daw.panel.shelf.tile import HEIGHT, WIDTH, TileDelegate
from musika_daw.panel.window.icons import icon
from musika_daw.panel.window.theme import Colours

EMPTY = "Nothing on the shelf yet.\n\nCapture the last bars (Ctrl+4), make a pack, or drop a folder of loops here."
OWN_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space, Qt.Key.Key_S, Qt.Key.Key_Delete)
NOT_FOUND = "Nothing matches the search."


class TileView(QListView):
    """Tiles in rows; a drag carries the files of all that are chosen, as copies."""

    dropped_none = Signal()
    key = Signal(object, object)

    def __init__(self, model: ShelfModel, colours: Colours) -> None:
        super().__init__()
        self._shelf_model, self._colours = model, colours
        self.empty_text = EMPTY
        self.setModel(model)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setGridSize(QSize(WIDTH, HEIGHT))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalScrollBar().setSingleStep(24)
        self.setDragEnabled(True)
        self.setAcceptDrops(False)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setMouseTracking(True)
        self.setAccessibleName("Shelf")

    def set_colours(self, colours: Colours) -> None:
        """Take over another theme."""
        self._colours = colours
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tiles share the width, less that of a scroll bar, which Qt leaves free for one that may come."""
        delegate, bar = self.itemDelegate(), self.verticalScrollBar().sizeHint().width()
        if isinstance(delegate, TileDelegate):
            delegate.fit(self.maximumViewportSize().width() - bar - 2)
            self.setGridSize(delegate.size)
        super().resizeEvent(event)

    @property
    def is_editing(self) -> bool:
        """Whether a name is being typed, which other rows would interrupt."""
        return self.state() == QAbstractItemView.State.EditingState

    def chosen(self) -> list[Sound]:
        """The sounds that are chosen, in their order on the shelf."""
        indexes = sorted(self.selectionModel().selectedIndexes(), key=QModelIndex.row)
        return [self._shelf_model.sound(index) for index in indexes]

    def startDrag(self, _actions: object) -> None:
        """Drag the files of what is chosen; they are on the disk already. A DAW gets copies, never the files."""
        indexes = sorted(self.selectionModel().selectedIndexes(), key=QModelIndex.row)
        data = self._shelf_model.mimeData(indexes)
        if not data.hasUrls():
            self.dropped_none.emit()
            return
        drag = QDrag(self)
        drag.setMimeData(data)
        first = self.visualRect(indexes[0])
        drag.setPixmap(self.viewport().grab(first).scaledToWidth(120, Qt.TransformationMode.SmoothTransformation))
        drag.setHotSpot(QPoint(8, 8))
        drag.exec(Qt.DropAction.CopyAction)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and space hear, S stars, Delete deletes; letters do not jump."""
        key = Qt.Key(event.key())
        plain = not event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        if plain and key in OWN_KEYS:
            self.key.emit(key, self.currentIndex())
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The tiles, or words where there are none."""
        super().paintEvent(event)
        if not self._shelf_model.rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(QColor(self._colours.dim))
            area = self.viewport().rect().adjusted(30, 20, -30, -20)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.empty_text)


class Shelf(QWidget):
    """Emits what the user wants: `auditioned` a sound, `deleted` some, `starred` one and whether, `renamed` one and
    its name, `folder_wanted`, `shown` a folder in the desktop.
    """

    auditioned = Signal(object)
    deleted = Signal(list)
    starred = Signal(object, bool)
    renamed = Signal(object, str)
    folder_wanted = Signal()
    shown = Signal(object)

    def __init__(self, model: ShelfModel, thumbnails: Thumbnails, colours: Colours) -> None:
        super().__init__()
        self.model = model
        self._before: tuple[list[Path], Path | None, int] = ([], None, 0)
        self.view = TileView(model, colours)
        self.delegate = TileDelegate(model, thumbnails, colours, self)
        self.view.setItemDelegate(self.delegate)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search: name, pack, 128 bpm, A minor")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search the shelf")
        self.order = QComboBox()
        self.order.addItems([f"{order} first" if order in ("newest", "starred") else f"by {order}" for order in ORDERS])
        self.order.setAccessibleName("Order of the shelf")
        self.stars = QToolButton()
        self.stars.setCheckable(True)
        self.stars.setAccessibleName("Starred sounds only")
        self.stars.setToolTip("Starred sounds only")
        self.folder = QPushButton("Add folder…")
        self.folder.setAccessibleName("Add a folder to the shelf")
        self.count = QLabel()
        self.count.setProperty("role", "dim")
        self.count.setAccessibleName("Number of sounds")
        self.set_colours(colours)
        row = QHBoxLayout()
        for widget in (self.search, self.order, self.stars, self.folder):
            row.addWidget(widget, 1 if widget is self.search else 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addLayout(row)
        column.addWidget(self.view, 1)
        column.addWidget(self.count)
        self.search.textChanged.connect(self._search)
        self.order.currentIndexChanged.connect(self._search)
        self.stars.toggled.connect(self._search)
        self.folder.clicked.connect(self.folder_wanted)
        self.delegate.starred.connect(self._star)
        self.delegate.played.connect(self.auditioned)
        self.view.doubleClicked.connect(lambda index: self.auditioned.emit(model.sound(index)))
        self.view.key.connect(self._key)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._menu)
        model.rename_wanted.connect(self.renamed)
        model.modelAboutToBeReset.connect(self._remember)
        model.modelReset.connect(self._recall)
        self._recount()

    def set_colours(self, colours: Colours) -> None:
        """Take over another theme."""
        self.stars.setIcon(icon("star", colours.warn))
        self.view.set_colours(colours)
        self.delegate.set_colours(colours)

    def would_show(self, path: Path) -> bool:
        """Whether a file that comes onto the shelf is seen, whatever is searched for."""
        return not self.search.text().strip() and not self.stars.isChecked()

    def show_all(self) -> None:
        """Search for nothing any more."""
        self.search.clear()
        self.stars.setChecked(False)

    def touch(self, path: Path) -> None:
        """A waveform is there now."""
        self.model.touch(path)

    def _remember(self) -> None:
        """Before the rows are others: what is chosen, where the keyboard is, and how far it is scrolled."""
        at = self.view.currentIndex()
        current = self.model.sound(at).path if at.isValid() else None
        self._before = ([sound.path for sound in self.view.chosen()], current, self.view.verticalScrollBar().value())

    def _recall(self) -> None:
        """The same again, as far as it is still there."""
        chosen, current, scrolled = self._before
        selection = self.view.selectionModel()
        if current is not None and (row := self.model.row_of(current)) is not None:
            selection.setCurrentIndex(self.model.index(row), selection.SelectionFlag.NoUpdate)
        for path in chosen:
            if (row := self.model.row_of(path)) is not None:
                selection.select(self.model.index(row), selection.SelectionFlag.Select)
        self._recount()
        later(self, lambda: self.view.verticalScrollBar().setValue(scrolled))

    def _search(self, _value: object = None) -> None:
        self.model.search(self.search.text(), ORDERS[self.order.currentIndex()], self.stars.isChecked())

    def _recount(self) -> None:
        shown, total = self.model.rowCount(), self.model.total
        sounds = f"{total} sound{'s' * (total != 1)}"
        self.count.setText(sounds if shown == total else f"{shown} of {sounds}")
        self.view.empty_text = NOT_FOUND if total else EMPTY
        self.view.setAccessibleDescription(self.count.text())
        self.view.viewport().update()

    def _star(self, sound: Sound) -> None:
        self.starred.emit(sound, sound.path not in self.model.marks)

    def _key(self, key: Qt.Key, index: QModelIndex) -> None:
        if not index.isValid():
            return
        if key == Qt.Key.Key_S:
            for sound in self.view.chosen():
                self._star(sound)
        elif key == Qt.Key.Key_Delete:
            self.deleted.emit(self.view.chosen())
        else:
            self.auditioned.emit(self.model.sound(index))

    def _menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        if not index.isValid():
            return
        sound = self.model.sound(index)
        menu = QMenu(self)
        menu.addAction("Hear on the next bar\tEnter", lambda: self.auditioned.emit(sound))
        starred = sound.path in self.model.marks
        menu.addAction("Take the star away\tS" if starred else "Star\tS", lambda: self._star(sound))
        menu.addAction("Rename\tF2", lambda: self.view.edit(index))
        menu.addAction("Show in folder", lambda: self.shown.emit(sound.path.parent))
        menu.addSeparator()
        menu.addAction("Delete\tDel", lambda: self.deleted.emit(self.view.chosen() or [sound]))
        menu.exec(self.view.viewport().mapToGlobal(place))
