"""Processes beside a measurement: busy ones, and how much memory others take."""

from __future__ import annotations

import multiprocessing
import resource
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path


def _spin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    while True:
        sum(range(10_000))


def start_busy(count: int) -> list[BaseProcess]:
    """Start so many processes that want a core each; they end with this one, or when their starter ends them."""
    others = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(count)]
    for other in others:
        other.start()
    return list(others)


def memory_mib(pid: int) -> float:
    """Memory in use by a process, from /proc."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def children(pid: int) -> list[int]:
    """Processes that a process has started and that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
        if parent == pid:
            found.append(int(path.parent.name))
    return found
