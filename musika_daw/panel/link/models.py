"""`ModelNames`: the models that a host could play, asked of another process, since torch is no burden for a window."""

from __future__ import annotations

import json
import sys

from PySide6.QtCore import QObject, QProcess, Signal

_ASK = (
    "import json; from musika_daw.instrument.checkpoint import shipped_models, user_models; "
    "print(json.dumps([*shipped_models(), *user_models()]))"
)


class ModelNames(QObject):
    """`found` has the names, shipped ones first, some seconds after `ask`; none where they cannot be found out."""

    found = Signal(list)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        self._process.setProgram(sys.executable)
        self._process.setArguments(["-c", _ASK])
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._failed)

    def ask(self) -> None:
        """Look for them anew, unless that is being done."""
        if self._process.state() == QProcess.ProcessState.NotRunning:
            self._process.start()

    def close(self) -> None:
        """End the process, if it runs."""
        self._process.kill()
        self._process.waitForFinished(2000)

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.found.emit([])

    def _finished(self) -> None:
        try:
            names = json.loads(bytes(self._process.readAllStandardOutput().data()))
        except ValueError:
            names = []
        self.found.emit([str(name) for name in names])
