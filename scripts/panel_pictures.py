#!/usr/bin/env python3
"""Renders the pictures of docs/panel.md: the real window with a real host and a real pack, in every state.

    python scripts/panel_pictures.py [--only locked] [--out docs/pictures]

Takes some minutes, most of them for the pack. No screen is needed.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from musika_daw.panel.window.app import PanelOptions, make_window
from musika_daw.panel.window.window import PanelWindow

LIMIT_S = 400.0
SIZE, NARROW = (960, 690), (720, 640)
PACK = ("--bpm=126,132", "--loops-per-bpm=4", "--takes=3", "--take-seconds=8", "--name=First")
THEMES = ("dark", "light")


class Studio:
    """One window, taken from state to state."""

    def __init__(self, folder: Path, out: Path, only: str | None) -> None:
        self.folder, self.out, self.only = folder, out, only
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.app = QApplication(["musika-daw"])
        # the click is rendered at once on any machine, and nothing of it is in the pictures
        host = (
            "internal",
            "--model",
            "click",
            "--bpm",
            "126",
            "--sink",
            f"file:{folder / 'heard.wav'}",
            "--map",
            str(folder / "m.toml"),
            "--effect",
            "reverb room_size=0.4 wet_level=0.2",
        )
        options = PanelOptions(port, host, (), THEMES[0], folder / "panel.ini", folder / "Musika")
        self.window: PanelWindow = make_window(options)
        self.window.resize(*SIZE)
        self.window.show()
        self.window.start()

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Let the window work until something is true."""
        end_s = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > end_s:
                sys.exit(f"it never came to this: {what}")
            self.app.processEvents()
            time.sleep(0.01)

    def rest(self, seconds: float) -> None:
        """Let things settle."""
        end_s = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end_s, "a rest")

    def take(self, name: str, still: Callable[[], object] = lambda: True) -> None:
        """The pictures of a state, which must still be that."""
        if self.only not in (None, name):
            return
        for theme in THEMES:
            self.window.set_theme(theme)
            self.rest(0.4)
            self.until(lambda: not self.window.thumbnails.is_busy and still(), f"{name} still")
            self.rest(0.1)
            path = self.out / f"panel-{name}-{theme}.png"
            self.window.grab().save(str(path), "PNG", 0)
            print(f"{path}  {path.stat().st_size // 1024} KB")

    def run(self, pack: Path) -> None:
        """All states, one after another."""
        window = self.window
        strip, make, model = window.strip, window.make, window.model

        def in_time() -> bool:
            return strip.lamp.state == "locked" and float(strip.ahead.text().split()[0]) > 4

        self.until(in_time, "lock")
        self.take("empty")
        window.link.follow("udp")
        self.until(lambda: strip.lamp.state == "no source", "a source that says nothing")
        window.add_folder(pack)
        self.until(lambda: model.rowCount() > 10, "the pack on the shelf")
        self.take("no-source")
        window.link.follow("internal")
        self.until(lambda: strip.play.isEnabled(), "a clock")
        strip.play.click()
        self.until(lambda: strip.lamp.state == "locked" and int(strip.place.text().split()[0]) > 4, "lock again")
        window.steering.sliders["density"].slider.setValue(620)
        window.steering.seeds["morph_seed"].throw()
        self.until(lambda: window.steering.pad.isEnabled(), "a style to morph to")
        window.steering.pad._set(0.35)
        window.desk.star(model.sound(model.index(3)), True)
        window.shelf.auditioned.emit(model.sound(model.index(5)))
        self.until(lambda: model.audition_state == "playing", "a loop that is heard")
        window.shelf.view.setCurrentIndex(model.index(2))
        self.until(lambda: not window.thumbnails.is_busy and strip.lamp.state == "locked", "waveforms")
        self.rest(2)
        self.take("locked", in_time)
        window.steering.learn_mode.setChecked(True)
        self.take("learning", in_time)
        window.steering.learn_mode.setChecked(False)
        window.shelf.search.setText("A# minor")
        window.resize(*NARROW)
        self.take("narrow", in_time)
        window.shelf.search.setText("")
        window.resize(*SIZE)
        window.client.request("audition", file=None)
        window.tabs.setCurrentWidget(make)
        make.texts["--name"].setText("Night")
        make.folder.setText("Musika/Packs/night")
        make.kinds["techno"].setChecked(False)  # a piano is rendered several times as fast
        make.start_button.click()
        self.until(lambda: window.build.progress.done >= 2, "a pack under way")
        self.take("building")
        window.build.cancel()
        self.until(lambda: not window.build.is_active, "the end of the build")
        make.texts["--bpm"].setText("20-400")
        make.start_button.click()
        self.until(lambda: window.build.state == "failed", "a refusal")
        process = window.link.process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        self.until(lambda: window.host_notice.buttons, "a host that has gone")
        self.take("error")
        window.close()


def main() -> None:
    """Build a pack, open the window, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", help="just this state")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--pack", type=Path, help="a pack that is there already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        pack = options.pack or Path(name) / "first"
        if options.pack is None:
            command = [sys.executable, "-m", "pack_builder.cli", "build", *PACK, f"--out={pack}"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        out, pack = options.out.resolve(), pack.resolve()
        out.mkdir(parents=True, exist_ok=True)
        os.chdir(name)  # so that no folder of this machine is in the pictures
        Studio(Path(name), out, options.only).run(pack)


if __name__ == "__main__":
    main()
