"""`HostClient`: the panel's end of the control socket; it looks for the host again whenever it is gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QTcpSocket

from musika_daw.host.control.wire import ANSWER_BYTES_MAX, PORT, decode_answer, encode
from musika_daw.panel.link.status import read_status, read_welcome

RETRY_MS = 400
STATUS_HZ = 20.0
Answered = Callable[[str, Mapping[str, Any]], None]


class HostClient(QObject):
    """Connects to a host on this machine and stays with it.

    Signals: `welcomed` with a Welcome, `status` with a HostStatus, `kept` with a file, `problem` with a sentence,
    `lost` when the connection ends or there is none. `malformed` counts what no host would send.
    """

    welcomed = Signal(object)
    status = Signal(object)
    kept = Signal(str)
    problem = Signal(str)
    lost = Signal()

    def __init__(self, port: int = PORT, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.port = port
        self.malformed = 0
        self.is_welcome = False
        self._number = 0
        self._waiting: dict[int, Answered] = {}
        self._socket = QTcpSocket(self)
        self._socket.connected.connect(self._greet)
        self._socket.readyRead.connect(self._read)
        self._socket.disconnected.connect(self._gone)
        self._socket.errorOccurred.connect(self._gone)
        self._retry = QTimer(self)
        self._retry.setInterval(RETRY_MS)
        self._retry.timeout.connect(self._connect)

    def start(self) -> None:
        """Begin to look for the host."""
        self._retry.start()
        self._connect()

    def stop(self) -> None:
        """Leave the host."""
        self._retry.stop()
        self._socket.abort()

    def ask_to_end(self) -> bool:
        """Ask the host to end, at once, and stop looking for one; returns whether there is a host."""
        self._retry.stop()
        if not self.request("act", action="quit"):
            return False
        self._socket.flush()
        return self._socket.bytesToWrite() == 0

    def request(self, kind: str, answered: Answered | None = None, **values: Any) -> bool:
        """Ask for something; `answered` gets the kind and the keys of the answer. Returns whether there is a host.

        Without `answered` an error becomes a `problem`.
        """
        if not self.is_welcome:
            return False
        self._send(kind, answered, values)
        return True

    def _send(self, kind: str, answered: Answered | None, values: Mapping[str, Any]) -> None:
        self._number += 1
        if answered is not None:
            self._waiting[self._number] = answered
        self._socket.write(encode(kind, id=self._number, **values))

    def _connect(self) -> None:
        if self._socket.state() == QAbstractSocket.SocketState.UnconnectedState:
            self._socket.connectToHost(QHostAddress(QHostAddress.SpecialAddress.LocalHost), self.port)

    def _greet(self) -> None:
        self._send("hello", None, {"client": "musika-daw panel", "status_hz": STATUS_HZ})

    def _gone(self, _error: object = None) -> None:
        self.is_welcome = False
        self._waiting.clear()
        self._socket.abort()
        self.lost.emit()

    def _read(self) -> None:
        while self._socket.canReadLine():
            line = bytes(self._socket.readLine().data())
            try:
                kind, data = decode_answer(line)
                self._take(kind, data)
            except ValueError:
                self.malformed += 1
                if len(line) > ANSWER_BYTES_MAX:  # as below, though its end has come meanwhile
                    self._gone()
                    return
        if self._socket.bytesAvailable() > ANSWER_BYTES_MAX:  # no host: its line does not end
            self.malformed += 1
            self._gone()

    def _take(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "status":
            self.status.emit(read_status(data))
        elif kind == "welcome":
            welcome = read_welcome(data)
            self.is_welcome = True
            self.welcomed.emit(welcome)
        elif kind == "kept":
            self.kept.emit(str(data.get("file")))
        else:
            number = data.get("id")
            answered = self._waiting.pop(number, None) if isinstance(number, int) else None
            if answered is not None:
                answered(kind, data)
            elif kind in ("error", "problem"):
                self.problem.emit(str(data.get("text")))
