"""MIDI time code in: quarter frames (F1 0nnndddd), full frames (F0 7F id 01 01 hr mn sc fr F7). No tempo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from bridge.clock.clock import ClockFilter
from bridge.clock.clock_state import ClockState
from bridge.clock.line import Line
from bridge.clock.transport import Transport
from bridge.midi.source import MidiSource

QUARTER_FRAME = 0xF1
PIECES = 8
LOST_MAX = 3  # pieces left out that are lost ones, and no way back
ASIDE_FRAMES, ASIDE_CODES = 0.35, 6  # so many codes off by that, all to one side, are no jitter: pieces were lost
PULLED = 1.001  # 23.976 and 29.97 frames without drop are told as 24 and 30
SURE_TICKS, SAME_PACE = 600, 0.0003  # after five to six seconds 6 ms of jitter leave the pace sure to 0.0001


@dataclass(frozen=True)
class Rate:
    """A rate: `nominal` numbers a second; `dropped` of them a minute, not every tenth, are skipped."""

    name: str
    nominal: int
    frames_per_s: Fraction
    dropped: int = 0

    @property
    def may_be_pulled(self) -> bool:
        """Whether the same code stands for frames that are a thousandth longer."""
        return self.nominal != 25 and not self.dropped


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
    stretch: float = 1.0  # real seconds a second of the code

    @property
    def frame_s(self) -> float:
        """Real seconds a frame."""
        assert self.rate is not None
        return self.stretch / float(self.rate.frames_per_s)


class Mtc:
    """State machine of MIDI time code: messages with times in, `Transport` at any moment out.

    Eight quarter frames spell one time code, that of the moment of the first: when the last arrives the
    position is 7/4 frames further. Running backwards (pieces in falling order) is reported as not playing.
    23.976 and 29.97 frames without drop have no code of their own: they are known by the pace of the pieces.
    """

    def __init__(self, jitter_s: float = 0.006) -> None:
        self.filter = ClockFilter(ticks_per_beat=1, jitter_s=jitter_s)
        self._nibbles = [0] * PIECES
        self._in_order = 0
        self._last_piece: int | None = None
        self._trusted = False  # two codes have agreed on where it is
        self._aside: list[float] = []  # how many frames the last codes were off that did not disagree
        self._doubt_s: float | None = None  # how far the last code was off, if it disagreed
        self._view = _View()
        self._pace, self._pace_changes = Line(), 0

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
        stretch = self._view.stretch if rate == self._view.rate else 1.0
        at_s = stretch * float(seconds(rate, code[0] & 31, code[1], code[2], code[3]))
        self._in_order, self._last_piece = 0, None
        self._trusted, self._doubt_s = False, None
        self._view = _View(rate, at_s, stretch=stretch)

    def _quarter_frame(self, piece: int, nibble: int, time_s: float) -> None:
        running = self._view.clock.is_running(time_s)
        before = self.filter.last_tick
        tick = self.filter.tick(time_s)
        self._measure(tick, time_s, running)
        view = self._view
        step = 1 if self._last_piece is None else (piece - self._last_piece) % PIECES
        lost = step - 1 if running and 1 < step <= LOST_MAX + 1 else 0
        self._last_piece = piece
        if not running or lost:
            self._trusted = False  # it was elsewhere in between, or nobody has heard it yet
        self._in_order = 1 if piece == 0 else self._in_order + 1 if step == 1 else 0
        self._nibbles[piece] = nibble
        if step != 1 and not lost:
            view = replace(view, position_s=self._position(view, time_s), tick=None)
            self._trusted = False
        elif lost and view.tick is not None:  # pieces are numbered: they tell how many were lost
            view = replace(view, position_s=view.position_s + (before + 1 + lost - tick) / 4 * view.frame_s)
        if piece == PIECES - 1 and self._in_order == PIECES:
            view = self._judged(view, tick, time_s)
        self._view = replace(view, clock=self.filter.state)

    def _measure(self, tick: int, time_s: float, running: bool) -> None:
        """Hear by the pace of the pieces whether frames are a thousandth longer than their rate says."""
        view, changes = self._view, self.filter.changes
        if not running or changes != self._pace_changes:
            self._pace, self._pace_changes = Line(), changes
        self._pace.add(tick, time_s)
        if view.rate is None or not view.rate.may_be_pulled or self._pace.points < SURE_TICKS:
            return
        for stretch in (1.0, PULLED):
            told_s = stretch / 4 / float(view.rate.frames_per_s)
            if stretch != view.stretch and abs(self._pace.period_s / told_s - 1) < SAME_PACE:
                self._view = replace(view, position_s=view.position_s * stretch / view.stretch, stretch=stretch)

    def _judged(self, view: _View, tick: int, time_s: float) -> _View:
        """The view after a whole code.

        Counting quarter frames is steadier than reading each code. One that disagrees is a jump if the next says so
        too: by itself it may be one whose pieces were each filled when they were sent, over the end of a minute.
        """
        low_high = [self._nibbles[i] | self._nibbles[i + 1] << 4 for i in (0, 2, 4, 6)]
        frames, s, minutes, hours = low_high[0] & 31, low_high[1] & 63, low_high[2] & 63, low_high[3] & 31
        rate = RATES[low_high[3] >> 5 & 3]
        try:
            code_s = seconds(rate, hours, minutes, s, frames)
        except ValueError:
            if not self._trusted:
                raise
            return view  # no code at all, of pieces from two frames
        told = _View(rate, tick=tick, clock=view.clock, stretch=view.stretch if view.rate == rate else 1.0)
        told = replace(told, position_s=float(code_s) * told.stretch + 7 / 4 * told.frame_s)
        off_s = told.position_s - self._position(view, time_s)
        doubt_s, self._doubt_s = self._doubt_s, None
        if view.tick is not None and view.rate == rate and abs(off_s) <= told.frame_s:
            self._trusted = True
            self._aside = [*self._aside[1 - ASIDE_CODES :], off_s / told.frame_s]
            aside = min(self._aside) > ASIDE_FRAMES or max(self._aside) < -ASIDE_FRAMES
            if len(self._aside) < ASIDE_CODES or not aside:
                return view
            self._aside = []
            return told
        if self._trusted and view.rate == rate and (doubt_s is None or abs(off_s - doubt_s) > told.frame_s):
            self._doubt_s = off_s
            return view
        return told

    @staticmethod
    def _position(view: _View, time_s: float) -> float:
        if view.rate is None or view.tick is None:
            return view.position_s
        clock = view.clock
        ticks = clock.position(time_s) if clock.is_running(time_s) else float(clock.last_tick)
        return view.position_s + (ticks - view.tick) / 4 * view.frame_s

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

    @property
    def warnings(self) -> tuple[str, ...]:
        """That frames are longer than the code has it."""
        view = self._view
        if view.rate is None or view.stretch == 1:
            return ()
        return (f"frames come at {1 / view.frame_s:.5g} a second and not at {view.rate.name}, and are taken for such",)


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

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the sender's code, if anything."""
        return self._machine.warnings

    def reset(self) -> None:
        """Forget the position."""
        self._machine = Mtc(self._jitter_s)
