"""`HeldKeys`: which keys are down on a MIDI keyboard, and since when they are meant as one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

NOTE_OFF, NOTE_ON, CONTROL_CHANGE = 0x80, 0x90, 0xB0
SUSTAIN, ALL_SOUND_OFF, RESET, ALL_NOTES_OFF = 64, 120, 121, 123
PEDAL_DOWN = 64
# the fingers of a hand come down within the first, and leave within the second
STRUCK_S, LET_GO_S = 0.03, 0.08
OVERLAP_S = 0.25  # keys of the chord before that are let go this late after a stroke were none of it


class Gesture(NamedTuple):
    """Keys that were struck, or let go, as one: `keys` are down since `at_s`; `number` counts gestures."""

    number: int
    keys: tuple[int, ...]
    at_s: float


class HeldKeys:
    """The keys of all channels, those that the pedal holds included; whatever comes in, at most 2048 are known.

    `feed` is for a MIDI thread, `gesture` for any other. Strokes begin a gesture; keys that are let go do not, unless
    the stroke was a moment ago (the chord before was still down) or they were the last.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._down: set[tuple[int, int]] = set()
        self._pedalled: set[tuple[int, int]] = set()
        self._pedals: set[int] = set()
        self._struck_s = self._changed_s = -1e9
        self._changes = 0

    def feed(self, message: Sequence[int], now_s: float) -> bool:
        """Take a MIDI message at a time of the host's clock; returns whether it was one of keys or pedals."""
        if len(message) != 3 or not 0x80 <= message[0] < 0xF0 or not all(0 <= byte <= 127 for byte in message[1:]):
            return False
        kind, channel, (number, value) = message[0] & 0xF0, message[0] & 0x0F, message[1:]
        with self._lock:
            before = self._keys()
            if kind == NOTE_ON and value:
                self._down.add((channel, number))
                self._pedalled.discard((channel, number))
                self._struck_s = self._changed_s = now_s
                self._changes += 1
                return True
            if kind in (NOTE_ON, NOTE_OFF):
                if (channel, number) in self._down and channel in self._pedals:
                    self._pedalled.add((channel, number))
                self._down.discard((channel, number))
            elif kind == CONTROL_CHANGE and number == SUSTAIN:
                self._move_pedal(channel, value >= PEDAL_DOWN)
            elif kind == CONTROL_CHANGE and number in (ALL_SOUND_OFF, RESET, *range(ALL_NOTES_OFF, 128)):
                self._move_pedal(channel, False)
                if number != RESET:
                    self._down = {held for held in self._down if held[0] != channel}
            else:
                return False
            if self._keys() != before:
                self._changed_s = now_s
                if not self._keys() or now_s - self._struck_s <= OVERLAP_S:
                    self._changes += 1
            return True

    def copy(self) -> HeldKeys:
        """Another of the same keys, and the same past."""
        made = HeldKeys()
        with self._lock:
            made._down, made._pedalled, made._pedals = set(self._down), set(self._pedalled), set(self._pedals)
            made._struck_s, made._changed_s = self._struck_s, self._changed_s
            made._changes = self._changes
        return made

    def clear(self) -> None:
        """Nothing is down: the keyboard is gone."""
        with self._lock:
            self._down.clear()
            self._pedalled.clear()
            self._pedals.clear()
            self._changes += 1
            self._changed_s = -1e9

    @property
    def keys(self) -> tuple[int, ...]:
        """MIDI keys that are down, ascending."""
        with self._lock:
            return self._keys()

    def gesture(self, now_s: float) -> Gesture | None:
        """The last gesture, once the hand is at rest; None while it moves."""
        with self._lock:
            wait_s = STRUCK_S if self._changed_s == self._struck_s else LET_GO_S
            if now_s - self._changed_s < wait_s:
                return None
            keys = self._keys()
            return Gesture(self._changes, keys, self._struck_s if keys else self._changed_s)

    def _keys(self) -> tuple[int, ...]:
        return tuple(sorted({key for _, key in self._down | self._pedalled}))

    def _move_pedal(self, channel: int, down: bool) -> None:
        if down:
            self._pedals.add(channel)
        else:
            self._pedals.discard(channel)
            self._pedalled = {held for held in self._pedalled if held[0] != channel}
