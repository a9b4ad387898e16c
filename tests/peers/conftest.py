"""Real programs: a JACK server of each test's own, a recorder in it, and the host playing into it.

Everything is compared in the server's frames, never in wall time: under load a server drops cycles, and that
is not the host's fault.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.source import host_time

RATE = 48_000
PERIOD = 512
STARTED = 1  # jack_transport_state_t: rolling


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a peer test, and runs again where a machine without real time dropped cycles."""
    here = Path(__file__).parent
    for item in items:
        if here in Path(str(item.path)).parents:
            item.add_marker(pytest.mark.peer)
            item.add_marker(pytest.mark.flaky(reruns=3, reruns_delay=2))


def need(*programs: str) -> None:
    """A missing program is a failure where CI is set, and a skip that names it elsewhere."""
    missing = [p for p in programs if shutil.which(p) is None and not Path(p).exists()]
    if missing:
        reason = f"{', '.join(missing)} not installed: run scripts/install-test-peers"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def wait_for(condition: Callable[[], bool], limit_s: float = 10.0) -> bool:
    """Wait for another program; whether the condition came true."""
    end_s = host_time() + limit_s
    while not condition():
        if host_time() > end_s:
            return False
        time.sleep(0.02)
    return True


@dataclass(frozen=True)
class Cycle:
    """One period as recorded: server's frame, transport state and frame, tempo of the master (0: none), audio."""

    counter: int
    state: int
    frame: int
    bpm: float
    heard_s: float
    audio: np.ndarray


class Recorder:
    """A JACK client that keeps what it is sent, and what the transport was in every cycle."""

    def __init__(self, server: str) -> None:
        jack = importlib.import_module("jack")
        self.client = jack.Client("recorder", no_start_server=True, servername=server)
        self._port = self.client.inports.register("in")
        self.cycles: list[Cycle] = []
        self.client.set_process_callback(self._process)
        self.client.activate()

    def _process(self, _frames: int) -> None:
        state, position = self.client.transport_query_struct()
        bpm = float(position.beats_per_minute) if position.valid & 0x10 else 0.0
        audio = self._port.get_array().copy()
        since_s = self.client.frames_since_cycle_start / RATE
        self.cycles.append(
            Cycle(self.client.last_frame_time, state, position.frame, bpm, host_time() - since_s, audio)
        )

    def connect(self, port: str) -> None:
        """Listen to a port."""
        self.client.connect(port, self._port)

    def clicks(self, level: float = 0.2, rolling: bool = True) -> list[tuple[int, int, float]]:
        """(transport frame, server frame, host time) of every click's first loud sample, those while the transport
        rolls or all."""
        found = []
        quiet = 10**9
        for cycle in list(self.cycles):
            loud = np.flatnonzero(np.abs(cycle.audio) > level)
            last = -1
            for index in loud:
                if quiet + index - last - 1 > 600 and (not rolling or cycle.state == STARTED):
                    i = int(index)
                    found.append((cycle.frame + i, cycle.counter + i, cycle.heard_s + i / RATE))
                quiet, last = 0, int(index)
            quiet += len(cycle.audio) - last - 1
        return found

    def gaps(self) -> int:
        """Cycles that the server dropped: its transport stood still then while its clock went on."""
        counters = [cycle.counter for cycle in self.cycles]
        sizes = [len(cycle.audio) for cycle in self.cycles]
        return sum(b - a != size for a, b, size in zip(counters, counters[1:], sizes))

    def rolling(self) -> list[Cycle]:
        """The cycles in which the transport rolled."""
        return [cycle for cycle in self.cycles if cycle.state == STARTED]

    def close(self) -> None:
        """Leave the server."""
        self.client.deactivate()
        self.client.close()


class Jack:
    """A running server, programs in it, and the host."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.environment = {
            **os.environ, "JACK_DEFAULT_SERVER": name, "JACK_NO_AUDIO_RESERVATION": "1", "JACK_NO_START_SERVER": "1",
        }  # fmt: skip
        self._programs: list[subprocess.Popen[bytes]] = []
        self._closers: list[Callable[[], None]] = []
        self._server: subprocess.Popen[bytes] | None = None

    def start(self, period: int = PERIOD) -> None:
        """Start the server."""
        command = ["jackd", "-n", self.name, "-R", "-P", "60", "-d", "dummy", "-r", str(RATE), "-p", str(period)]
        self._server = self._spawn(command)
        assert wait_for(self._answers), "jackd does not answer"

    def _answers(self) -> bool:
        done = subprocess.run(["jack_lsp"], env=self.environment, capture_output=True, check=False)
        return done.returncode == 0

    def stop_server(self) -> None:
        """End the server under its clients."""
        server, self._server = self._server, None
        if server is not None:
            server.terminate()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(5)

    def spawn(self, *command: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start a program in the server; it is ended with the test."""
        program = self._spawn(list(command), **options)
        self._programs.append(program)
        return program

    def _spawn(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{Path(command[0]).name}.log").open("ab")
        environment = {**self.environment, **options.pop("env", {})}
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, cwd=self.folder, **options
        )

    def say(self, program: subprocess.Popen[bytes], text: str) -> None:
        """Type a line into a program."""
        assert program.stdin is not None
        program.stdin.write(f"{text}\n".encode())
        program.stdin.flush()

    def record(self) -> Recorder:
        """Start to record."""
        recorder = Recorder(self.name)
        self._closers.append(recorder.close)
        return recorder

    def play(self, source: str, recorder: Recorder | None = None, model: str = "click", **options: Any) -> Any:
        """Start the host into the recorder."""
        from musika_daw.host.session import Session, SessionOptions
        from musika_daw.host.sources import SourceOptions

        names = ("bpm", "jitter_s", "listen_port", "song_position_divisor")
        of_source = {name: options.pop(name) for name in names if name in options}
        of_source["latency_s"] = options.pop("latency_s_source", 0.0)
        session = Session(
            SessionOptions(
                source, "jack", model, SourceOptions(jack_server=self.name, **of_source), connect=None,
                keep_to=self.folder / "kept", **options,
            )
        )  # fmt: skip
        self._closers.append(session.stop)
        session.start()
        if recorder is not None:
            recorder.connect("musika-daw out:left")
        return session

    def close(self) -> None:
        """End everything, last started first."""
        for close in reversed(self._closers):
            close()
        for program in reversed(self._programs):
            if program.poll() is None:
                program.terminate()
                try:
                    program.wait(3)
                except subprocess.TimeoutExpired:
                    program.kill()
        server = self._server
        if server is not None:
            server.terminate()
            try:
                server.wait(3)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(3)


@pytest.fixture
def jack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jack]:
    """A JACK server of this test's own."""
    need("jackd", "jack_lsp")
    server = Jack(f"musika{os.getpid()}{uuid.uuid4().hex[:6]}", tmp_path)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    interval = sys.getswitchinterval()
    try:
        server.start()
        yield server
    finally:
        server.close()
        sys.setswitchinterval(interval)


@pytest.fixture(name="wait_for")
def wait_for_fixture() -> Callable[..., bool]:
    return wait_for


@pytest.fixture(name="need")
def need_fixture() -> Callable[..., None]:
    return need
