"""The panel under a real X server, with real input: what is dragged out of it arrives in another program."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from bridge import FakeTransport, UdpSender
from musika_daw.sound.riff_reader import read_header
from tests.programs import need

BPM, BARS = 126.0, 4
DROP = (1100, 250)


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of programs on a screen of their own."""
    need("Xvfb", "xdotool", "yad")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x900x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as stream:
            number = stream.readline().strip()
        assert number, "Xvfb did not start"
        yield {
            **{name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"},
            "DISPLAY": f":{number}",
            "QT_QPA_PLATFORM": "xcb",
            "GDK_BACKEND": "x11",
            "HOME": str(tmp_path),
            "NO_AT_BRIDGE": "1",
        }
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def daw() -> Iterator[int]:
    """A fake transport that plays, told over UDP; its port."""
    port, halt = free_port(socket.SOCK_DGRAM), threading.Event()
    fake, sender = FakeTransport(BPM).play(0.5), UdpSender(port)
    fake.start()

    def speak() -> None:
        while not halt.wait(0.02):
            try:
                sender.send(fake.latest())
            except OSError:  # nobody listens yet
                continue

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    yield port
    halt.set()
    thread.join()


@pytest.fixture
def target(screen: dict[str, str], tmp_path: Path) -> Iterator[list[str]]:
    """Another program's window, which prints what is dropped on it."""
    command = [
        "yad",
        "--dnd",
        "--no-buttons",
        "--width=300",
        "--height=300",
        f"--posx={DROP[0] - 150}",
        f"--posy={DROP[1] - 150}",
        "--text=drop here",
    ]
    program = subprocess.Popen(command, env=screen, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    heard: list[str] = []

    def listen() -> None:
        assert program.stdout is not None
        for line in program.stdout:
            heard.append(line.strip())
            (tmp_path / "dropped").touch()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield heard
    program.terminate()
    program.wait(10)


@pytest.mark.limit_s(300)
def test_captured_bars_are_dragged_into_another_program(
    screen: dict[str, str], daw: int, target: list[str], tmp_path: Path
) -> None:
    control = free_port(socket.SOCK_STREAM)
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.peers.panel.panel_scenario",
            str(tmp_path),
            str(daw),
            str(control),
            *map(str, DROP),
        ],
        env=screen,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    seen = json.loads(ran.stdout.splitlines()[-1])
    assert seen["bpm"] == f"{BPM:.2f}"
    assert len(target) == 1
    url = urlparse(target[0])
    assert url.scheme == "file"
    dropped = Path(unquote(url.path))
    assert dropped == Path(seen["file"])
    header = read_header(dropped)
    acid = header.tags.acid
    assert acid is not None
    assert (acid.beats, acid.tempo_bpm) == (BARS * 4, BPM)
    assert header.frames == round(BARS * 4 * 60 * header.sample_rate_hz / BPM)
    assert header.tags.sampler is not None
    assert header.tags.sampler.loops == ((0, header.frames - 1),)
    end_s = time.monotonic() + 10
    while True:  # the host that the panel started has gone with it
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", control)):
                break
        assert time.monotonic() < end_s
        time.sleep(0.1)
