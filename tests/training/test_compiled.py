"""Two processes never compile librosa at the same time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from training import compiled

IMPORT = "from training.compiled import librosa; print('begun', flush=True); print(librosa().__version__)"


def test_it_is_imported_once_nobody_else_imports_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    command = [sys.executable, "-c", IMPORT]
    with FileLock(compiled.lock_path()):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(1)
        assert process.poll() is None
        assert compiled.lock_path().parent == tmp_path
    told, _ = process.communicate(timeout=120)
    assert told.strip() == compiled.librosa().__version__
    assert process.returncode == 0
