"""Runs one test in a process of its own, which ends in time whatever it hangs in, with all that it started.

A client of a sound server may hang inside a library where no signal and no Python reaches it, or crash. So the test's
process leads a group, is given a limit, says where it hangs (faulthandler), and then the whole group is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CHILD = "MUSIKA_PEER_TEST"  # set in the test's own process
DUMP_S = 5.0  # before the end, time to write where everything hangs
TOLD = 12_000


@dataclass(frozen=True)
class Attempt:
    """How a test in its own process ended, and the end of what it wrote."""

    passed: bool
    seconds: float
    text: str


def run_apart(nodeid: str, root: Path, limit_s: float) -> Attempt:
    """Run a test by its pytest name; killed, and failed, after `limit_s`."""
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "pytest",
        nodeid,
        "-q",
        "--no-header",
        "--no-cov",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-o",
        f"faulthandler_timeout={max(1.0, limit_s - DUMP_S):g}",
    ]
    began_s = time.monotonic()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, CHILD: "1"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            code: int | str = child.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = f"killed after {limit_s:g} s"
        finally:
            with contextlib.suppress(ProcessLookupError):  # what the test left running goes with its group
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        out.seek(max(0, out.seek(0, os.SEEK_END) - TOLD))
        text = out.read().decode(errors="replace")
    return Attempt(code == 0, time.monotonic() - began_s, text if code == 0 else f"{text}\n{nodeid}: {code}")
