"""`files_below`: all files of a folder, linked folders followed, each folder once however many links lead to it.

`alone_in`: a folder held against other processes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def alone_in(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder, made where needed, against all who ask for it so; BlockingIOError where one has it and not `wait`.

    The lock is the folder's own: it ends with the process and leaves no file. Where folders cannot be locked (Windows,
    some disks of networks) nobody is held up; where there can be no folder, whoever writes into it is told.
    """
    made, number = not folder.exists(), None
    with contextlib.suppress(OSError, ImportError):
        import fcntl

        folder.mkdir(parents=True, exist_ok=True)
        number = os.open(folder, os.O_RDONLY)
    try:
        if number is not None:
            try:
                fcntl.flock(number, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                made = False
                raise
            except OSError:
                pass
        yield
    finally:
        if number is not None:
            if made:
                with contextlib.suppress(OSError):  # not empty: what was to be written is there
                    folder.rmdir()
            os.close(number)


def files_below(
    folder: Path, left_out: Path | None = None, unread: Callable[[Path, OSError], None] = lambda path, error: None
) -> Iterator[Path]:
    """Paths of the files below a folder, in the order of their names; what is hidden, or in `left_out`, is passed over.

    Folders that lie there come before those that are linked, so that a link to a folder within changes no path; a ring
    of links ends where it began. `unread` hears of folders that cannot be read.
    """
    seen = {_identity(left_out)} if left_out is not None else set()
    waiting = [folder]
    while waiting:
        top = waiting.pop(0)
        if _identity(top) in seen:
            continue
        linked: list[Path] = []
        yield from _files(top, seen, linked, unread)
        waiting += linked


def _files(
    folder: Path, seen: set[tuple[int, int] | None], linked: list[Path], unread: Callable[[Path, OSError], None]
) -> Iterator[Path]:
    seen.add(_identity(folder))
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        unread(folder, error)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        if not _is_folder(entry):
            yield path
        elif entry.is_symlink():
            linked.append(path)
        elif _identity(path) not in seen:
            yield from _files(path, seen, linked, unread)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or into a folder that is closed: whoever opens it is told
        return False


def name_for_libraries(path: Path) -> str | bytes:
    """A path as C libraries take it, also where its name is not UTF-8."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
