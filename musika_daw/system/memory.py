"""Memory of long work: what a process does not need any more goes, what stays is not looked through."""

import ctypes
import gc
import sys
from functools import cache
from typing import Any


def give_back() -> None:
    """Collect what is unreachable and hand free memory to the system, where its C library would keep it.

    Between two pieces of work: a process whose pieces differ in size otherwise grows with their number.
    """
    gc.collect()
    if (trim := _trim()) is not None:
        trim(0)


def settle() -> None:
    """Count all that is there now as there to stay, so that no later collection looks through it: what a loaded model
    brings with it costs a tenth of a second each time. `unsettle` ends that."""
    gc.collect()
    gc.freeze()


def unsettle() -> None:
    """What was there to stay may be collected again, as before another model takes the place of one."""
    gc.unfreeze()


@cache
def _trim() -> Any:
    """`malloc_trim` of glibc; None elsewhere."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
