"""Readers: what an OSC message of a DAW says about the transport, for the tables in `dialects`.

A reader takes the arguments of one message and the `Reading` under way, and adds fields to its news. It
raises ValueError (or an error of plain arithmetic or indexing) for arguments that make no sense.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.clock.bars import BarCount
from bridge.clock.transport import Sight, Transport, Valid, check_field

Arguments = Sequence[Any]
Bar = tuple[int, int, float]  # number, whole beats in it before the present one, part of that
AT_ONCE_S = 0.005


@dataclass
class Memory:
    """What readers keep between packets: raw values that only mean something together."""

    numbers: dict[str, float] = field(default_factory=dict)
    bars: BarCount | None = None
    bar: tuple[float, Bar] | None = None  # the last that was told, and when
    told_s: tuple[float, float] | None = None  # when the song's second was told, and what it was


@dataclass
class Reading:
    """One packet being read at a host time: what was known before, and the news in it."""

    known: Transport
    memory: Memory
    now_s: float = 0.0
    news: dict[str, Any] = field(default_factory=dict)
    bar: Bar | None = None

    def put(self, name: str, value: Any) -> None:
        """Add a checked field to the news."""
        self.news[name] = check_field(name, value)

    def get(self, name: str) -> Any:
        """A field from the news or from what was known; None if neither has it."""
        if name in self.news:
            return self.news[name]
        return getattr(self.known, name) if self.known.knows(Valid[name.upper()]) else None


Reader = Callable[[Arguments, Reading], None]


def _number(arguments: Arguments) -> float:
    value = arguments[0]
    if isinstance(value, bytes | bytearray):  # which float() takes for text
        raise ValueError(f"argument: {len(value)} bytes, must be a number")
    if isinstance(value, str):
        value = value.strip()[:40]
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"argument: {number}, must be finite")
    return number


def number(name: str) -> Reader:
    """The argument, a number or one as text, is the field."""

    def read(arguments: Arguments, reading: Reading) -> None:
        if isinstance(arguments[0], bool):  # a tempo that is true is none of 1 bpm
            raise ValueError(f"{name}: {arguments[0]}, must be a number")
        reading.put(name, _number(arguments))

    return read


def whole_number(name: str) -> Reader:
    """The argument, text of digits or an integer, is the field; exact for any 64-bit integer."""

    def read(arguments: Arguments, reading: Reading) -> None:
        value = arguments[0]
        if isinstance(value, float):
            raise ValueError(f"{name}: {value}, must be an integer: 32-bit floats are inexact")
        reading.put(name, int(str(value).strip()[:40]))

    return read


def flag(name: str) -> Reader:
    """The argument, any number, switches the field."""

    def read(arguments: Arguments, reading: Reading) -> None:
        reading.put(name, _number(arguments) > 0.5)

    return read


def when_on(name: str, value: bool) -> Reader:
    """The field takes a value when the argument is on; off says nothing (a stop button that is not lit)."""

    def read(arguments: Arguments, reading: Reading) -> None:
        if _number(arguments) > 0.5:
            reading.put(name, value)

    return read


def remember(name: str) -> Reader:
    """Keep the argument for a later reckoning."""

    def read(arguments: Arguments, reading: Reading) -> None:
        reading.memory.numbers[name] = _number(arguments)

    return read


def nothing(arguments: Arguments, reading: Reading) -> None:
    """A sign of life."""


def signature_text(arguments: Arguments, reading: Reading) -> None:
    """Time signature as text, `4 / 4`."""
    numerator, denominator = str(arguments[0]).split("/")
    reading.put("signature_numerator", int(numerator))
    reading.put("signature_denominator", int(denominator))


def clock_text(arguments: Arguments, reading: Reading) -> None:
    """Position in seconds as text: `h:mm:ss.mmm`, `m:ss.mmm`, or `h.mm.ss:mmm` (Bitwig)."""
    text = str(arguments[0]).strip()
    negative = text.startswith("-")
    parts = re.fullmatch(r"-?(\d{1,6}(?:[:.]\d{1,6}){1,2})[.:](\d{1,6})", text)
    if parts is None:
        raise ValueError(f"time: {text!r:.40}, must look like 0:00:00.000")
    total = 0
    for part in re.split(r"[:.]", parts[1]):
        total = total * 60 + int(part)
    value = total + int(parts[2]) / 10 ** len(parts[2])
    reading.put("position_s", -value if negative else value)


def bar_text(ticks_a_beat: int) -> Reader:
    """Position as text `bar.beat.ticks` (or with `|`), bars and beats from 1, beats of the signature; see `from_bars`.

    Bars before the first are counted -1, -2, ... or 0, -1, ...; DAWs differ, and both are read as the latter.
    """

    def read(arguments: Arguments, reading: Reading) -> None:
        text = str(arguments[0]).strip()
        parts = re.fullmatch(r"(-?\d{1,7})[.|](\d{1,3})[.|](\d{1,6})", text)
        if parts is None:
            raise ValueError(f"bars: {text!r:.40}, must look like 1.1.00")
        bar, beat, ticks = (int(part) for part in parts.groups())
        if beat < 1 or ticks >= ticks_a_beat:
            raise ValueError(f"bars: {text!r:.40}, beat must be at least 1 and ticks below {ticks_a_beat}")
        reading.bar = bar, beat - 1, ticks / ticks_a_beat

    return read


def bitwig_bar_text(arguments: Arguments, reading: Reading) -> None:
    """Position as text `bar.quarter.sixteenth:percent`; see `from_bitwig_bars`."""
    text = str(arguments[0]).strip()
    parts = re.fullmatch(r"(-?\d{1,7})\.(\d{1,3})\.(\d)[:.](\d{1,2})", text)
    if parts is None:
        raise ValueError(f"bars: {text!r:.40}, must look like 1.1.1:00")
    bar, quarter, sixteenth, percent = (int(part) for part in parts.groups())
    reading.bar = bar, quarter - 1, (sixteenth - 1 + percent / 100) / 4


Derivation = Callable[[Reading], None]


def loop_from_length(reading: Reading) -> None:
    """Loop start and end in beats from a start and a length in beats."""
    numbers = reading.memory.numbers
    if "loop_start_beats" in numbers:
        reading.put("loop_start_beats", numbers["loop_start_beats"])
        if "loop_length_beats" in numbers:
            reading.put("loop_end_beats", numbers["loop_start_beats"] + numbers["loop_length_beats"])


def loop_from_seconds(reading: Reading) -> None:
    """Loop ends in beats from ends in seconds, seen from the present position at the present tempo."""
    tempo_bpm = reading.get("tempo_bpm")
    if tempo_bpm is None:
        return
    beats, here_s = reading.get("position_beats"), reading.get("position_s")
    if beats is None or here_s is None:
        beats, here_s = 0.0, 0.0  # right where one tempo holds from the start of the song
    elif "position_beats" not in reading.news or "position_s" not in reading.news:
        return  # the two are of different moments
    for side in ("start", "end"):
        at_s = reading.memory.numbers.get(f"loop_{side}_s")
        if at_s is not None:
            reading.put(f"loop_{side}_beats", beats + (at_s - here_s) * tempo_bpm / 60)


def from_bars(in_quarters: bool = False, tells_tempo: bool = True) -> Derivation:
    """Position out of bars whose lengths are not told (`BarCount`), and the tempo where the DAW does not tell it.

    Takes pairs of bar and second that came at once, or one directly after the other; the millisecond and tick that the
    text is rounded to make two seconds of them good to about 0.1 % of tempo.
    """

    def derive(reading: Reading) -> None:
        memory, news = reading.memory, reading.news
        if memory.bars is None:
            memory.bars = BarCount(in_quarters)
        bars, song_s = memory.bars, news.get("position_s")
        if song_s is not None:
            memory.told_s = reading.now_s, song_s
        if reading.bar is not None:
            if song_s is None and memory.told_s is not None and reading.now_s - memory.told_s[0] <= AT_ONCE_S:
                song_s = memory.told_s[1]
            bars.see(Sight(*reading.bar, reading.now_s, bool(reading.get("playing")), song_s), reading.get("tempo_bpm"))
        elif bars.last is not None and bars.last.song_s is None and song_s is not None:
            if reading.now_s - bars.last.at_s > AT_ONCE_S:
                return
            bars.time(song_s, reading.get("tempo_bpm"))
        else:
            return
        if not tells_tempo and song_s is not None:
            tempo_bpm = bars.tempo_bpm()
            if tempo_bpm is not None:
                reading.put("tempo_bpm", tempo_bpm)
        start, position = bars.place()
        reading.put("bar_start_beats", start)
        reading.put("position_beats", position)

    return derive


def from_bitwig_bars(reading: Reading) -> None:
    """Position out of bars of Bitwig, which counts them in the signature of this moment, back to the song's start.

    The signature may come in front of the text, behind it or in the next packet. A bar has a whole number of quarters.
    """
    memory = reading.memory
    if reading.bar is not None:
        memory.bar = reading.now_s, reading.bar
    elif memory.bar is None or not reading.news.keys() & {"signature_numerator", "signature_denominator"}:
        return
    elif reading.now_s - memory.bar[0] > AT_ONCE_S:
        return  # that was told when the signature was another
    bar, quarter, part = memory.bar[1]
    numerator = reading.get("signature_numerator") or 4
    denominator = reading.get("signature_denominator") or 4
    start = (bar - 1) * (4 * numerator // denominator)
    reading.put("bar_start_beats", start)
    reading.put("position_beats", start + quarter + part)
