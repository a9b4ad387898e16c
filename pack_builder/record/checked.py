"""Records as they stand on disk: which fields there are, and whether values from a file are of their types."""

import types
import typing
from dataclasses import is_dataclass
from functools import cache
from typing import Any

BESIDE = ("midi", "stems", "chords", "style")
"""Fields of a row that are left out where there is nothing; most are objects of their own on disk, or lists."""


@cache
def disk_fields(cls: Any) -> dict[str, tuple[type, ...]]:
    """The fields as they stand on disk, with the types that each may hold; a whole number is a number."""
    found: dict[str, tuple[type, ...]] = {}
    for name, expected in typing.get_type_hints(cls).items():
        if name in BESIDE:
            continue
        if is_dataclass(expected):
            found |= disk_fields(typing.cast(Any, expected))
            continue
        members = typing.get_args(expected) if isinstance(expected, types.UnionType) else (expected,)
        allowed = tuple(typing.get_origin(member) or member for member in members)
        found[name] = (*allowed, int) if float in allowed else allowed
    return found


def checked(cls: Any, values: Any, what: str) -> dict[str, Any]:
    """Values of a record; raises ValueError where a field is missing, unknown or of another type."""
    if not isinstance(values, dict):
        raise ValueError(f"manifest: {what} must be an object")
    allowed = disk_fields(cls)
    if values.keys() != allowed.keys():
        raise ValueError(f"manifest: {what}, field {min(values.keys() ^ allowed.keys())!r} is missing or unknown")
    for name, kinds in allowed.items():
        value = values[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError(f"manifest: {what}, field {name!r} holds {value!r:.40}")
    return values
