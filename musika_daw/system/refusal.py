"""`refused`: the one line in which every command of the project refuses what it was given."""

from fractions import Fraction
from pathlib import PurePath

_SHOWN = 200


def refused(name: str, value: object, why: str) -> ValueError:
    """The error to raise: the option or argument, its value, and what is allowed or wrong with it.

    Texts and paths are quoted, numbers are not: `--bpm: 'fast', must be a number within 60..200`.
    """
    return ValueError(f"{name}: {_shown(value)}, {why}")


def _shown(value: object) -> str:
    if isinstance(value, str | PurePath):
        text = str(value)
        return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
    return f"{float(value):.12g}" if isinstance(value, Fraction | float) else str(value)


def of_system(error: OSError) -> str:
    """What the system refused, on one line: the file and the reason, without numbers."""
    if not error.strerror:
        return " ".join(str(error).split())
    where = "" if error.filename is None else f"{error.filename}: "
    return f"{where}{error.strerror.lower()}"
