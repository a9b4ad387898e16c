"""A test that hangs, or crashes, keeps no other from running, and leaves nothing behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.peers.apart import run_apart
from tests.waiting import wait_for

HANGS = """
import ctypes, pathlib, subprocess

def test_hangs():
    child = subprocess.Popen(["sleep", "1000"])
    pathlib.Path({told!r}).write_text(str(child.pid))
    ctypes.PyDLL(None).sleep(1000)  # with Python's lock held, as a library may
"""
CRASHES = """
import ctypes

def test_crashes():
    ctypes.string_at(0)
"""


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_hanging_test_is_killed_with_what_it_started_and_says_where_it_hangs(tmp_path: Path) -> None:
    told = tmp_path / "told"
    (tmp_path / "test_it.py").write_text(HANGS.format(told=str(told)))
    began_s = time.monotonic()
    attempt = run_apart("test_it.py::test_hangs", tmp_path, 12)
    assert not attempt.passed
    assert time.monotonic() - began_s < 60
    assert "in test_hangs" in attempt.text
    pid = int(told.read_text())
    assert pid != os.getpid()
    assert wait_for(lambda: not _is_alive(pid))


def test_a_crashing_test_has_failed_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(CRASHES)
    attempt = run_apart("test_it.py::test_crashes", tmp_path, 60)
    assert not attempt.passed
    assert "Segmentation fault" in attempt.text
