"""MIDI beat clock out: what to send when (`ClockGenerator`), and a thread that sends it (`MidiClockOut`)."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Protocol

from bridge.clock.motion import expected, is_jump
from bridge.clock.source import TransportSource, host_time
from bridge.clock.transport import LOOP, NOTHING, Transport, Valid
from bridge.midi.port import open_output

CLOCK, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"
NEEDED = Valid.PLAYING | Valid.TEMPO_BPM | Valid.POSITION_BEATS | Valid.HOST_TIME_S
SONG_POSITIONS = 1 << 14
SNAP_SIXTEENTHS = 0.02  # a start this little after its sixteenth is one on it, reported late

Timed = tuple[float, bytes]


def song_position(sixteenths: int) -> bytes:
    """The F2 message; beyond 16383 sixteenths, which is all it can say, it starts again from 0."""
    sixteenths %= SONG_POSITIONS
    return bytes((0xF2, sixteenths & 127, sixteenths >> 7))


class ClockGenerator:
    """Turns a moving `Transport` into timed MIDI messages.

    From position 0 play begins with Start, from elsewhere with song position and Continue, which MIDI can
    only say for whole sixteenths: the follower comes in on the next one. A locate or loop wrap while playing
    is Stop, song position, Continue. Clocks go on at the same tempo while stopped, so followers know it.
    """

    def __init__(self, clocks_when_stopped: bool = True) -> None:
        self._idle_clocks = clocks_when_stopped
        self._last: Transport | None = None
        self._sent_until_s = -math.inf
        self._next_clock = 0
        self._idle_s: float | None = None

    def update(self, transport: Transport, until_s: float) -> list[Timed]:
        """Messages due up to host time `until_s` that were not returned before, in order of their times."""
        if not transport.knows(NEEDED):
            messages = [(transport.host_time_s, STOP)] if self._last is not None else []
            self._last = None
            return messages
        messages = []
        now_s = max(self._sent_until_s, transport.host_time_s)
        if transport.playing:
            if self._last is None or is_jump(self._last, transport, 0.02):
                messages += self._begin(transport, now_s)
            self._last = transport
            while (wrap_s := _wrap_time(self._last)) is not None and wrap_s <= until_s:
                messages += self._clocks(self._last, wrap_s - 1e-6)
                self._last = expected(self._last, wrap_s + 1e-9)
                messages += self._begin(self._last, wrap_s)
            messages += self._clocks(self._last, until_s)
            self._idle_s = None
        else:
            if self._last is not None:
                messages.append((now_s, STOP))
                self._last = None
            messages += self._idle(transport, now_s, until_s)
        self._sent_until_s = max(until_s, self._sent_until_s)
        return messages

    def _begin(self, transport: Transport, now_s: float) -> list[Timed]:
        beats = expected(transport, now_s).position_beats
        sixteenth = max(0, math.ceil(beats * 4 - SNAP_SIXTEENTHS))
        messages = [(now_s, STOP)] if self._last is not None else []
        self._next_clock = sixteenth * 6
        if sixteenth == 0:
            return [*messages, (now_s, START)]
        return [*messages, (now_s, song_position(sixteenth)), (now_s, CONTINUE)]

    def _clocks(self, transport: Transport, until_s: float) -> list[Timed]:
        messages = []
        while (due_s := time_of(transport, self._next_clock / 24)) is not None and due_s <= until_s:
            messages.append((max(due_s, self._sent_until_s), CLOCK))
            self._next_clock += 1
        return messages

    def _idle(self, transport: Transport, now_s: float, until_s: float) -> list[Timed]:
        messages = []
        period_s = 60 / transport.tempo_bpm / 24
        due_s = now_s + period_s if self._idle_s is None else self._idle_s
        while self._idle_clocks and due_s <= until_s:
            messages.append((max(due_s, now_s), CLOCK))
            due_s = max(due_s, now_s) + period_s
        self._idle_s = due_s
        return messages


def time_of(transport: Transport, beats: float) -> float | None:
    """Host time at which a playing transport is at a position, its tempo ramp included; None if never."""
    way = (beats - transport.position_beats) * 60
    ramps = transport.valid & Valid.TEMPO_INCREMENT_BPM_PER_S
    slope = transport.tempo_increment_bpm_per_s if ramps != NOTHING else 0.0
    if slope:
        square = transport.tempo_bpm**2 + 2 * slope * way
        if square < 0:
            return None
        return transport.host_time_s + 2 * way / (transport.tempo_bpm + math.sqrt(square))
    return transport.host_time_s + way / transport.tempo_bpm


def _wrap_time(transport: Transport) -> float | None:
    inside = transport.position_beats < transport.loop_end_beats > transport.loop_start_beats
    if transport.knows(LOOP) and transport.loop_on and inside:
        return time_of(transport, transport.loop_end_beats)
    return None


class Output(Protocol):
    """Where messages go: an `OutputPort`, or a stand-in."""

    def send(self, message: bytes) -> None:
        """Send one message now."""

    def close(self) -> None:
        """Give the port back."""


class MidiClockOut:
    """Sends the MIDI clock of a source to a port, by name or virtual, until stopped.

    Messages are worked out `ahead_s` in advance and sent each at its time by a thread of its own.
    """

    def __init__(
        self,
        source: TransportSource,
        port: str | None = None,
        *,
        virtual: str | None = None,
        api: str | None = None,
        ahead_s: float = 0.01,
        opener: Callable[..., Output] = open_output,
    ) -> None:
        if (port is None) == (virtual is None):
            raise ValueError(f"port: {port!r}, virtual: {virtual!r}, exactly one must be given")
        self.source, self._ahead_s = source, ahead_s
        self._port, self._virtual, self._api, self._opener = port, virtual, api, opener
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self.sent = 0

    def start(self) -> None:
        """Open the port and begin to send. Raises SourceError."""
        if self._thread is None:
            output = self._opener(self._port, virtual=self._virtual, api=self._api)
            self._halt.clear()
            self._thread = threading.Thread(target=self._run, args=(output,), name="midi-clock-out", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Send Stop if playing, and close the port."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._halt.set()
            thread.join(2)

    def _run(self, output: Output) -> None:
        generator = ClockGenerator()
        try:
            while not self._halt.is_set():
                until_s = host_time() + self._ahead_s
                for due_s, message in generator.update(self.source.latest(), until_s):
                    self._halt.wait(max(0.0, due_s - host_time()))
                    output.send(message)
                    self.sent += 1
                self._halt.wait(max(0.0, until_s - host_time() - self._ahead_s / 2))
            for _, message in generator.update(Transport(), host_time()):
                output.send(message)
        finally:
            output.close()
