"""`later`: a call from the event loop, unless who asked for it is gone by then."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer


def later(owner: QObject, call: Callable[[], object], delay_ms: int = 0) -> None:
    """Call once, `delay_ms` from now; never after `owner` was deleted, whose parts the call needs."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.timeout.connect(call)
    timer.timeout.connect(timer.deleteLater)
    timer.start(delay_ms)
