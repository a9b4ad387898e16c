"""Memory that a process does not need any more."""

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


@cache
def _trim() -> Any:
    """`malloc_trim` of glibc; None elsewhere."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
