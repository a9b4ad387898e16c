"""`Keys`: controls by single keys in the terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from musika_daw.host.control.live import LiveControls

# key: (control, steps) or an action
STEPS: Mapping[str, tuple[str, int]] = {
    "d": ("density", -1),
    "D": ("density", 1),
    "e": ("energy", -1),
    "E": ("energy", 1),
    "m": ("morph", -1),
    "M": ("morph", 1),
    "t": ("truncation", -1),
    "T": ("truncation", 1),
    "g": ("gain_db", -1),
    "G": ("gain_db", 1),
}
ACTS: Mapping[str, str] = {
    "s": "new_style",
    "n": "new_seed",
    "4": "keep_4",
    "8": "keep_8",
    "6": "keep_16",
    "p": "play",
    "o": "stop",
    "q": "quit",
    "r": "mute_drums",
    "b": "mute_bass",
    "l": "mute_lead",
    "c": "mute_chords",
    "R": "solo_drums",
    "B": "solo_bass",
    "L": "solo_lead",
    "C": "solo_chords",
}
HELP = "d/D density  e/E energy  m/M morph  t/T truncation  g/G gain  s style  n seed  4/8/6 keep 4/8/16 bars  q quit"
PARTS_HELP = "r/R drums  b/B bass  l/L lead  c/C chords: mute, solo"


def press(live: LiveControls, key: str) -> bool:
    """Do what a key means; returns whether it means anything."""
    if key in STEPS:
        live.nudge(*STEPS[key])
    elif key in ACTS:
        with suppress(ValueError):  # the model has no such part: its `problem`, which the view shows
            live.act(ACTS[key])
    else:
        return False
    return True


class Keys:
    """Reads keys from the terminal in a thread of its own; without a terminal it does nothing."""

    def __init__(self, live: LiveControls, stream: Any = None) -> None:
        self._live = live
        self._stream = sys.stdin if stream is None else stream
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self._restore: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to read, key by key."""
        if not self._stream.isatty():
            return
        try:
            import termios
            import tty
        except ImportError:  # not a Unix: keys are read line by line there
            self._begin(self._read_lines)
            return
        number = self._stream.fileno()
        before = termios.tcgetattr(number)
        tty.setcbreak(number)
        self._restore = lambda: termios.tcsetattr(number, termios.TCSADRAIN, before)
        self._begin(self._read_keys)

    def stop(self) -> None:
        """Stop reading and leave the terminal as it was."""
        self._halt.set()
        if self._thread is not None:
            self._thread.join(0.5)
        restore, self._restore = self._restore, None
        if restore is not None:
            restore()

    def _begin(self, target: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=target, name="keys", daemon=True)
        self._thread.start()

    def _read_keys(self) -> None:
        import os
        import select

        number = self._stream.fileno()
        while not self._halt.is_set():
            if select.select([number], [], [], 0.1)[0]:
                data = os.read(number, 64)
                if not data:
                    return
                for key in data.decode("ascii", "ignore"):
                    press(self._live, key)

    def _read_lines(self) -> None:
        for line in self._stream:
            if self._halt.is_set():
                return
            for key in line.strip():
                press(self._live, key)
