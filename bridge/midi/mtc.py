"""MIDI time code in: quarter frames (F1 0nnndddd), full frames (F0 7F id 01 01 hr mn sc fr F7). No tempo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bridge.clock.clock import ClockFilter
from bridge.clock.clock_state import ClockState
from bridge.clock.transport import Transport
from bridge.midi.source import MidiSource

QUARTER_FRAME = 0xF1
PIECES = 8


@dataclass(frozen=True)
class Rate:
    """A rate: `nominal` numbers a second; `dropped` of them a minute, not every tenth, are skipped."""

    name: str
    nominal: int
    frames_per_s: Fraction
    dropped: int = 0


RATES = (
    Rate("24", 24, Fraction(24)),
    Rate("25", 25, Fraction(25)),
    Rate("29.97df", 30, Fraction(30000, 1001), dropped=2),
    Rate("30", 30, Fraction(30)),
)


def seconds(rate: Rate, hours: int, minutes: int, s: int, frames: int) -> Fraction:
    """Real time of a time code. Raises ValueError for one that does not exist at this rate."""
    minute = (("hours", hours, 24), ("minutes", minutes, 60), ("seconds", s, 60))
    for name, value, limit in (*minute, ("frames", frames, rate.nominal)):
        if not 0 <= value < limit:
            raise ValueError(f"{name}: {value}, must be in 0..{limit - 1} at rate {rate.name}")
    if rate.dropped and frames < rate.dropped and s == 0 and minutes % 10:
        raise ValueError(f"frames: {frames} at minute {minutes}, which rate {rate.name} skips")
    total_minutes = hours * 60 + minutes
    number = (total_minutes * 60 + s) * rate.nominal + frames
    number -= rate.dropped * (total_minutes - total_minutes // 10)
    return number / rate.frames_per_s


@dataclass(frozen=True)
class _View:
    """What the other threads see: `position_s` at quarter frame `tick`, or for good while not running."""

    rate: Rate | None = None
    position_s: float = 0.0
    tick: int | None = None
    clock: ClockState = ClockState()  # noqa: RUF009 (frozen)


class Mtc:
    """State machine of MIDI time code: messages with times in, `Transport` at any moment out.

    Eight quarter frames spell one time code, that of the moment of the first: when the last arrives the
    position is 7/4 frames further. Running backwards (pieces in falling order) is reported as not playing.
    """

    def __init__(self, jitter_s: float = 0.006) -> None:
        self.filter = ClockFilter(ticks_per_beat=1, jitter_s=jitter_s)
        self._nibbles = [0] * PIECES
        self._in_order = 0
        self._last_piece: int | None = None
        self._view = _View()

    def feed(self, message: Sequence[int], time_s: float) -> bool:
        """Take one MIDI message; returns whether it was one of ours. Raises ValueError for a broken one."""
        if not message:
            raise ValueError("message: empty, must have at least one byte")
        if message[0] == QUARTER_FRAME:
            if len(message) != 2 or not 0 <= message[1] <= 127:
                raise ValueError(f"quarter frame: {len(message)} bytes, must be F1 and one byte in 0..127")
            self._quarter_frame(message[1] >> 4, message[1] & 15, time_s)
            return True
        if message[0] == 0xF0 and len(message) >= 5 and message[1] == 0x7F and tuple(message[3:5]) == (1, 1):
            if len(message) != 10 or message[9] != 0xF7:
                raise ValueError(f"full frame: {len(message)} bytes, must be 10 ending in F7")
            self._full_frame(message[5:9])
            return True
        return False

    def _full_frame(self, code: Sequence[int]) -> None:
        rate = RATES[code[0] >> 5 & 3]
        at_s = float(seconds(rate, code[0] & 31, code[1], code[2], code[3]))
        self._in_order, self._last_piece = 0, None
        self._view = _View(rate, at_s)

    def _quarter_frame(self, piece: int, nibble: int, time_s: float) -> None:
        tick = self.filter.tick(time_s)
        forward = self._last_piece is None or piece == (self._last_piece + 1) % PIECES
        self._last_piece = piece
        if piece == 0 or not forward:
            self._in_order = 0
        self._nibbles[piece] = nibble
        self._in_order = self._in_order + 1 if forward or piece == 0 else 0
        view = self._view
        if not forward:
            view = _View(view.rate, self._position(view, time_s))
        elif piece == PIECES - 1 and self._in_order == PIECES:
            low_high = [self._nibbles[i] | self._nibbles[i + 1] << 4 for i in (0, 2, 4, 6)]
            frames, s, minutes, hours = low_high[0] & 31, low_high[1] & 63, low_high[2] & 63, low_high[3] & 31
            rate = RATES[low_high[3] >> 5 & 3]
            here_s = float(seconds(rate, hours, minutes, s, frames) + Fraction(7, 4) / rate.frames_per_s)
            clear_s = 1 / float(rate.frames_per_s)
            # counting quarter frames is steadier than reading each code; a code that disagrees is a jump
            if view.tick is None or view.rate != rate or abs(self._position(view, time_s) - here_s) > clear_s:
                view = _View(rate, here_s, tick)
        self._view = _View(view.rate, view.position_s, view.tick, self.filter.state)

    @staticmethod
    def _position(view: _View, time_s: float) -> float:
        if view.rate is None or view.tick is None:
            return view.position_s
        clock = view.clock
        ticks = clock.position(time_s) if clock.is_running(time_s) else float(clock.last_tick)
        return view.position_s + (ticks - view.tick) / 4 / float(view.rate.frames_per_s)

    def transport(self, time_s: float) -> Transport:
        """The transport at `time_s`: playing, and position in seconds once a code was read."""
        view = self._view
        record = Transport.of(host_time_s=time_s)
        if view.rate is None:
            return record
        playing = view.tick is not None and view.clock.is_running(time_s)
        return record.replace(playing=playing, position_s=self._position(view, time_s))

    @property
    def rate(self) -> Rate | None:
        """Rate of the last time code."""
        return self._view.rate


class MtcSource(MidiSource):
    """MIDI time code from a port; the other options are those of `MidiSource`."""

    def __init__(self, port: str | None = None, *, jitter_s: float = 0.006, name: str = "mtc", **options: Any) -> None:
        super().__init__(name, port, **options)
        self._jitter_s = jitter_s
        self._machine = Mtc(jitter_s)

    @property
    def machine(self) -> Mtc:
        """The state machine in use."""
        return self._machine

    def reset(self) -> None:
        """Forget the position."""
        self._machine = Mtc(self._jitter_s)
