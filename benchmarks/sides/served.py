"""A process that measures: a run for each line that it is sent, its figures as a line of JSON that it answers."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any, Self


class Served:
    """Such a process; `name` is what is said of it when it ends too early."""

    def __init__(self, name: str, command: list[str], env: Mapping[str, str]) -> None:
        self.name = name
        self.process = subprocess.Popen(
            command, env={**os.environ, **env}, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def begun(self) -> Self:
        """Once it is ready; RuntimeError where it does not come to that."""
        self.told = self._read()
        return self

    def start(self) -> None:
        """Let it begin a run."""
        assert self.process.stdin is not None
        print(file=self.process.stdin, flush=True)

    def figures(self) -> dict[str, float]:
        """Figures of the run that was begun last."""
        return self._read()

    def run(self) -> dict[str, float]:
        """Figures of one run."""
        self.start()
        return self.figures()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return dict(json.loads(line))
        raise RuntimeError(f"the process of {self.name} ended with code {self.process.wait()}")

    def end(self) -> None:
        """Waits for the process, which ends with its input."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
