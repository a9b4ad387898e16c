"""Worker processes that do not outlive the process that started them."""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process


def end_with_parent() -> None:
    """End this worker when the process that started it is gone, however it went.

    A worker of a pool whose main process was killed would wait for work for ever.
    """
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
