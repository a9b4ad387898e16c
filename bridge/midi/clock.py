"""MIDI beat clock in: F8 clock (24 a quarter note), FA start, FB continue, FC stop, F2 song position."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.clock.clock import ClockFilter
from bridge.clock.clock_state import ClockState
from bridge.clock.transport import Transport
from bridge.midi.source import MidiSource

CLOCK, START, CONTINUE, STOP, SONG_POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2
CLOCKS_PER_BEAT = 24
CLOCKS_PER_SIXTEENTH = 6
SIXTEENTHS_MAX = (1 << 14) - 1  # 1024 bars of 4/4: what a song position can tell
LOST_S = 1.0
LOSSES_OVER, LOSSES_MANY = 10 * CLOCKS_PER_BEAT, 5
SLIPS_MANY, SAME_TEMPO = 2, 0.02
TWINS_OVER, TWIN = 2 * CLOCKS_PER_BEAT, 0.2  # a twin is no further than that share of the way to the next pair
RESUMED_S = 2.0
TWICE = "clocks come in pairs, as where one port gets the clock of two outputs: the tempo is read twice as fast then"
RESUMED = "the clock ceased while playing and came back without a Start, which is taken for playing on"
CEASED = "the clock ceased while playing, without a Stop: its port or program may be gone"


@dataclass(frozen=True)
class _Song:
    """Where the song is: `clocks` at clock tick `tick` while rolling, simply `clocks` otherwise."""

    playing: bool | None = None  # None: joined in the middle, nobody said yet
    waiting: bool = False  # started, but the clock that is the first beat has not come yet
    clocks: int | None = None
    tick: int = 0


class MidiClock:
    """State machine of MIDI beat clock: messages with times in, `Transport` at any moment out.

    Start means position 0, and the *next* F8 is beat 0; Continue goes on at the song position. Quarter notes
    are `song position / 4 + clocks / 24`. `song_position_divisor` corrects a sender whose song positions are
    too large by that factor; `warnings` says when that seems to be so.
    """

    def __init__(self, jitter_s: float = 0.006, song_position_divisor: int = 1) -> None:
        if not 1 <= song_position_divisor <= 96:
            raise ValueError(f"song_position_divisor: {song_position_divisor}, must be in 1..96")
        self.filter = ClockFilter(CLOCKS_PER_BEAT, jitter_s)
        self.divisor = song_position_divisor
        self._warnings: tuple[str, ...] = ()
        self._losses = 0, 0, 0  # ticks and losses when they were counted last, and how many there were then
        self._slips = 0  # times that the clock was elsewhere at the same tempo, where losses cannot be told
        self._held: tuple[int, float | None] = 0, None  # changes and tempo when they were looked at last
        self._intervals_s: deque[float] = deque(maxlen=TWINS_OVER)
        self._resumed = False
        self._song = _Song()
        self._announced: tuple[int, int] | None = None  # last song position in sixteenths, clocks since
        self._view: tuple[_Song, ClockState] = (self._song, self.filter.state)

    def feed(self, message: Sequence[int], time_s: float) -> bool:
        """Take one MIDI message; returns whether it was one of ours. Raises ValueError for a broken one."""
        if not message:
            raise ValueError("message: empty, must have at least one byte")
        status = message[0]
        if status in (START, CONTINUE, STOP):
            self._resumed = False
        if status == CLOCK:
            self._clock(time_s)
        elif status == START:
            self.filter.expect_start()
            self._announced = (0, 0)
            self._song = _Song(playing=True, waiting=True, clocks=0)
        elif status == CONTINUE:
            self.filter.expect_start()
            self._song = _Song(playing=True, waiting=True, clocks=self._next_clock())
        elif status == STOP:
            self.filter.expect_start()  # clocks may pause now, which is no loss
            self._song = _Song(playing=False, clocks=self._next_clock())
        elif status == SONG_POSITION:
            if len(message) != 3 or max(message[1:]) > 127 or min(message[1:]) < 0:
                raise ValueError(f"song position: {len(message)} bytes, must be F2 and two bytes in 0..127")
            self._locate(message[1] | message[2] << 7)
        else:
            return False
        # one reference, replaced at once: other threads see the state before or after, never between
        self._view = (self._song, self.filter.state)
        return True

    def _clock(self, time_s: float) -> None:
        song, interval_s = self._song, time_s - self.filter.last_time_s
        if self.filter.last_tick >= 0:
            self._intervals_s.append(interval_s)
            self._resumed |= interval_s > RESUMED_S and bool(song.playing) and not song.waiting
        tick = self.filter.tick(time_s)
        ticks, losses, _ = self._losses
        if not 0 <= tick - ticks < LOSSES_OVER:
            self._losses = tick, self.filter.lost, self.filter.lost - losses
            self._look_for_slips()
        if song.waiting:
            self._song = _Song(playing=True, clocks=song.clocks, tick=tick)
        if song.playing and self._announced is not None:
            self._announced = (self._announced[0], self._announced[1] + 1)

    def _look_for_slips(self) -> None:
        """Count where the clock was elsewhere at the same tempo, if a clock that is lost may be one that is late."""
        (changes, before), state = self._held, self.filter.state
        self._held = self.filter.changes, state.tempo_bpm
        if before is None or state.tempo_bpm is None or state.period_s is None:
            return
        if abs(state.tempo_bpm / before - 1) < SAME_TEMPO and state.jitter_s > state.period_s / 2:
            self._slips += self.filter.changes - changes

    def _are_twins(self) -> bool:
        """Whether every second clock comes with the one before it."""
        pairs = list(self._intervals_s)
        if len(pairs) < TWINS_OVER:
            return False
        even, odd = pairs[::2], pairs[1::2]
        return max(even) < TWIN * min(odd) or max(odd) < TWIN * min(even)

    def _next_clock(self) -> int | None:
        """Song position, in clocks, of the next F8 to be played."""
        song = self._song
        if song.clocks is None or not song.playing or song.waiting:
            return song.clocks
        return song.clocks + self.filter.last_tick - song.tick + 1

    def _locate(self, sixteenths: int) -> None:
        self._check(sixteenths)
        self._announced = (sixteenths, 0)
        clocks = sixteenths * CLOCKS_PER_SIXTEENTH // self.divisor
        song = self._song
        if song.playing and not song.waiting:
            expected = self._next_clock()
            if expected is None or not self._is_there(sixteenths, expected):
                self._song = _Song(playing=True, waiting=True, clocks=clocks)
        else:
            self._song = _Song(song.playing, song.waiting, clocks)

    def _is_there(self, sixteenths: int, expected: int) -> bool:
        """Whether a position that is repeated while playing is that of the clocks counted, which are finer.

        Beyond what a position can tell some senders go on from 0 and some stay at the last.
        """
        beyond = expected - sixteenths * CLOCKS_PER_SIXTEENTH // self.divisor
        if sixteenths == SIXTEENTHS_MAX and beyond >= 0:
            return True
        return 0 <= beyond % ((SIXTEENTHS_MAX + 1) * CLOCKS_PER_SIXTEENTH // self.divisor) < CLOCKS_PER_SIXTEENTH

    def _check(self, sixteenths: int) -> None:
        """Compare the way from one song position to the next with the clocks played in between."""
        if self._announced is None or self._announced[1] < CLOCKS_PER_BEAT:
            return
        way, clocks = (sixteenths - self._announced[0]) / self.divisor, self._announced[1]
        if abs(way * CLOCKS_PER_SIXTEENTH - clocks) <= CLOCKS_PER_SIXTEENTH:
            return
        factor = round(way * CLOCKS_PER_SIXTEENTH / clocks) if way > 0 else 0
        if factor >= 2 and abs(way * CLOCKS_PER_SIXTEENTH / factor - clocks) <= CLOCKS_PER_SIXTEENTH:
            known = " (Ardour before 7.4 does this)" if factor == 6 else ""
            self._warnings = (
                f"song position went {way:g} sixteenths in {clocks} clocks, {factor} times too far{known}; "
                f"song_position_divisor={factor * self.divisor} corrects it",
            )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the sender's song positions or clocks, if anything."""
        missing, found = self._losses[2], list(self._warnings)
        if self._are_twins():
            found.append(TWICE)
        if self._resumed:
            found.append(RESUMED)
        if self._slips >= SLIPS_MANY:
            jitter_ms = 1000 * self.filter.jitter_s
            found.append(
                f"the clock was elsewhere {self._slips} times at the same tempo: with a jitter of {jitter_ms:.0f} ms "
                "lost clocks cannot be told from late ones, and the position is off by them; play anew to mend it"
            )
        if missing < LOSSES_MANY:
            return tuple(found)
        text = f"{missing} of the last {LOSSES_OVER} clocks are missing; where they come once an audio period, "
        return (*found, text + "their tempo is read wrong: --jitter-ms 12 or 22, see docs/live.md")

    def is_lost(self, time_s: float) -> bool:
        """Whether clocks have ceased while playing, for `LOST_S` at least: no Stop was sent."""
        song, clock = self._view
        playing = bool(song.playing) and not song.waiting
        return playing and not clock.is_running(time_s) and not clock.is_running(time_s - LOST_S)

    def transport(self, time_s: float) -> Transport:
        """The transport at `time_s`; not playing when more than three clocks in a row are missing."""
        song, clock = self._view
        record = Transport.of(host_time_s=time_s)
        rolling = bool(song.playing) and not song.waiting and clock.is_running(time_s)
        if song.playing is not None:
            record = record.replace(playing=rolling)
        tempo_bpm = clock.tempo_bpm
        if tempo_bpm is not None and 1 <= tempo_bpm <= 1000:
            record = record.replace(tempo_bpm=tempo_bpm)
        if song.clocks is not None:
            clocks: float = song.clocks
            if rolling:
                clocks += clock.position(time_s) - song.tick
            elif song.playing and not song.waiting:
                clocks += clock.last_tick - song.tick
            record = record.replace(position_beats=clocks / CLOCKS_PER_BEAT)
        return record


class MidiClockSource(MidiSource):
    """MIDI beat clock from a port; the other options are those of `MidiSource`.

    `jitter_s` is the jitter to expect at least: 0.006 for JACK periods up to 256 frames, 0.022 for 1024.
    """

    def __init__(
        self,
        port: str | None = None,
        *,
        jitter_s: float = 0.006,
        song_position_divisor: int = 1,
        name: str = "midi-clock",
        **options: Any,
    ) -> None:
        super().__init__(name, port, **options)
        self._settings = (jitter_s, song_position_divisor)
        self._machine = MidiClock(*self._settings)

    @property
    def machine(self) -> MidiClock:
        """The state machine in use."""
        return self._machine

    def reset(self) -> None:
        """Forget tempo and position."""
        self._machine = MidiClock(*self._settings)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the sender's song positions or its port, if anything."""
        return self._machine.warnings + ((CEASED,) if self._machine.is_lost(self.clock()) else ())
