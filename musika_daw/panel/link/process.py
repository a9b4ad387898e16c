"""`HostProcess`: a host that the panel started itself; it ends with the panel."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QProcess, Signal

TEXT_MAX = 4000
END_MS = 10_000
POSIX = os.name == "posix"


class HostProcess(QObject):
    """Starts `musika-daw run` as a child. `ended` says why it ended by itself, in its own words."""

    ended = Signal(str)

    def __init__(self, arguments: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.arguments, self.end_ms = list(arguments), END_MS
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
            self._process.setArguments(["-m", "musika_daw.commands.cli", "run", *self.arguments, "--no-view"])
            self._process.start()

    def stop(self, ask: Callable[[], bool] = lambda: False) -> None:
        """End it so that what is being captured is finished, and wait until it has.

        `ask` tells it in its own words to end, and says whether it could; Windows knows no signal that a program
        without a window hears. One that was not asked, or does not end in time, is interrupted as by Ctrl-C where
        there is that, then killed.
        """
        if not self.is_running:
            return
        self._stopping = True
        if ask() and self._process.waitForFinished(self.end_ms):
            return
        # on Windows `terminate` is heard by windows only, and would be waited for in vain
        ways = (self._interrupt, self._process.terminate) if POSIX else ()
        for harder in (*ways, self._process.kill):
            harder()
            if self._process.waitForFinished(self.end_ms):
                return

    def _interrupt(self) -> None:
        os.kill(self.pid, signal.SIGINT)

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
            self.ended.emit(lines[-1].removeprefix("error: ") if code and lines else f"it ended with code {code}")

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.ended.emit(f"{sys.executable} could not be started")
