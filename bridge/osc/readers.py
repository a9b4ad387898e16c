"""Readers: what an OSC message of a DAW says about the transport, for the tables in `dialects`.

A reader takes the arguments of one message and the `Reading` under way, and adds fields to its news. It
raises ValueError (or an error of plain arithmetic or indexing) for arguments that make no sense.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.clock.line import Line
from bridge.clock.transport import SIGNATURE, Transport, Valid, check_field

Arguments = Sequence[Any]


@dataclass
class Memory:
    """What readers keep between packets: raw values that only mean something together."""

    numbers: dict[str, float] = field(default_factory=dict)
    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=40))


@dataclass
class Reading:
    """One packet being read: what was known before, and the news in it."""

    known: Transport
    memory: Memory
    news: dict[str, Any] = field(default_factory=dict)

    def put(self, name: str, value: Any) -> None:
        """Add a checked field to the news."""
        self.news[name] = check_field(name, value)

    def get(self, name: str) -> Any:
        """A field from the news or from what was known; None if neither has it."""
        if name in self.news:
            return self.news[name]
        return getattr(self.known, name) if self.known.knows(Valid[name.upper()]) else None

    def beat_of_bar(self) -> tuple[int, int]:
        """Time signature, four four where the DAW does not tell."""
        known = self.known
        if known.knows(SIGNATURE):
            return known.signature_numerator, known.signature_denominator
        return 4, 4


Reader = Callable[[Arguments, Reading], None]


def _number(arguments: Arguments) -> float:
    value = arguments[0]
    if isinstance(value, str):
        value = value.strip()[:40]
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"argument: {number}, must be finite")
    return number


def number(name: str) -> Reader:
    """The argument, a number or one as text, is the field."""

    def read(arguments: Arguments, reading: Reading) -> None:
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
    """Position as text `bar.beat.ticks` (or with `|`), bars and beats from 1, beats of the signature.

    Bars before the first are counted -1, -2, ... or 0, -1, ...; DAWs differ, and both are read as the latter.
    """

    def read(arguments: Arguments, reading: Reading) -> None:
        text = str(arguments[0]).strip()
        parts = re.fullmatch(r"(-?\d{1,7})[.|](\d{1,3})[.|](\d{1,6})", text)
        if parts is None:
            raise ValueError(f"bars: {text!r:.40}, must look like 1.1.00")
        numerator, denominator = reading.beat_of_bar()
        bar, beat, ticks = (int(part) for part in parts.groups())
        if beat < 1 or ticks >= ticks_a_beat:
            raise ValueError(f"bars: {text!r:.40}, beat must be at least 1 and ticks below {ticks_a_beat}")
        start = (bar - 1) * numerator * 4 / denominator
        reading.put("bar_start_beats", start)
        reading.put("position_beats", start + (beat - 1 + ticks / ticks_a_beat) * 4 / denominator)

    return read


def bitwig_bar_text(arguments: Arguments, reading: Reading) -> None:
    """Position as text `bar.quarter.sixteenth:percent`; a bar has a whole number of quarters there."""
    text = str(arguments[0]).strip()
    parts = re.fullmatch(r"(-?\d{1,7})\.(\d{1,3})\.(\d)[:.](\d{1,2})", text)
    if parts is None:
        raise ValueError(f"bars: {text!r:.40}, must look like 1.1.1:00")
    numerator, denominator = reading.beat_of_bar()
    bar, quarter, sixteenth, percent = (int(part) for part in parts.groups())
    start = (bar - 1) * (4 * numerator // denominator)
    reading.put("bar_start_beats", start)
    reading.put("position_beats", start + quarter - 1 + (sixteenth - 1 + percent / 100) / 4)


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


def tempo_from_positions(reading: Reading) -> None:
    """Tempo from how position in beats and in seconds go together, for DAWs that send no tempo.

    Takes pairs that came at once while playing; the millisecond and tick that the text is rounded to make
    two seconds of them good to about 0.1 %. A pair 4 ms off the line of the others starts a new line.
    """
    news, points = reading.news, reading.memory.points
    if "position_beats" in news:
        reading.memory.numbers["pair_beats"] = news["position_beats"]
    if "position_s" not in news or "pair_beats" not in reading.memory.numbers or not reading.get("playing"):
        return
    beats, at_s = reading.memory.numbers.pop("pair_beats"), news["position_s"]
    if points and not points[-1][0] < beats < points[-1][0] + 16:
        points.clear()
    if len(points) >= 4 and abs(_fit(points).time_s(beats) - at_s) > 0.004:
        last = points[-1]
        points.clear()
        points.append(last)
    points.append((beats, at_s))
    if len(points) >= 3 and points[-1][1] - points[0][1] > 0.2:
        reading.put("tempo_bpm", 60 / _fit(points).period_s)


def _fit(points: Sequence[tuple[float, float]]) -> Line:
    line = Line()
    for beats, at_s in points:
        line.add(beats, at_s)
    return line
