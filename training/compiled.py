"""`librosa`: imported by one process at a time, since it compiles much of itself when it is imported.

numba keeps what was compiled beside librosa, for all processes. Two that compile at the same time, as workers of a
first run do, put halves that do not fit together into that cache, and from then on every process that calls them is
ended by a signal. So the import is done under a lock: one compiles, the others load what it kept.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from filelock import FileLock

# librosa loads its modules when they are first asked for; these compile something
_MODULES = ("core", "beat", "effects", "feature", "filters", "onset", "util")


def lock_path() -> Path:
    """The file that is locked meanwhile: one for each user."""
    return Path(tempfile.gettempdir()) / f"musika-compiles-{getattr(os, 'getuid', lambda: 0)()}.lock"


@cache
def librosa() -> ModuleType:
    """The module `librosa`."""
    with FileLock(lock_path()):
        for name in _MODULES:
            importlib.import_module(f"librosa.{name}")
        return importlib.import_module("librosa")
