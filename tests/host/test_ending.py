"""A host that is told to end leaves whole files, also if it has only just begun."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from musika_daw.system.ending import ended_by_signals
from tests.waiting import wait_for


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def host(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A host at the moment when its port is there, and nothing plays yet."""
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "musika_daw.commands.cli",
            "run",
            "internal",
            "--model",
            "click",
            "--sink",
            "file:out.wav",
            "--no-view",
            "--control-port",
            str(port),
            "--map",
            "map.toml",
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert wait_for(lambda: is_taken(port) or process.poll() is not None, 60)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_host_that_is_ended_as_it_starts_leaves_a_file_that_is_whole(
    host: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    host.send_signal(number)
    out, complaints = host.communicate(timeout=60)
    assert (host.returncode, complaints) == (0, "")
    assert "blocks" in out
    assert soundfile.info(tmp_path / "out.wav").samplerate == 48_000
    assert not (tmp_path / "out.wav.part").exists()


def _renderers(pid: int) -> set[int]:
    """Processes that a process started and that live; of multiprocessing's own those that run the renderer."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
                if int(parent) == pid and state != "Z" and b"spawn_main" in (entry / "cmdline").read_bytes():
                    found.add(int(entry.name))
    return found


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are found in /proc")
@pytest.mark.parametrize(
    ("loaded", "source", "number"),
    [
        (False, "internal", signal.SIGTERM),
        (False, "plugin", signal.SIGTERM),
        (False, "internal", signal.SIGHUP),
        (True, "internal", signal.SIGTERM),
        (True, "plugin", signal.SIGTERM),
    ],
)
def test_the_renderer_goes_with_a_host_that_is_ended(
    tmp_path: Path, loaded: bool, source: str, number: signal.Signals
) -> None:
    port = free_port()
    options = ["--listen-port", str(port)]
    if source == "internal":
        options = ["--sink", "file:out.wav", "--control-port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "musika_daw.commands.cli", "run", source, "--no-view", *options],
        cwd=tmp_path,
        env=os.environ | {"MUSIKA_PLUGIN_DIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # where the tests run under nohup they ignore it, and so would what they start
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    renderers: set[int] = set()
    try:
        assert wait_for(lambda: _renderers(process.pid), 60)
        assert not loaded or wait_for(lambda: is_taken(port), 60)
        renderers = _renderers(process.pid)
        process.send_signal(number)
        assert wait_for(lambda: process.poll() is not None and not any(map(_is_alive, renderers)), 2)
        assert process.returncode == (0 if loaded else 130)
    finally:
        process.kill()
        process.wait()
        for pid in renderers:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def test_the_second_signal_interrupts_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    told: list[bool] = []
    with ended_by_signals() as ending:
        ending.quit_ = lambda: told.append(True)
        os.kill(os.getpid(), signal.SIGTERM)
        assert wait_for(lambda: told)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert told == [True]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before, done = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with ended_by_signals():
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [before]
