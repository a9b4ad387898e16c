"""The panel on a real X screen, used by mouse and keyboard through XTest; started by `test_panel`, which looks on.

    python -m tests.peers.panel.panel_scenario FOLDER UDP_PORT CONTROL_PORT DROP_X DROP_Y

Prints what it saw as one JSON object. The window is found by its widgets, but moved by real events only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QWidget

from musika_daw.panel.window.app import PanelOptions, make_window

LIMIT_S = 120.0


def main() -> int:
    """Capture four bars and drag the tile to a place on the screen."""
    folder, udp_port, control_port, drop_x, drop_y = Path(sys.argv[1]), *map(int, sys.argv[2:6])
    app = QApplication(["panel"])
    host = (
        "udp",
        "--listen-port",
        str(udp_port),
        "--model",
        "click",
        "--sink",
        f"file:{folder / 'heard.wav'}",
        "--map",
        str(folder / "map.toml"),
    )
    window = make_window(PanelOptions(control_port, host, (), "dark", folder / "panel.ini", folder / "music"))
    window.setGeometry(0, 0, 900, 700)
    window.show()
    window.start()

    def until(condition: Callable[[], object], what: str) -> None:
        end_s = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > end_s:
                print(f"it never came to this: {what}; {window.host_notice.text} {window.notice.text}", file=sys.stderr)
                app.primaryScreen().grabWindow(0).save(str(folder / "failed.png"))
                window.close()
                sys.exit(1)
            app.processEvents()
            time.sleep(0.005)

    def act(*words: object) -> None:
        """Real input, while the window goes on."""
        tool = subprocess.Popen(["xdotool", *map(str, words)])
        until(lambda: tool.poll() is not None, f"xdotool {words}")

    def centre(widget: QWidget) -> QPoint:
        return widget.mapToGlobal(widget.rect().center())

    def settle() -> None:
        """A bar that has just gone leaves its room to what is below it."""
        end_s = time.monotonic() + 0.4
        until(lambda: time.monotonic() > end_s, "a rest")

    def click(place: QPoint) -> None:
        act("mousemove", place.x(), place.y(), "sleep", 0.1, "click", 1)

    link = window.link
    until(lambda: window.client.is_welcome, "a host")
    strip = window.strip
    until(lambda: strip.lamp.state == "locked" and strip.place.text()[:2] not in ("1 ", "2 "), "lock in bar 3")
    settle()
    shown = strip.tempo.text()
    density = window.steering.sliders["density"]
    click(density.auto.mapToGlobal(QPoint(8, density.auto.height() // 2)))
    until(lambda: link.values.get("density") == 0.5, "a density by the mouse")
    act("key", "ctrl+z")
    until(lambda: link.values.get("density") is None, "undo by the keyboard")

    def bar() -> int:
        return int(strip.place.text().split()[0])

    # what is kept was heard: four whole bars, and the one that it came into
    last = bar() + 6
    until(lambda: bar() >= last, f"bar {last}")
    click(centre(window.steering.keep_buttons[4]))
    until(lambda: window.model.rowCount() == 1, "captured bars on the shelf")
    view = window.shelf.view
    until(lambda: window.thumbnails.get(window.model.sound(window.model.index(0))), "a waveform")
    settle()
    tile = view.viewport().mapToGlobal(view.visualRect(window.model.index(0)).center())
    steps = [(tile.x() + (drop_x - tile.x()) * i // 12, tile.y() + (drop_y - tile.y()) * i // 12) for i in range(1, 13)]
    drag: list[object] = ["mousemove", tile.x(), tile.y(), "sleep", 0.2, "mousedown", 1, "sleep", 0.2]
    for x, y in steps:
        drag += ["mousemove", x, y, "sleep", 0.08]
    act(*drag, "sleep", 0.5, "mouseup", 1)
    window.grab().save(str(folder / "window.png"))
    sound = window.model.sound(window.model.index(0))
    until(lambda: (folder / "dropped").exists(), "the drop was seen by the other program")
    window.close()
    print(json.dumps({"file": str(sound.path), "bpm": shown, "name": sound.name}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
