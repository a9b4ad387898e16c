"""The command, the host that the panel starts, and what the panel may know of the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from PySide6.QtWidgets import QApplication

from musika_daw import panel as package
from musika_daw.commands.cli import main
from musika_daw.panel.link.client import HostClient
from musika_daw.panel.link.process import HostProcess
from musika_daw.panel.window.app import PanelOptions, make_window
from musika_daw.panel.window.window import PanelWindow
from tests.panel.conftest import StandIn, end

Until = Callable[..., bool]
ROOT = Path(__file__).resolve().parents[2]


def test_the_package_gives_its_names() -> None:
    for name in package.__all__:
        assert getattr(package, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing


def test_the_extra_brings_what_the_panel_starts() -> None:
    """With Qt alone the first window of a newcomer said that its host had ended: it plays on the sound card."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(extras["audio"]) < set(extras["gui"])


def test_the_panel_knows_no_model_and_no_sound_of_its_own() -> None:
    code = (
        "import sys, musika_daw.panel.window.app; "
        "print(*sorted(m for m in sys.modules if m.split('.')[0] in ('torch', 'scipy', 'pedalboard', 'sounddevice',"
        " 'pack_builder', 'training') or m in ('musika_daw.instrument.engine', 'musika_daw.host.session',"
        " 'musika_daw.host.play.player')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


def run(*arguments: str, **environment: str | None) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["panel", *arguments], env=environment)
    return result.exit_code, result.output


def test_without_a_screen_or_qt_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = dict.fromkeys(("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))
    code, text = run(**nowhere)
    assert (code, text) == (
        2,
        "error: there is no screen to open a window on: neither DISPLAY nor WAYLAND_DISPLAY is set\n",
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, text = run()
    assert (code, text) == (2, "error: the panel needs an extra: pip install 'musika-daw[gui]'\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--port", "0"), "error: --port: 0 is not in the range 1<=x<=65535"),
        (("--folder", "/nowhere"), "'/nowhere' does not exist"),
        (("--theme", "pink"), "error: --theme: 'pink' is not one of"),
    ],
)
def test_a_wrong_option_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    code, text = run(*arguments)
    assert code == 2
    assert message in text.lower()
    assert text.count("\n") == 1


def test_a_client_without_a_host_asks_for_nothing(app: QApplication) -> None:
    client = HostClient(1)
    assert not client.request("act", action="play")


def opened(folder: Path, source: str = "internal") -> tuple[PanelWindow, HostProcess]:
    """A window that starts a metronome for itself, which follows a source and plays into `out.wav` of a folder."""
    probe = StandIn(folder)
    port = probe.port
    probe.server.close()
    host = (source, "--model", "click", "--sink", f"file:{folder / 'out.wav'}", "--map", str(folder / "m.toml"))
    window = make_window(PanelOptions(port, host, (), "dark", folder / "panel.ini", folder / "music"))
    window.show()
    window.start()
    assert window.link.process is not None
    return window, window.link.process


def test_a_host_is_started_restarted_and_told_what_it_was(app: QApplication, tmp_path: Path, until: Until) -> None:
    window, process = opened(tmp_path)
    link = window.link
    try:
        assert window.host_notice.text == "Starting the host…"
        assert until(lambda: window.strip.lamp.state == "locked", 120)
        assert not window.host_notice.isVisible()
        window.steering.sliders["truncation"].slider.setValue(250)
        assert until(lambda: link._status is not None and link._status.values["truncation"] == 0.25)
        first = process.pid
        os.kill(first, signal.SIGKILL)
        assert until(lambda: window.host_notice.buttons and window.strip.lamp.state == "no host", 30)
        assert window.host_notice.text == "The host has ended: it crashed, or was killed"
        window.host_notice.buttons[0].click()
        assert until(lambda: window.client.is_welcome and process.pid != first, 120)
        assert until(lambda: link._status is not None and link._status.values["truncation"] == 0.25)
        assert until(lambda: window.strip.lamp.state == "locked", 120)  # it plays as the one before did
        window.strip.play_pressed.emit(False)
        assert until(lambda: window.strip.lamp.state == "stopped")
        os.kill(process.pid, signal.SIGKILL)
        assert until(lambda: window.host_notice.buttons and window.strip.lamp.state == "no host", 30)
        window.host_notice.buttons[0].click()
        assert until(lambda: link._status is not None and link._gives_back is None, 120)
        assert until(lambda: window.strip.lamp.state == "stopped")
    finally:
        end(window)
    assert not process.is_running
    assert (tmp_path / "out-3.wav").is_file()  # it was ended in good order
    killed = {path.name for path in tmp_path.glob("out*.part")}
    assert killed == {"out.wav.part", "out-2.wav.part"}


def test_another_model_plays_on_with_tempo_and_controls(app: QApplication, tmp_path: Path, until: Until) -> None:
    window, process = opened(tmp_path)
    link = window.link
    try:
        assert until(lambda: window.strip.lamp.state == "locked", 120)
        window.steering.sliders["truncation"].slider.setValue(250)
        link.set_tempo(133.5)
        assert until(lambda: link._status is not None and link._status.bpm == 133.5)
        assert until(lambda: link._status.values["truncation"] == 0.25)
        first = process.pid
        link.use_model("click")
        assert process.pid != first
        assert until(lambda: link.owns_host and window.strip.lamp.state == "locked", 120)
        assert until(lambda: link._status.bpm == 133.5 and link._status.values["truncation"] == 0.25)
        assert "is recorded into out-2.wav" in window.host_notice.text
        window.host_notice.buttons[0].click()
        assert not window.host_notice.isVisible()
        assert until(lambda: not window.host_notice.isVisible() and link._status.ahead_s > 0)
    finally:
        end(window)
    assert (tmp_path / "out.wav").stat().st_size > 10_000
    assert (tmp_path / "out-2.wav").is_file()


@pytest.mark.parametrize("hangs", [False, True])
def test_a_host_is_ended_in_good_order_where_there_are_no_signals(
    app: QApplication, tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr("musika_daw.panel.link.process.POSIX", False)
    window, process = opened(tmp_path)
    try:
        assert until(lambda: window.client.is_welcome, 120)
        if hangs:
            process.end_ms = 500
            os.kill(process.pid, signal.SIGSTOP)
    finally:
        end(window)
    assert not process.is_running
    assert (tmp_path / "out.wav").is_file() != hangs  # it has its name only where the host came to the end


def test_a_host_that_cannot_start_says_why(app: QApplication, tmp_path: Path, until: Until) -> None:
    window, _ = opened(tmp_path, source="radio")
    try:
        assert until(lambda: "radio" in window.host_notice.text, 60)
        assert window.host_notice.text.startswith("The host has ended: source: 'radio', must be internal")
    finally:
        end(window)
