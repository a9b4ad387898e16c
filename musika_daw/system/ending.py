"""`ended_by_signals`: a program that is told to end from outside does so in good order, whenever that comes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TOLD = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # the last is Windows' own


class Ending:
    """How a program ends that is told to: by `quit_`, or while it has none yet by KeyboardInterrupt."""

    def __init__(self) -> None:
        self.quit_: Callable[[], None] | None = None

    def tell(self) -> None:
        """A signal came."""
        if self.quit_ is None:
            raise KeyboardInterrupt
        self.quit_()


@contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """While this lasts, Ctrl-C, SIGTERM and a terminal that goes away end what goes on as the `Ending` says, from the
    middle of it; a second signal interrupts it.

    Under `nohup` a terminal that goes away means nothing. Outside the main thread, where Python hears no signals, it
    does nothing.
    """
    ending = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    known = [getattr(signal, name) for name in TOLD if hasattr(signal, name)]
    hangup = getattr(signal, "SIGHUP", None)
    numbers = [n for n in known if n != hangup or signal.getsignal(n) is not signal.SIG_IGN]

    def told(_number: int, _frame: object) -> None:
        for each in numbers:
            signal.signal(each, signal.default_int_handler)
        ending.tell()

    before = {number: signal.signal(number, told) for number in numbers}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
