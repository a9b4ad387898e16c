"""A Qt application without a screen, a stand-in for a host, and folders of loops."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from bridge.sockets.lines import LineClient, LineServer
from bridge.sockets.listen import bind
from musika_daw.host.control.live import PARAMETERS
from musika_daw.host.control.wire import Request, decode_request, encode
from musika_daw.panel.window.app import PanelOptions, make_window
from musika_daw.panel.window.window import PanelWindow
from musika_daw.sound.riff import encode_wave
from musika_daw.sound.tags import Acid, Sampler, Tags

RATE = 44_100
PARTS = {part: {"mute": False, "solo": False, "heard": True} for part in ("drums", "bass", "lead", "chords")}


def status(**changes: Any) -> dict[str, Any]:
    """A status as a host sends it, with some of its parts changed."""
    made: dict[str, Any] = {
        "source": {
            "name": "internal",
            "state": "playing",
            "reason": "",
            "fix": "",
            "offers": [],
            "problem": None,
            "steers": True,
            "age_s": 0.0,
            "received": 0,
            "bad": 0,
        },
        "transport": {"playing": True, "bpm": 128.0, "beat": 9.5, "bar": 3, "bar_beat": 2.5, "signature": [4, 4]},
        "lock": {"locked": True, "error_ms": 0.02},
        "cache": {"ahead_s": 5.5, "wanted_s": 6.0, "bpm": 128.0, "renderer_share": 0.1, "problem": None},
        "sound": {"underruns": 0, "late_blocks": 0, "errors": 0, "peak_db": -6.0, "clipped": 0},
        "values": {name: parameter.start for name, parameter in PARAMETERS.items()},
        "score": {"key": None, "chords": None, "parts": None, "voices": None},
        "chords": {"heard": "Am", "held": None, "keys": [], "port": None},
        "problem": None,
        "parts": {},
        "effects_on": True,
        "midi": {"port": None, "learning": None, "bindings": {}, "problem": None},
        "audition": {"file": None, "state": None},
        "keeping": 0,
    }
    for part, values in changes.items():
        made[part] = {**made[part], **values} if isinstance(values, dict) else values
    return made


class StandIn:
    """What the panel sees of a host: a socket that says what a test wants, and keeps what it is asked."""

    def __init__(self, keep_to: Path, port: int = 0, pid: int = 1, gain_start_db: float = 0.0) -> None:
        self.requests: list[Request] = []
        self.status = status()
        self.errors: dict[str, str] = {}
        self._welcome = {
            "pid": pid,
            "model": "stand-in",
            "sink": "none",
            "keep_to": str(keep_to),
            "effects": ["gain"],
            "controls": {"gain_db": {"start": gain_start_db}},
        }
        bound = bind(socket.SOCK_STREAM, "127.0.0.1", port, "stand-in")
        self.server = LineServer(
            bound, self._line, lambda _kind, _client: None, name="stand-in", on_tick=self._tick, tick_s=0.02
        )
        self.server.start()

    @property
    def port(self) -> int:
        return self.server.port

    def asked(self, kind: str) -> list[dict[str, Any]]:
        """The values of all requests of a kind."""
        return [dict(request.values) for request in self.requests if request.kind == kind]

    def say(self, data: bytes) -> None:
        """Send something as it is."""
        for client in self.server.clients:
            client.send(data)

    def _line(self, client: LineClient, line: bytes, _now_s: float) -> None:
        request = decode_request(line)
        self.requests.append(request)
        if request.kind == "hello":
            client.data = True
            client.send(encode("welcome", id=request.id, **self._welcome))
        elif request.kind == "devices":
            sources = [{"name": "internal", "label": "own clock"}, {"name": "udp", "label": "bridge protocol, UDP"}]
            client.send(encode("devices", id=request.id, sources=sources, midi_inputs=["Knobs"]))
        elif request.kind in self.errors:
            client.send(encode("error", id=request.id, text=self.errors[request.kind]))
        else:
            if request.kind == "set":
                self.status["values"].update(request.values["values"])
            elif request.kind == "score":
                self.status["score"].update(request.values["values"])
            client.send(encode("done", id=request.id))

    def _tick(self, _now_s: float) -> None:
        for client in self.server.clients:
            if client.data:
                client.send(encode("status", **self.status), news=True)


@pytest.fixture(scope="session")
def app() -> QApplication:
    made = QApplication.instance() or QApplication(["test"])
    assert isinstance(made, QApplication)
    return made


@pytest.fixture
def until(app: QApplication) -> Callable[..., bool]:
    """`until(condition)`: let Qt work until something is true."""

    def wait(condition: Callable[[], object], limit_s: float = 20.0) -> bool:
        end_s = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > end_s:
                return False
            app.processEvents()
            time.sleep(0.005)
        return True

    return wait


def write_loop(path: Path, bpm: float = 120.0, beats: int = 4, seed: int = 0) -> Path:
    """A loop of quiet noise with its labels."""
    frames = round(beats * 60 / bpm * RATE)
    noise = np.random.default_rng(seed).normal(0, 0.2, (frames, 2)).clip(-1, 1)
    tags = Tags(acid=Acid(beats, bpm), sampler=Sampler(((0, frames - 1),)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_wave(noise, RATE, tags))
    return path


@pytest.fixture
def loops(tmp_path: Path) -> Path:
    """A folder of three loops."""
    folder = tmp_path / "loops"
    for index, name in enumerate(("MSK_120bpm_amber", "MSK_130bpm_Amin_cobalt", "MSK_128bpm_birch")):
        write_loop(folder / f"{name}.wav", (120, 130, 128)[index], seed=index)
    return folder


@pytest.fixture
def host(tmp_path: Path) -> Iterator[StandIn]:
    made = StandIn(tmp_path / "kept")
    yield made
    made.server.close()


def end(window: PanelWindow) -> None:
    """Close a window and let go of all its widgets: a style sheet is worked out anew for each that is left."""
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def window(
    app: QApplication, host: StandIn, loops: Path, tmp_path: Path, until: Callable[..., bool]
) -> Iterator[PanelWindow]:
    """The window, joined to the stand-in, with three loops on its shelf."""
    options = PanelOptions(host.port, None, (loops,), "dark", tmp_path / "panel.ini", tmp_path / "music")
    made = make_window(options)
    made.show()
    made.start()
    assert until(lambda: made.client.is_welcome and made.model.rowCount() == 3 and made.link.values)
    assert until(made.isActiveWindow)
    yield made
    end(made)
