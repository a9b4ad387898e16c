"""Free memory goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from musika_daw.system.memory import give_back, settle, unsettle

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
    knot = weakref.ref(Knot())
    give_back()
    assert knot() is None


@pytest.fixture
def settled() -> Iterator[weakref.ref[Knot]]:
    """A knot that was there when all was settled, and that nobody else holds since."""
    knot: Knot | None = Knot()
    held = weakref.ref(knot)
    settle()
    knot = None
    yield held
    unsettle()


def test_what_is_settled_stays_until_it_is_unsettled(settled: weakref.ref[Knot]) -> None:
    later = weakref.ref(Knot())
    give_back()
    assert settled() is not None
    assert later() is None
    unsettle()
    give_back()
    assert settled() is None
    assert gc.get_freeze_count() == 0
