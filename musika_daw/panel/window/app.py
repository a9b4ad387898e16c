"""`open_panel`: the application around the window."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSettings, QStandardPaths, QTimer
from PySide6.QtWidgets import QApplication

from musika_daw.panel.link.client import HostClient
from musika_daw.panel.link.process import HostProcess
from musika_daw.panel.window.window import PanelWindow, music_folder

SIGNALS_MS = 200


@dataclass(frozen=True)
class PanelOptions:
    """What the panel is opened with; see `musika-daw panel --help`. `host` are arguments of `musika-daw run`."""

    port: int
    host: tuple[str, ...] | None = None
    folders: tuple[Path, ...] = ()
    theme: str | None = None
    settings: Path | None = None
    music: Path | None = None


def make_window(options: PanelOptions) -> PanelWindow:
    """The window, not yet shown; there must be a QApplication."""
    if options.settings is not None:
        settings = QSettings(str(options.settings), QSettings.Format.IniFormat)
        data = options.settings.resolve().parent
    else:
        settings = QSettings("musika-daw", "panel")
        data = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)) / "musika-daw"
    music = options.music or music_folder()
    process = None
    if options.host is not None:
        arguments = [*options.host, "--control-port", str(options.port)]
        if "--keep-to" not in arguments:
            arguments += ["--keep-to", str(music / "Kept")]
        process = HostProcess(arguments)
    window = PanelWindow(HostClient(options.port), settings, data, music, process, options.theme)
    for folder in options.folders:
        window.add_folder(folder)
    return window


def open_panel(options: PanelOptions) -> int:
    """Show the window until it is closed; returns the exit code."""
    app = QApplication.instance() or QApplication([sys.argv[0]])
    assert isinstance(app, QApplication)
    app.setApplicationName("musika-daw")
    app.setDesktopFileName("musika-daw")
    window = make_window(options)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())
    alive = QTimer()  # Qt's loop lets Python look at signals only when Python runs
    alive.timeout.connect(lambda: None)
    alive.start(SIGNALS_MS)
    window.show()
    window.start()
    return app.exec()
