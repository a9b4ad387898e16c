"""`RunningHost`: `musika-daw run` as a program of its own, seen and steered through its control socket."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.jack.processes import children, memory_mib
from bridge.clock.source import host_time
from tests.peers.server import Jack

START_S = 180.0
ANSWER_S = 30.0
STATUS_HZ = 10


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class RunningHost:
    """A host in a JACK server. `underruns` has (host time, count so far) for every time that the count grew, `kept` the
    files of captures, `problems` what went wrong with what was asked."""

    def __init__(self, jack: Jack, model: str, *options: str) -> None:
        port = _free_port()
        self.model = model
        command = ["run", "jack", "--sink", "jack", "--jack-server", jack.name, "--connect", "", "--no-view"]
        command += ["--model", model, "--control-port", str(port), *options]
        # in a session of its own: Ctrl-C is for who measures, who ends it then
        self.program = jack.spawn(sys.executable, "-m", "musika_daw", *command, start_new_session=True)
        self.log = jack.folder / f"{Path(sys.executable).name}.log"
        self.status: dict[str, Any] = {}
        self.underruns: list[tuple[float, int]] = []
        self.kept: list[Path] = []
        self.problems: list[str] = []
        self._answers: dict[int, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._number = 0
        self._socket = self._join(port)
        self._reader = threading.Thread(target=self._read, name=f"reads {model}", daemon=True)
        self._reader.start()
        self.welcome = self.ask("hello", client="soak", status_hz=STATUS_HZ)
        self.pid = int(self.welcome["pid"])
        # the largest of what it has started so far: beside it there is the tracker of shared memory
        self.renderer_pid = max(children(self.pid), key=memory_mib)

    def _join(self, port: int) -> socket.socket:
        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s and self.is_alive:
            try:
                joined = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)
            except OSError:
                time.sleep(0.1)
                continue
            joined.settimeout(None)
            return joined
        raise RuntimeError(f"the host with {self.model} does not answer: {self.log.read_text()[-500:]}")

    @property
    def is_alive(self) -> bool:
        """Whether the program has not ended."""
        return self.program.poll() is None

    def memory_mib(self) -> tuple[float, float]:
        """Memory of the host and of its renderer; NaN for one that has ended."""
        taken = []
        for pid in (self.pid, self.renderer_pid):
            try:
                taken.append(memory_mib(pid))
            except OSError:
                taken.append(float("nan"))
        return taken[0], taken[1]

    def ask(self, kind: str, **values: Any) -> dict[str, Any]:
        """The answer to a request. Raises RuntimeError where it is refused or none comes."""
        self._number += 1
        number = self._number
        self._socket.sendall(json.dumps({"musika": 1, "kind": kind, "id": number, **values}).encode() + b"\n")
        with self._changed:
            if not self._changed.wait_for(lambda: number in self._answers, ANSWER_S):
                raise RuntimeError(f"the host with {self.model} has not answered {kind} {values}")
            answer = self._answers.pop(number)
        if answer["kind"] == "error":
            raise RuntimeError(f"the host with {self.model} refused {kind} {values}: {answer['text']}")
        return answer

    def wait(self, condition: Callable[[dict[str, Any]], object], limit_s: float = START_S) -> bool:
        """Whether its status came to be as asked within so long."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self.status and condition(self.status)), limit_s)

    def _read(self) -> None:
        with self._socket.makefile("rb") as stream:
            try:
                for line in stream:
                    self._take(json.loads(line))
            except OSError:
                return  # closed

    def _take(self, message: dict[str, Any]) -> None:
        with self._changed:
            if message["kind"] == "status":
                self.status = message
                count = message["sound"]["underruns"]
                if count != (self.underruns[-1][1] if self.underruns else 0):
                    self.underruns.append((host_time(), count))
            elif message["kind"] == "kept":
                self.kept.append(Path(message["file"]))
            elif message["kind"] == "problem":
                self.problems.append(message["text"])
            elif "id" in message:
                self._answers[message["id"]] = message
            self._changed.notify_all()

    def close(self) -> None:
        """Hang up; the program is the server's to end."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
