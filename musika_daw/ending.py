"""`ended_by_signals`: a program that is told to end from outside does so in good order, whenever that comes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TOLD = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last is Windows' own


@contextmanager
def ended_by_signals(quit_: Callable[[], None]) -> Iterator[None]:
    """While this lasts, Ctrl-C and SIGTERM call `quit_` in the middle of whatever goes on; a second one interrupts it.

    Outside the main thread, where Python hears no signals, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in TOLD if hasattr(signal, name)]

    def told(_number: int, _frame: object) -> None:
        for number in numbers:
            signal.signal(number, signal.default_int_handler)
        quit_()

    before = {number: signal.signal(number, told) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
