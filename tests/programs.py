"""Programs that tests talk to: a missing one is a failure, never a silent skip; a started one is ended."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL = "run scripts/install-test-peers, or leave these tests out by -m 'not peer'"
END_S = 10.0


def need(*programs: str) -> str:
    """Path of the first program; fails, naming what installs them, unless all (names or paths) are there."""
    found = {program: shutil.which(program) or (program if Path(program).exists() else None) for program in programs}
    missing = [program for program, path in found.items() if path is None]
    if missing:
        pytest.fail(f"{', '.join(missing)} not installed: {INSTALL}")
    return str(found[programs[0]])


def need_module(*modules: str) -> None:
    """Fail, naming what installs them, unless every module is there."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        pytest.fail(f"{', '.join(missing)} not installed: run make setup-dev")


def end(program: subprocess.Popen[bytes]) -> None:
    """End a program that this test started, by its id, at the latest by force."""
    if program.poll() is None:
        program.terminate()
        try:
            program.wait(END_S)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait(END_S)
    if program.stdin is not None:
        program.stdin.close()
