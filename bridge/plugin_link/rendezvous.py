"""Where the plugin finds the host, and how it is to start one: small files in a folder of this user's.

`plugin-host` holds `musika 2 PORT TOKEN PID` while a host runs, mode 0600. `plugin-command` holds the words of the
command that starts one, a line each. The same paths are in `bridge/plugin/rendezvous.hpp`.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.clock.source import SourceError
from bridge.plugin_link.wire import TOKEN_BYTES, VERSION

HOST_FILE, COMMAND_FILE, STARTING_FILE = "plugin-host", "plugin-command", "plugin-starting"
FILE_BYTES_MAX = 8192
_LINE = re.compile(rf"musika (\d{{1,3}}) (\d{{1,5}}) ([0-9a-f]{{{2 * TOKEN_BYTES}}}) (\d{{1,10}})\n?")


@dataclass(frozen=True)
class Rendezvous:
    """Port, token and process of a host."""

    port: int
    token: bytes
    pid: int


def rendezvous_folder() -> Path:
    """The folder of the files; the variable MUSIKA_PLUGIN_DIR overrules it."""
    given = os.environ.get("MUSIKA_PLUGIN_DIR")
    if given:
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "musika-daw"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "musika-daw"
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else Path.home() / ".local" / "state") / "musika-daw"


def new_token() -> bytes:
    """A token that nobody can guess."""
    return secrets.token_bytes(TOKEN_BYTES)


def parse_rendezvous(text: str) -> Rendezvous:
    """The contents of a host file. Raises ValueError if it is none."""
    match = _LINE.fullmatch(text)
    if match is None or int(match[1]) != VERSION or not 0 < int(match[2]) < 65536:
        raise ValueError(f"{HOST_FILE}: {text!r:.60}, must be like 'musika {VERSION} PORT TOKEN PID'")
    return Rendezvous(int(match[2]), bytes.fromhex(match[3]), int(match[4]))


def find_host() -> Rendezvous | None:
    """The host that runs, or None: a file that a host left behind when it was killed does not count."""
    try:
        with (rendezvous_folder() / HOST_FILE).open("rb") as file:
            found = parse_rendezvous(file.read(FILE_BYTES_MAX).decode("ascii"))
        with socket.create_connection(("127.0.0.1", found.port), 0.5):
            return found
    except (OSError, ValueError):
        return None


def announce(port: int, token: bytes) -> Path:
    """Write the host file for this process; returns its path. Raises SourceError if that is impossible."""
    folder = rendezvous_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / HOST_FILE
        write_private(path, f"musika {VERSION} {port} {token.hex()} {os.getpid()}\n")
        (folder / STARTING_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise SourceError(f"plugin: {error.filename or folder}: {error.strerror or error}") from error
    return path


def withdraw(token: bytes) -> None:
    """Remove the host file, if it still is that of this token."""
    path = rendezvous_folder() / HOST_FILE
    with contextlib.suppress(OSError, ValueError):
        if parse_rendezvous(path.read_text("ascii")).token == token:
            path.unlink()


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_command() -> list[str]:
    """The words of the command with which the plugin starts a host; empty if it is not to."""
    try:
        text = (rendezvous_folder() / COMMAND_FILE).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in text.splitlines() if line]


def write_command(words: Sequence[str]) -> None:
    """Set that command; no words switch it off. Raises ValueError for a word that is empty or has a line break."""
    for word in words:
        if not word or any(c in word for c in "\r\n\0"):
            raise ValueError(f"start_command: {word!r:.60}, must be words without line breaks")
    folder = rendezvous_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(folder / COMMAND_FILE, "".join(f"{word}\n" for word in words))
