"""Free memory goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from musika_daw.system.memory import give_back

BLOCK, BLOCKS = 64 * 1024, 1000


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class Knot:
    """Something that only the collector of unreachable objects can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None) if sys.platform == "linux" else None, "malloc_trim"), reason="glibc")
def test_what_is_free_between_things_that_stay_is_given_back() -> None:
    library = ctypes.CDLL(None)
    library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    blocks = [library.malloc(BLOCK) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK)
    for block in blocks[:-1]:  # the last one stays, so that the end of the heap does
        library.free(block)
    before = resident()
    give_back()
    assert before - resident() > BLOCK * BLOCKS // 2
    library.free(blocks[-1])


def test_what_only_holds_itself_is_freed() -> None:
    import weakref

    knot = weakref.ref(Knot())
    give_back()
    assert knot() is None
