"""What can be undone: controls, and what was done to files on the shelf."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from PySide6.QtGui import QUndoCommand

MERGE_S = 1.0
CONTROL_ID = 1
Values = Mapping[str, float | None]


class ControlChange(QUndoCommand):
    """Controls that went from some values to others; the moves of one drag are one change."""

    def __init__(self, send: Callable[[Values], None], before: Values, after: Values, text: str) -> None:
        super().__init__(text)
        self._send, self._before, self._after = send, dict(before), dict(after)
        self._at_s = time.monotonic()

    def id(self) -> int:
        """Of commands that may be one."""
        return CONTROL_ID

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Whether another change followed at once on the same controls; then it is part of this one."""
        if not isinstance(other, ControlChange) or set(other._after) != set(self._after):
            return False
        if other._at_s - self._at_s > MERGE_S:
            return False
        self._after, self._at_s = other._after, other._at_s
        return True

    def redo(self) -> None:
        """Set the new values."""
        self._send(self._after)

    def undo(self) -> None:
        """Set the old values."""
        self._send(self._before)


class FileChange(QUndoCommand):
    """Something done to files, with the way back; what fails says so and changes nothing."""

    def __init__(self, text: str, do: Callable[[], None], back: Callable[[], None]) -> None:
        super().__init__(text)
        self._do, self._back = do, back

    def redo(self) -> None:
        """Do it."""
        self._do()

    def undo(self) -> None:
        """Take it back."""
        self._back()
