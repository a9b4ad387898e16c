"""`FakeTransport`: a DAW that does what a script says, for tests and demonstrations."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, Self

from bridge.clock.motion import expected
from bridge.clock.source import Listener, TransportSource, host_time
from bridge.clock.transport import Transport

Edit = Callable[[Transport], Transport]


class FakeTransport(TransportSource):
    """A scripted source; every script method takes the time in seconds after `start` and returns self.

        fake = FakeTransport(120).play(0).tempo(4, 140).locate(8, beats=0).halt(12)

    `truth(at_s)` is what the DAW does, `report(at_s)` what the source says of it: the two differ by the
    scripted jitter, dropouts and disappearances. `host_time_s` is the time in the script plus the time
    of `start`. Raises ValueError for values that no Transport may have.
    """

    def __init__(
        self,
        tempo_bpm: float = 120.0,
        sample_rate_hz: float = 48000.0,
        listener: Listener | None = None,
        clock: Callable[[], float] = host_time,
        name: str = "fake",
    ) -> None:
        super().__init__(name, listener, clock)
        self.epoch_s = 0.0
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
                position_beats=beats,
                position_s=seconds,
                bar_start_beats=beats // 4 * 4.0,
                position_frames=round(seconds * transport.sample_rate_hz),
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
        return expected(transport, at_s)

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
