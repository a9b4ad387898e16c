"""`Conductor`: leads a JACK transport whose tempo changes, and holds every click that it hears against its beats."""

from __future__ import annotations

from array import array
from typing import Any

from benchmarks.jack.clicks import RATE, Clicks
from bridge.clock.source import host_time
from bridge.jack.frames import ROLLING

TICKS, BEATS = 1920, 4
BBT = 0x10  # JackPositionBBT: bars, beats and ticks are told


class Conductor(Clicks):
    """A timebase master whose tempo changes on the frame, and whose beats go on from there; after a locate they are
    counted from the first frame of the transport at the tempo of then.

    `heard` has three numbers a click: host time, milliseconds late, and seconds since the transport was moved or its
    tempo changed. `dropped` are the host times at which the server complained of a cycle, or one was missed here;
    `missing` those of beats without a click.
    """

    def __init__(self, server: str, port: str, bpm: float) -> None:
        self._line = 0, 0.0, bpm  # from this frame on, which is this beat, at this tempo
        self._wanted_bpm = bpm
        self._moved_s = host_time()
        self._beat: int | None = None
        self.heard = array("d")
        self.dropped, self.missing = array("d"), array("d")
        super().__init__(server, port)

    @property
    def bpm(self) -> float:
        """The tempo that was asked for last."""
        return self._wanted_bpm

    def prepare(self) -> None:
        """Become the timebase master."""
        self.client.set_timebase_callback(self._tell)
        self.client.set_xrun_callback(lambda _: self.dropped.append(host_time()))

    def tempo(self, bpm: float) -> None:
        """Change the tempo in the next cycle."""
        self._wanted_bpm = bpm

    def locate(self, frame: int) -> None:
        """Go to a frame."""
        self._moved()
        self.client.transport_locate(frame)

    def play(self) -> None:
        """Let it roll."""
        self._moved()
        self.client.transport_start()

    def cycle(self, state: int, frame: int, missed: bool) -> None:
        """Note what disturbs clicks: a cycle that was missed, a transport that waits."""
        if state != ROLLING:
            self._moved()
        if missed:
            self.dropped.append(host_time())

    def hear(self, frame: int) -> None:
        """Hold a click against the beats."""
        first, beat, bpm = self._line
        place = beat + (frame - first) / RATE * bpm / 60
        nearest, now_s = round(place), host_time()
        self.heard.extend((now_s, (place - nearest) * 60_000 / bpm, now_s - self._moved_s))
        if self._beat is not None:
            self.missing.extend([now_s] * max(0, nearest - self._beat - 1))
        self._beat = nearest

    def _moved(self) -> None:
        self._moved_s, self._beat = host_time(), None

    def _tell(self, _state: object, _frames: int, position: Any, is_new: bool) -> None:
        """For the next cycle, which begins at this position; in the thread that hears clicks."""
        first, beat, bpm = self._line
        if is_new:
            self._line = 0, 0.0, self._wanted_bpm
            self._moved()
        elif bpm != self._wanted_bpm:
            self._line = position.frame, beat + (position.frame - first) / RATE * bpm / 60, self._wanted_bpm
            self._moved()
        first, beat, bpm = self._line
        beats = beat + (position.frame - first) / RATE * bpm / 60
        position.valid = BBT
        position.beats_per_minute = bpm
        position.beats_per_bar = position.beat_type = BEATS
        position.ticks_per_beat = TICKS
        position.bar, position.beat = int(beats // BEATS) + 1, int(beats % BEATS) + 1
        position.tick, position.bar_start_tick = int(beats % 1 * TICKS), beats // BEATS * BEATS * TICKS
