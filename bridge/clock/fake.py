"""`FakeTransport`: a DAW that does what a script says, for tests and demonstrations."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from bridge.clock.motion import expected
from bridge.clock.source import Listener, TransportSource, host_time
from bridge.clock.transport import Transport

Edit = Callable[[Transport], Transport]


@dataclass(frozen=True)
class Bar:
    """A bar: its number from 1, where it begins in quarter notes, and its signature."""

    number: int
    start_beats: float
    numerator: int = 4
    denominator: int = 4


class Meters:
    """The signatures of a song, as (number of the bar from which it holds, numerator, denominator), bar 1 first.

    Raises ValueError where they do not begin with bar 1 or bars do not grow.
    """

    def __init__(self, meters: Sequence[tuple[int, int, int]] = ((1, 4, 4),)) -> None:
        bars = [bar for bar, _, _ in meters]
        if not bars or bars[0] != 1 or any(later <= bar for bar, later in itertools.pairwise(bars)):
            raise ValueError(f"meters: {meters!r:.60}, must begin with bar 1 and go on with later ones")
        self._changes = [Bar(1, 0.0, *meters[0][1:])]
        for number, numerator, denominator in meters[1:]:
            last = self._changes[-1]
            start = last.start_beats + (number - last.number) * 4 * last.numerator / last.denominator
            self._changes.append(Bar(number, start, numerator, denominator))

    def at(self, beats: float) -> Bar:
        """The bar that a position in quarter notes lies in."""
        change = next((c for c in reversed(self._changes) if c.start_beats <= beats + 1e-9), self._changes[0])
        length = 4 * change.numerator / change.denominator
        bars = int((beats + 1e-9 - change.start_beats) // length)
        return Bar(change.number + bars, change.start_beats + bars * length, change.numerator, change.denominator)

    def beats_before(self, number: int) -> int:
        """How many beats of their signatures the bars before a bar have."""
        ends = [*(change.number for change in self._changes[1:]), number]
        return sum(max(min(end, number) - c.number, 0) * c.numerator for c, end in zip(self._changes, ends))


class FakeTransport(TransportSource):
    """A scripted source; every script method takes the time in seconds after `start` and returns self.

        fake = FakeTransport(120).play(0).tempo(4, 140).locate(8, beats=0).halt(12)

    `truth(at_s)` is what the DAW does, `report(at_s)` what the source says of it: the two differ by the
    scripted jitter, dropouts and disappearances. `host_time_s` is the time in the script plus the time
    of `start`. `meters` are those of its song (`Meters`). Raises ValueError for values that no Transport may have.
    """

    def __init__(
        self,
        tempo_bpm: float = 120.0,
        sample_rate_hz: float = 48000.0,
        listener: Listener | None = None,
        clock: Callable[[], float] = host_time,
        *,
        name: str = "fake",
        meters: Sequence[tuple[int, int, int]] = ((1, 4, 4),),
    ) -> None:
        super().__init__(name, listener, clock)
        self.epoch_s = 0.0
        self.meters = Meters(meters)
        self._initial = Transport.of(
            playing=False,
            recording=False,
            loop_on=False,
            loop_start_beats=0.0,
            loop_end_beats=0.0,
            tempo_bpm=tempo_bpm,
            tempo_increment_bpm_per_s=0.0,
            position_beats=0.0,
            position_s=0.0,
            position_frames=0,
            bar_start_beats=0.0,
            signature_numerator=4,
            signature_denominator=4,
            host_time_s=0.0,
            sample_rate_hz=sample_rate_hz,
        )
        self._script: list[tuple[float, Edit]] = []
        self._silences: list[tuple[float, float]] = []
        self._jitters: list[tuple[float, float, float]] = []

    def set(self, at_s: float, **fields: Any) -> Self:
        """Set any fields of the transport."""
        Transport.of(**fields)
        return self._at(at_s, lambda transport: transport.replace(**fields))

    def play(self, at_s: float) -> Self:
        """Start or continue from where it stands."""
        return self.set(at_s, playing=True)

    def halt(self, at_s: float) -> Self:
        """Stop where it stands."""
        return self.set(at_s, playing=False)

    def locate(self, at_s: float, beats: float) -> Self:
        """Jump to a position, playing or not; seconds and frames are those at the tempo of that moment."""

        def edit(transport: Transport) -> Transport:
            seconds = beats * 60 / transport.tempo_bpm
            return transport.replace(
                position_beats=beats, position_s=seconds, position_frames=round(seconds * transport.sample_rate_hz)
            )

        return self._at(at_s, edit)

    def loop(self, at_s: float, start_beats: float, end_beats: float) -> Self:
        """Switch a loop on."""
        return self.set(at_s, loop_on=True, loop_start_beats=start_beats, loop_end_beats=end_beats)

    def tempo(self, at_s: float, bpm: float) -> Self:
        """A tempo step."""
        return self.set(at_s, tempo_bpm=bpm, tempo_increment_bpm_per_s=0.0)

    def ramp(self, at_s: float, bpm: float, over_s: float) -> Self:
        """A tempo ramp, linear in time, that reaches `bpm` after `over_s`."""

        def edit(transport: Transport) -> Transport:
            return transport.replace(tempo_increment_bpm_per_s=(bpm - transport.tempo_bpm) / over_s)

        return self._at(at_s, edit).tempo(at_s + over_s, bpm)

    def nudge(self, at_s: float, by_bpm: float) -> Self:
        """A small tempo change, relative to whatever the tempo is then."""
        return self._at(at_s, lambda transport: transport.replace(tempo_bpm=transport.tempo_bpm + by_bpm))

    def dropout(self, at_s: float, for_s: float) -> Self:
        """Reports are lost for a while; the DAW goes on."""
        self._silences.append((at_s, at_s + for_s))
        return self

    def vanish(self, at_s: float, back_s: float) -> Self:
        """The DAW dies and is back, stopped at 0, at `back_s`."""
        self._silences.append((at_s, back_s))
        return self._at(back_s, lambda transport: self._initial.replace(host_time_s=transport.host_time_s))

    def jitter(self, at_s: float, for_s: float, up_to_s: float) -> Self:
        """Reports are late by 0..`up_to_s`, but say they are on time."""
        self._jitters.append((at_s, at_s + for_s, up_to_s))
        return self

    def _at(self, at_s: float, edit: Edit) -> Self:
        self._script.append((at_s, edit))
        self._script.sort(key=lambda event: event[0])  # stable: events of one moment keep their order
        return self

    def truth(self, at_s: float) -> Transport:
        """What the DAW really does at `at_s` seconds of the script."""
        transport = self._initial
        for when_s, edit in self._script:
            if when_s > at_s:
                break
            transport = edit(expected(transport, when_s))
        transport = expected(transport, at_s)
        bar = self.meters.at(transport.position_beats)
        return transport.replace(
            bar_start_beats=bar.start_beats, signature_numerator=bar.numerator, signature_denominator=bar.denominator
        )

    def report(self, at_s: float) -> Transport | None:
        """What the source says at `at_s` seconds of the script, or None when it says nothing."""
        if any(start <= at_s < end for start, end in self._silences):
            return None
        late_s = 0.0
        for start, end, up_to_s in self._jitters:
            if start <= at_s < end:
                late_s += random.Random(at_s).uniform(0, up_to_s)  # by time: the same whenever it is asked
        host_s = self.epoch_s + at_s
        return self.truth(at_s - late_s).replace(host_time_s=host_s)

    def run(self, until_s: float, period_s: float = 0.01) -> Iterator[Transport]:
        """Report every `period_s` without waiting for it, publishing and yielding each record."""
        for step in range(int(until_s / period_s) + 1):
            report = self.report(step * period_s)
            if report is not None:
                self._count(received=1)
                self._publish(report)
                yield report

    def start(self) -> None:
        """Begin the script now."""
        self.epoch_s = self.clock()

    def stop(self) -> None:
        """Nothing to give back; `latest` stays at the last report."""

    def latest(self) -> Transport:
        """The report of this moment by the clock, or the last one before a silence began."""
        report = self.report(self.clock() - self.epoch_s)
        if report is not None:
            self._latest = report
        return self._latest
