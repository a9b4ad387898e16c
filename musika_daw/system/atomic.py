"""Files that are either whole or absent: temporary name, then rename."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

PART_SUFFIX = ".part"


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that no reader and no crash ever sees half of it.

    Folders are made as needed. Where writing fails (OSError, for example a full disk, or an interrupt) the
    temporary file is removed and an older file at `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        with part.open("wb") as stream:
            stream.write(data)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def inside(folder: Path, relative: str) -> Path:
    """`folder / relative`; raises ValueError where that would leave the folder (absolute, `..`, backslash)."""
    parts = relative.split("/")
    if not relative or "\\" in relative or ":" in relative or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"file {relative!r}: must be a relative path inside the pack")
    return folder.joinpath(*parts)


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A text stream that takes the place of `path` when the block ends well, and leaves it alone otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
