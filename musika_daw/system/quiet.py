"""Silence for C libraries that write to stderr themselves, where ours say it in one line."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_lock = threading.Lock()
_inside = 0  # how many blocks are quiet now: the first closes stderr, the last opens it
_kept: int | None = None


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Nothing reaches stderr, of this whole process, until the block ends; threads and blocks in blocks are allowed."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _kept
    with _lock:
        _inside += 1
        if _inside > 1:
            return
        try:
            _kept = os.dup(_STDERR)
        except OSError:  # a program without a console has none
            _kept = None
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STDERR)
        os.close(nowhere)


def _leave() -> None:
    global _inside, _kept
    with _lock:
        _inside -= 1
        if _inside or _kept is None:
            return
        os.dup2(_kept, _STDERR)
        os.close(_kept)
        _kept = None
