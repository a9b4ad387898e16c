"""musika-daw: endless generated music that is exactly in time.

`Engine` renders audio as a function of musical position; `TempoMap` says where beats lie; `Controls` is
what a user sets. The names are loaded at first use, so importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musika_daw.instrument.engine import Engine
    from musika_daw.score.controls import Controls
    from musika_daw.score.tempo import TempoMap, TempoPoint

__version__ = "0.2.0"
__all__ = ["Controls", "Engine", "TempoMap", "TempoPoint", "__version__"]

_HOME = {
    "Controls": "score.controls",
    "Engine": "instrument.engine",
    "TempoMap": "score.tempo",
    "TempoPoint": "score.tempo",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'musika_daw' has no attribute {name!r}")
    return getattr(import_module(f"musika_daw.{_HOME[name]}"), name)
