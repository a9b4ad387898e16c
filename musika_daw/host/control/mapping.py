"""`MidiMap`: which MIDI controller moves what; learnt by moving it, kept in a TOML file.

[density]
controller = 20
channel = 1        # 1..16; left out, any channel

[keep_4]           # an action: when the controller passes its middle upwards
controller = 64
"""

from __future__ import annotations

import re
import threading
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from musika_daw.host.control.live import ACTIONS, PARAMETERS, LiveControls
from musika_daw.system.atomic import write_atomic

CONTROL_CHANGE = 0xB0
MIDDLE = 64
_KEYS = ("controller", "channel")


@dataclass(frozen=True)
class Binding:
    """A controller 0..127 and a channel 1..16, or None for any channel."""

    controller: int
    channel: int | None = None


class MidiMap:
    """Controllers by the name of the control or action they move. `path` None keeps nothing.

    `feed` may be called from any MIDI thread. Raises ValueError for a file that is not such a map.
    """

    def __init__(self, live: LiveControls, path: Path | None = None) -> None:
        self._live, self.path = live, path
        self._lock = threading.Lock()
        self._bindings: dict[str, Binding] = {}
        self._learning: str | None = None
        self._before: dict[str, int] = {}
        self.problem: str | None = None
        if path is not None and path.exists():
            self._bindings = read_map(path)

    @property
    def bindings(self) -> dict[str, Binding]:
        """A copy of what is bound."""
        return dict(self._bindings)

    @property
    def learning(self) -> str | None:
        """The name that waits for its controller."""
        return self._learning

    def learn(self, name: str | None) -> None:
        """Bind the next controller that moves to a name; None stops waiting. Raises ValueError."""
        if name is not None and name not in PARAMETERS and name not in ACTIONS:
            raise ValueError(f"control: {name!r:.40}, must be one of {', '.join((*PARAMETERS, *ACTIONS))}")
        self._learning = name

    def forget(self, name: str) -> None:
        """Unbind a name."""
        with self._lock:
            readable = self._read_again()
            if self._bindings.pop(name, None) is not None and readable:
                self._save()

    def feed(self, message: Sequence[int], _time_s: float = 0.0) -> bool:
        """Take a MIDI message; returns whether it moved or bound something."""
        if len(message) != 3 or message[0] & 0xF0 != CONTROL_CHANGE or max(message[1:]) > 127:
            return False
        channel, controller, value = (message[0] & 0x0F) + 1, message[1], message[2]
        name = self._learning
        if name is not None:
            with self._lock:
                self._learning = None
                readable = self._read_again()
                taken = {other for other, b in self._bindings.items() if b.controller == controller}
                for other in taken:
                    if self._bindings[other].channel in (None, channel):
                        del self._bindings[other]
                self._bindings[name] = Binding(controller, channel)
                if readable:
                    self._save()
        moved = False
        for name, binding in list(self._bindings.items()):
            if binding.controller == controller and binding.channel in (None, channel):
                self._move(name, value)
                moved = True
        return moved

    def _move(self, name: str, value: int) -> None:
        if name in PARAMETERS:
            self._live.sweep(name, value / 127)
        elif self._before.get(name, 0) < MIDDLE <= value:
            with suppress(ValueError):  # in a MIDI thread: the model has no such part, which its `problem` says
                self._live.act(name)
        self._before[name] = value

    def _read_again(self) -> bool:
        """Take what others have written into the file since: another host, or somebody by hand; whether it is a map."""
        self.problem = None
        if self.path is None or not self.path.exists():
            return True
        try:
            self._bindings = read_map(self.path)
        except ValueError as error:
            self.problem = f"{error}; left as it is, what is learnt now is not kept"
        return self.problem is None

    def _save(self) -> None:
        if self.path is None:
            return
        try:
            write_map(self.path, self._bindings)
        except OSError as error:  # in a MIDI thread, where nobody would hear an exception
            self.problem = f"map: {self.path}: {error.strerror or error}"


def read_map(path: Path) -> dict[str, Binding]:
    """The bindings in a TOML file. Raises ValueError naming what is wrong."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ValueError(f"map: {path}: {' '.join(str(error).split())}") from None
    bindings = {}
    for name, table in tables.items():
        if name not in PARAMETERS and name not in ACTIONS:
            raise ValueError(f"map: {path}: {name!r:.40}, must be one of {', '.join((*PARAMETERS, *ACTIONS))}")
        if not isinstance(table, dict) or set(table) - {"controller", "channel"} or "controller" not in table:
            raise ValueError(f"map: {path}: [{name}] must hold controller, and may hold channel")
        controller, channel = table["controller"], table.get("channel")
        if not _whole_in(controller, 0, 127):
            raise ValueError(f"map: {path}: [{name}] controller {controller!r:.20}, must be in 0..127")
        if channel is not None and not _whole_in(channel, 1, 16):
            raise ValueError(f"map: {path}: [{name}] channel {channel!r:.20}, must be in 1..16")
        bindings[name] = Binding(controller, channel)
    return bindings


def write_map(path: Path, bindings: dict[str, Binding]) -> None:
    """Write the bindings so that no reader sees half of them; what somebody noted between them by hand stays."""
    lines = [line for name, binding in bindings.items() for line in (f"[{name}]", *_lines_of(binding), "")]
    plain = "\n".join(lines)
    text = plain
    if path.exists():
        with suppress(UnicodeDecodeError, tomllib.TOMLDecodeError):
            noted = _noted(path.read_text("utf-8").splitlines(), bindings)
            if tomllib.loads(noted) == tomllib.loads(plain):  # else it was written in another way than ours
                text = noted
    write_atomic(path, text)


def _lines_of(binding: Binding) -> list[str]:
    return [f"controller = {binding.controller}"] + [f"channel = {binding.channel}"] * (binding.channel is not None)


def _noted(lines: list[str], bindings: dict[str, Binding]) -> str:
    """Lines of a map with other bindings, all comments kept; new ones come at the end."""
    out: list[str] = []
    left = dict(bindings)
    told: dict[str, int] = {}  # what the table that is gone through is to hold and has not said yet
    for line in [*lines, ""]:
        code, _, note = line.partition("#")
        header = re.fullmatch(r"\s*\[([^\]]+)\]\s*", code)
        key = code.partition("=")[0].strip()
        if (header or not code.strip()) and told:
            out += [f"{name} = {value}" for name, value in told.items()]
            told = {}
        if header is not None:
            binding = left.pop(header[1].strip(), None)
            if binding is not None:
                told = {name: v for name in _KEYS if (v := getattr(binding, name)) is not None}
                out.append(line)
                continue
        elif key in told:
            code = re.sub(r"=\s*\S+", f"= {told.pop(key)}", code, count=1)
            out.append(code + ("#" + note if note else ""))
            continue
        elif not code.strip():
            out.append(line)
            continue
        if note:  # what it was noted at goes, the note stays
            out.append("#" + note)
    while out and not out[-1]:
        out.pop()
    for name, binding in left.items():
        out += ["", f"[{name}]", *_lines_of(binding)]
    return "\n".join([*out, ""]).lstrip("\n")


def _whole_in(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
