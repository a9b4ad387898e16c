"""Sample packs: plan, render, check, label, write.

The names below are the public ones. They are imported when they are first used, so that the command line answers
at once.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "BuildError": "build", "BuildOptions": "options", "EngineSource": "source", "Gap": "rows", "Manifest": "manifest",
    "Report": "verify", "Result": "build", "Row": "rows", "Tags": "riff", "read_header": "riff_reader",
    "read_manifest": "manifest", "read_wave": "riff_reader", "write_wave": "riff",
}  # fmt: skip
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
