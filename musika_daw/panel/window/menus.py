"""`Menus`: the menu bar of the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtGui import QAction, QKeySequence, QUndoStack
from PySide6.QtWidgets import QMenu, QMenuBar

from musika_daw.panel.link.client import HostClient
from musika_daw.panel.link.host_link import HostLink
from musika_daw.panel.link.models import ModelNames
from musika_daw.panel.strip.strip import TransportStrip
from musika_daw.panel.window.steering import BARS, Steering
from musika_daw.panel.window.theme import THEMES


class Served(Protocol):
    """What menus act on."""

    undo: QUndoStack
    client: HostClient
    strip: TransportStrip
    steering: Steering

    @property
    def link(self) -> HostLink: ...
    def find_sound(self) -> None: ...
    def choose_folder(self) -> None: ...
    def remove_folder(self, folder: Path) -> None: ...
    def remembered_folders(self) -> list[Path]: ...
    def silence(self) -> None: ...
    def set_theme(self, name: str) -> None: ...


class Menus:
    """Edit, Host and View of a window's menu bar; lists of folders and ports are made when they are opened."""

    def __init__(self, bar: QMenuBar, window: Served) -> None:
        self._window = window
        self._edit(bar.addMenu("&Edit"))
        self._host(bar.addMenu("&Host"))
        view = bar.addMenu("&View")
        for name in THEMES:
            _action(view, name.capitalize(), "", partial(window.set_theme, name))

    def _edit(self, menu: QMenu) -> None:
        window = self._window
        undo, redo = window.undo.createUndoAction(menu, "&Undo"), window.undo.createRedoAction(menu, "&Redo")
        undo.setShortcut(QKeySequence.StandardKey.Undo)
        redo.setShortcuts([QKeySequence(QKeySequence.StandardKey.Redo), QKeySequence("Ctrl+Y")])
        menu.addActions([undo, redo])
        menu.addSeparator()
        _action(menu, "&Find on the shelf", "Ctrl+F", window.find_sound)
        _action(menu, "Add &folder to the shelf…", "Ctrl+O", window.choose_folder)
        folders = menu.addMenu("&Take a folder off the shelf")

        def fill() -> None:
            folders.clear()
            for folder in window.remembered_folders():
                folders.addAction(str(folder), partial(window.remove_folder, folder))
            if folders.isEmpty():
                folders.addAction("None was added").setEnabled(False)

        folders.aboutToShow.connect(fill)

    def _host(self, menu: QMenu) -> None:
        window = self._window
        _action(menu, "&Play or stop", "Ctrl+Space", window.strip.play.click)
        for bars in BARS:
            keys = f"Ctrl+{str(bars)[-1]}"
            _action(menu, f"Capture the last {bars} bars", keys, window.steering.keep_buttons[bars].click)
        _action(menu, "Stop &hearing a loop", "Esc", window.silence)
        menu.addSeparator()
        self._midi = menu.addMenu("&MIDI input for controllers")
        self._midi.aboutToShow.connect(self._list_midi)
        self._models = menu.addMenu("M&odel")
        self._models.aboutToShow.connect(self._look_for_models)
        self.names = ModelNames(menu)
        self.names.found.connect(self._list_models)

    def _look_for_models(self) -> None:
        if self._models.isEmpty():
            self._models.addAction("Looking for models…").setEnabled(False)
        self.names.ask()

    def _list_models(self, names: list[str]) -> None:
        link = self._window.link
        self._models.clear()
        if not link.owns_host:
            self._models.addAction("Chosen where the host was started").setEnabled(False)
        for name in names:
            action = self._models.addAction(name, partial(link.use_model, name))
            action.setCheckable(True)
            action.setChecked(name == link.model)
            action.setEnabled(link.owns_host)

    def _list_midi(self) -> None:
        client = self._window.client
        self._midi.clear()
        self._midi.addAction("None", lambda: client.request("midi", port=None))

        def listed(kind: str, data: Mapping[str, Any]) -> None:
            inputs = data.get("midi_inputs") if kind == "devices" else None
            for name in inputs if isinstance(inputs, list) else []:
                self._midi.addAction(str(name), partial(client.request, "midi", port=str(name)))

        client.request("devices", listed)


def _action(menu: QMenu, text: str, keys: str, act: Callable[[], object]) -> QAction:
    made = menu.addAction(text)
    if keys:
        made.setShortcut(QKeySequence(keys))
    made.triggered.connect(lambda _=False: act())
    return made
