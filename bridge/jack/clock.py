"""MIDI clock over JACK, by frames of the server: in (`JackMidiClockSource`) and out (`JackMidiClockOut`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.clock.source import Listener, TransportSource, host_time
from bridge.clock.transport import Transport
from bridge.jack.midi import JackMidiOut, JackMidiPort
from bridge.midi.clock import MidiClockSource
from bridge.midi.out import ClockGenerator
from bridge.midi.port import CLIENT_NAME

STAMP_JITTER_S = 0.0005


class JackMidiClockSource(MidiClockSource):
    """MIDI clock from a JACK MIDI port of our own; every clock has the frame it was sent for.

    `connect` names the port to connect to; without it the user connects. Clocks are filtered on the frames that the
    server has played, so that neither Python's lateness nor a server that was held up is taken for jitter or for lost
    clocks; only the result is put on the host's clock. `start` raises SourceError without the extra, the server or the
    port.
    """

    in_jack = in_server_time = True

    def __init__(
        self,
        connect: str | None = None,
        *,
        client_name: str = f"{CLIENT_NAME} clock",
        server: str | None = None,
        song_position_divisor: int = 1,
        latency_s: float = 0.0,
        listener: Listener | None = None,
    ) -> None:
        super().__init__(
            virtual=client_name,
            jitter_s=STAMP_JITTER_S,
            song_position_divisor=song_position_divisor,
            latency_s=latency_s,
            listener=listener,
            name="jack-midi-clock",
        )
        self._jack = JackMidiPort(client_name, connect, server, False, process=self._process)

    def start(self) -> None:
        """Open the port and connect it. Raises SourceError."""
        if not self._jack.is_open:
            self.reset()
            self._jack.start()

    def revive(self) -> None:
        """Open or connect the port again. Raises SourceError while the server or the other port is away."""
        if self._jack.revive():
            self.reset()

    def stop(self) -> None:
        """Close the port."""
        self._jack.stop()

    def _process(self, start: int, _frames: int) -> None:
        for offset, event in self._jack.port.incoming_midi_events():
            data: Sequence[int] = bytes(event)
            self.message(data, (start + offset) / self._jack.rate_hz)

    def _publish(self, transport: Transport) -> None:
        if self.listener is not None:
            super()._publish(self.latest())

    def latest(self) -> Transport:
        """The transport of this moment; not playing when the port is closed."""
        if not self._jack.is_open:
            return Transport.of(host_time_s=self.clock())
        frame, now_s = self._jack.read(self.clock) or (self._jack.frame, self.clock())
        return self.machine.transport(frame / self._jack.rate_hz).replace(host_time_s=now_s)


class JackMidiClockOut:
    """Sends the MIDI clock of a source to a JACK MIDI port, each message on the frame of its time.

    It has no thread: `step`, to be called every few milliseconds, works out what is due in the next `ahead_s` (and
    one period of the server) and leaves it to the server's callback. So a stop or locate is heard that much later.
    """

    def __init__(
        self,
        source: TransportSource,
        connect: str | None = None,
        *,
        client_name: str = f"{CLIENT_NAME} clock out",
        server: str | None = None,
        ahead_s: float = 0.05,
        clock: Callable[[], float] = host_time,
    ) -> None:
        self.source, self._ahead_s, self._clock = source, ahead_s, clock
        self._out = JackMidiOut(connect, client_name=client_name, server=server, clock=clock)
        self._generator = ClockGenerator()

    @property
    def sent(self) -> int:
        """Messages sent."""
        return self._out.sent

    @property
    def late(self) -> int:
        """Messages that were sent after their frame."""
        return self._out.late

    def start(self) -> None:
        """Open the port and connect it. Raises SourceError."""
        if not self._out.is_open:
            self._generator = ClockGenerator()
            self._out.start()

    def stop(self) -> None:
        """Send Stop if playing, and close the port."""
        last = [message for _, message in self._generator.update(Transport(), self._clock())]
        self._out.stop(last, self._ahead_s)

    def revive(self) -> None:
        """Open or connect the port again. Raises SourceError while the server or the other port is away."""
        if self._out.revive():
            self._generator = ClockGenerator()

    def step(self) -> None:
        """Work out what is due soon."""
        out = self._out
        out.step()
        if not out.is_set:
            return
        until_s = self._clock() + self._ahead_s + out.period_s
        for due_s, message in self._generator.update(self.source.latest(), until_s):
            out.put(out.frame_at(due_s), message)
