"""Files that are either whole or absent: temporary name, then rename."""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, TextIO, overload

from musika_daw.system.refusal import refused

PART_SUFFIX = ".part"
FULL_BYTES = 1 << 16  # with less left a disk is taken for full
_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of the disk in the block are of `path`: what is written to may have no name, or one that nobody knows."""
    try:
        yield
    except OSError as error:
        beside = isinstance(error.filename, str) and Path(error.filename).parent == path.parent
        if error.filename == str(path) or not (error.errno in _OF_DISKS or beside):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def part_of(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Name of a file beside `path` that takes its place when the block ends well; for what opens files by itself.

    Folders are made as needed. Where the block fails (OSError, for example a full disk, or an interrupt) the
    temporary file is removed and an older file at `path` stays as it was. With `sync` the content is on the disk
    before the name is, so that not even a power cut leaves the name on nothing. What a library says of a full disk in
    its own way is raised as OSError of `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        yield part
        if sync:
            with part.open("rb+") as stream:
                os.fsync(stream.fileno())
        os.replace(part, path)
    except BaseException as error:
        number = _number_of(error, part) if isinstance(error, Exception) else None
        part.unlink(missing_ok=True)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def _number_of(error: Exception, part: Path) -> int | None:
    """The system's number where an error says that the disk takes no more of `part`.

    Libraries that write by themselves keep it to themselves: torch raises what it noticed after the failed write,
    safetensors writes the number into its text, libsndfile says `System error`.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            ours = cause.filename in (None, str(part)) and cause.errno in _OF_DISKS
            return cause.errno if ours else None
        if (told := re.search(r"\(os error (\d+)\)", str(cause))) and int(told[1]) in _OF_DISKS:
            return int(told[1])
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, RuntimeError) and shutil.disk_usage(part.parent).free < FULL_BYTES:
        return errno.ENOSPC
    return None


@overload
def replacing(path: Path, mode: Literal["w"] = "w", *, sync: bool = False) -> AbstractContextManager[TextIO]: ...
@overload
def replacing(path: Path, mode: Literal["wb"], *, sync: bool = False) -> AbstractContextManager[BinaryIO]: ...
def replacing(path: Path, mode: str = "w", *, sync: bool = False) -> AbstractContextManager[Any]:
    """A stream (`w`: UTF-8 text, `wb`: bytes) that takes the place of `path` as `part_of` does."""
    return _stream(path, mode, sync)


@contextmanager
def _stream(path: Path, mode: str, sync: bool) -> Iterator[IO[Any]]:
    text = "b" not in mode
    encoding, newline = ("utf-8", "") if text else (None, None)
    with part_of(path, sync=sync) as part, part.open(mode, encoding=encoding, newline=newline) as stream:
        yield stream


def write_atomic(path: Path, data: bytes | str, *, sync: bool = False) -> None:
    """Write `data` (text as UTF-8) to `path` so that no reader and no crash ever sees half of it; see `part_of`."""
    with replacing(path, "wb", sync=sync) as stream:
        stream.write(data.encode("utf-8") if isinstance(data, str) else data)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def inside(folder: Path, relative: str) -> Path:
    """`folder / relative`; raises ValueError where that would leave the folder (absolute, `..`, backslash)."""
    parts = relative.split("/")
    if not relative or "\\" in relative or ":" in relative or any(part in ("", ".", "..") for part in parts):
        raise refused("file", relative, "must be a relative path inside the pack")
    return folder.joinpath(*parts)
