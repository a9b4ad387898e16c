"""`HostProcess`: a host that the panel started itself; it ends with the panel."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from PySide6.QtCore import QObject, QProcess, Signal

TEXT_MAX = 4000
END_MS = 10_000


class HostProcess(QObject):
    """Starts `musika-daw run` as a child. `ended` says why it ended by itself, in its own words."""

    ended = Signal(str)

    def __init__(self, arguments: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.arguments = list(arguments)
        self._process = QProcess(self)
        self._process.setProgram(sys.executable)
        self._process.readyReadStandardError.connect(self._hear)
        self._process.readyReadStandardOutput.connect(self._process.readAllStandardOutput)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._failed)
        self._text = ""
        self._stopping = False

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process.state() != QProcess.ProcessState.NotRunning

    @property
    def pid(self) -> int:
        """Its process id; 0 while there is none."""
        return int(self._process.processId())

    def start(self) -> None:
        """Start it, if it does not run."""
        if not self.is_running:
            self._text, self._stopping = "", False
            self._process.setArguments(["-m", "musika_daw.cli", "run", *self.arguments, "--no-view"])
            self._process.start()

    def stop(self) -> None:
        """End it as Ctrl-C would, so that what is being captured is finished, and wait until it has."""
        if not self.is_running:
            return
        self._stopping = True
        if os.name == "posix":
            os.kill(self.pid, signal.SIGINT)
        else:
            self._process.terminate()
        for harder in (self._process.terminate, self._process.kill):
            if self._process.waitForFinished(END_MS):
                return
            harder()
        self._process.waitForFinished(END_MS)

    def _hear(self) -> None:
        heard = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        self._text = (self._text + heard)[-TEXT_MAX:]

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        if self._stopping:
            return
        lines = [line.strip() for line in self._text.splitlines() if line.strip()]
        if status == QProcess.ExitStatus.CrashExit:
            self.ended.emit("it crashed, or was killed")
        else:
            self.ended.emit(lines[-1] if code and lines else f"it ended with code {code}")

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.ended.emit(f"{sys.executable} could not be started")
