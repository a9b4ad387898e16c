"""The host in PipeWire, which speaks JACK in its own way: without a session, a desktop and a sound card."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.programs import end, need
from tests.waiting import wait_for

SCENARIO = Path(__file__).with_name("pipewire_scenario.py")


class PipeWire:
    """A server in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        need("pipewire", "pw-jack", "pw-metadata")
        self.folder = folder
        # the socket's whole name has room for 107 letters
        runtime = folder / "run"
        runtime.mkdir()
        self._environment = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(runtime),
            "PIPEWIRE_RUNTIME_DIR": str(runtime),
            "PYTHONPATH": str(Path(__file__).parents[3]),
        }
        self._started: list[subprocess.Popen[bytes]] = []
        self._server: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the server."""
        self._server = self._spawn("pipewire")
        assert wait_for(lambda: (self.folder / "run" / "pipewire-0").exists())

    def kill(self) -> None:
        """End the server; its clients are told nothing."""
        assert self._server is not None
        end(self._server)

    def set(self, name: str, value: str) -> None:
        """Change a setting."""
        subprocess.run(
            ["pw-metadata", "-n", "settings", "0", name, value], env=self._environment, check=True, capture_output=True
        )

    def scenario(self, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
        """Run `pipewire_scenario` in it; what it says is in the file."""
        told = self.folder / "told.txt"
        with told.open("wb") as out:
            return self._spawn("pw-jack", sys.executable, str(SCENARIO), *arguments, out=out), told

    def _spawn(self, *command: str, out: object = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        program = subprocess.Popen(command, env=self._environment, stdout=out, stderr=None)  # type: ignore[call-overload]
        self._started.append(program)
        return program

    def close(self) -> None:
        """End everything that was started."""
        for program in reversed(self._started):
            end(program)


@pytest.fixture
def pipewire(tmp_path: Path) -> Iterator[PipeWire]:
    server = PipeWire(tmp_path)
    yield server
    server.close()


@pytest.mark.parametrize("quantum", [512, 2048])
def test_bars_that_are_a_period_late_make_nobody_late(quantum: int, pipewire: PipeWire) -> None:
    pipewire.set("clock.force-quantum", str(quantum))
    program, told = pipewire.scenario("follow")
    assert program.wait(60) == 0
    rows = np.array([[float(value) for value in line.split()] for line in told.read_text().splitlines()])
    playing = rows[rows[:, 1] == 1]
    assert len(playing) > 10 * 48_000 / quantum * 0.9
    assert np.median(playing[:, 3]) < -quantum / 48_000 * 900, "PipeWire has learned to tell bars in time"
    # the step itself is heard a period late
    assert np.percentile(np.abs(playing[:, 4]), 98) < 1.0
    assert np.abs(playing[:, 4]).max() <= quantum / 48 + 1


def test_a_server_that_ends_changes_its_rate_or_has_no_outputs(pipewire: PipeWire) -> None:
    program, told = pipewire.scenario("sink", str(pipewire.folder))

    def says(*words: str) -> bool:
        lines = told.read_text().splitlines()
        return bool(lines) and all(word in lines[-1] for word in words)

    assert wait_for(lambda: says("48000", "no output is called like 'system:playback': nothing is heard"), 30)
    pipewire.set("clock.allowed-rates", "[ 44100 48000 ]")
    pipewire.set("clock.force-rate", "44100")
    assert wait_for(lambda: says("44100", "no output"), 15)
    pipewire.kill()
    assert wait_for(lambda: says("the sound server is gone; it is looked for every second"), 15)
    pipewire.start()
    assert wait_for(lambda: says("48000", "no output"), 15)
    back = int(told.read_text().splitlines()[-1].split()[1])
    assert not wait_for(lambda: program.poll() is not None, 2)
    (pipewire.folder / "end").touch()
    assert program.wait(20) == 0
    assert int(told.read_text().splitlines()[-1].split()[1]) > back + 40
