"""Sample packs: plan, render, check, label, write.

The names below are the public ones. They are imported when they are first used, so that the command line answers
at once.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "BuildError": "run.build",
    "BuildOptions": "plan.options",
    "EngineSource": "render.source",
    "Gap": "record.rows",
    "Manifest": "record.manifest",
    "Report": "verify",
    "Result": "run.build",
    "Row": "record.rows",
    "read_manifest": "record.manifest",
}
_FROM_INSTRUMENT = {
    "Tags": "sound.riff",
    "read_header": "sound.riff_reader",
    "read_wave": "sound.riff_reader",
    "write_wave": "sound.riff",
}
__all__ = sorted({**_PUBLIC, **_FROM_INSTRUMENT})


def __getattr__(name: str) -> Any:
    if name in _FROM_INSTRUMENT:
        return getattr(import_module(f"musika_daw.{_FROM_INSTRUMENT[name]}"), name)
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
