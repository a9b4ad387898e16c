"""`LikeSearch`: `musika-daw like` as a process of its own, with progress; it ends with the panel."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QProcess, Signal

TEXT_MAX = 4000
END_MS = 2000


class LikeSearch(QObject):
    """One search at a time. `changed` tells of every step, `found` has the voices and the file they were found for,
    `failed` a sentence, in the words of the command.

    A panel that is killed takes the search with it: at its next try it finds nobody to tell.
    """

    changed = Signal()
    found = Signal(str, str)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.command: Sequence[str] = (sys.executable, "-m", "musika_daw", "like")
        self.file: Path | None = None
        self.done, self.tries = 0, 0
        self._process: QProcess | None = None
        self._lines, self._errors, self._result = b"", b"", {"voices": None}

    @property
    def is_active(self) -> bool:
        """Whether it looks for something."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Id of its process; 0 while there is none."""
        return 0 if self._process is None else int(self._process.processId())

    def start(self, file: Path, model: str) -> None:
        """Look for the voices of a model that sound like a file, and no longer for others."""
        self.cancel()
        self.file, self.done, self.tries = file, 0, 0
        self._lines, self._errors, self._result = b"", b"", {"voices": None}
        process = self._process = QProcess(self)
        process.readyReadStandardOutput.connect(lambda: self._read(process))
        process.readyReadStandardError.connect(lambda: self._read(process))
        process.finished.connect(lambda code, _status: self._ended(process, code))
        process.errorOccurred.connect(lambda error: self._not_started(process, error))
        process.start(
            self.command[0], [*self.command[1:], "--model", model, "--json", "--progress", "json", "--", str(file)]
        )
        self.changed.emit()

    def cancel(self) -> None:
        """Look no longer."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # it writes nothing but to us
        process.waitForFinished(END_MS)
        process.deleteLater()
        self.changed.emit()

    def _read(self, process: QProcess) -> None:
        self._errors = (self._errors + bytes(process.readAllStandardError().data()))[-TEXT_MAX:]
        self._lines += bytes(process.readAllStandardOutput().data())
        if process is not self._process:
            return
        *whole, rest = self._lines.split(b"\n")
        self._lines = rest[-TEXT_MAX:]
        for line in whole:
            try:
                told: Any = json.loads(line)
                if "voices" in told:
                    self._result = told
                else:
                    self.done, self.tries = int(told["done"]), int(told["tries"])
            except (ValueError, KeyError, TypeError, RecursionError):
                continue  # none of the lines that it writes
        self.changed.emit()

    def _ended(self, process: QProcess, code: int) -> None:
        if process is not self._process:
            return
        self._read(process)
        self._process = None
        process.deleteLater()
        voices = self._result["voices"]
        said = [line.strip() for line in self._errors.decode("utf-8", "replace").splitlines() if line.strip()]
        self.changed.emit()
        if code == 0 and isinstance(voices, str):
            self.found.emit(voices, "" if self.file is None else self.file.name)
        elif said:
            self.failed.emit(said[-1].removeprefix("error: "))
        else:
            self.failed.emit(f"like: the search ended with code {code} and found no voices")

    def _not_started(self, process: QProcess, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and process is self._process:
            self._process = None
            self.changed.emit()
            self.failed.emit(f"like: {self.command[0]} could not be started")
