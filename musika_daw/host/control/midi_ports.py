"""`MidiPorts`: the MIDI of a session beside its source: an input of controllers, one of chords, clock out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge import JackMidiClockOut, MidiClockOut, TransportSource
from bridge.jack.midi import JackMidiInput
from bridge.midi.port import CLIENT_NAME, InputPort, OnMessage, open_input
from musika_daw.host.control.chords_in import ChordsIn
from musika_daw.host.host import Host

JACK_MIDI = "jack-midi"


class MidiPorts:
    """At most one port of each kind, each of the system's MIDI by its name or of JACK as `jack-midi[:PORT]`.

    `heard` gets the messages of the controllers, `chords` those of the keyboard, each in its port's own thread. Ports
    of JACK that are lost are opened again by the host.
    """

    def __init__(
        self, host: Host, server: str | None, heard: Callable[[Sequence[int]], object], chords: ChordsIn
    ) -> None:
        self._host, self._server, self._heard, self._chords = host, server, heard, chords
        self._input: InputPort | JackMidiInput | None = None
        self._keyboard: InputPort | JackMidiInput | None = None
        self._clock: MidiClockOut | JackMidiClockOut | None = None

    @property
    def input_name(self) -> str | None:
        """The input that is listened to."""
        return None if self._input is None else self._input.name

    def listen(self, name: str | None) -> None:
        """Listen to this input and to no other. Raises SourceError if it is none; the old one then stays."""
        fresh = None if name is None else self._open(name, self._hear)
        self._close(self._input)
        self._input = fresh

    def follow_chords(self, name: str | None) -> None:
        """Follow the keys of this input and of no other. Raises SourceError if it is none, ValueError where the model
        follows no chords; the old one then stays."""
        self._chords.check(name)
        fresh = (
            None if name is None else self._open(name, self._chords.feed, f"{CLIENT_NAME} chords", self._chords.lose)
        )
        self._close(self._keyboard)
        self._keyboard = fresh
        self._chords.begin(None if fresh is None else fresh.name)

    def send_clock(self, source: TransportSource, name: str) -> None:
        """Send the clock of a source to an output. Raises SourceError if it is none."""
        kind, _, port = name.partition(":")
        if kind == JACK_MIDI:
            clock = JackMidiClockOut(source, port or None, server=self._server)
            self._host.on_step.append(clock.step)
            self._host.revived_here.append(clock)
            self._clock = clock
        else:
            self._clock = MidiClockOut(source, name)
        self._clock.start()

    def follow(self, source: TransportSource) -> None:
        """Send the clock of another source from here on."""
        if self._clock is not None:
            self._clock.source = source

    def stop(self) -> None:
        """Close them all."""
        self._close(self._input)
        self._close(self._keyboard)
        self._input = self._keyboard = None
        if self._clock is not None:
            self._clock.stop()

    def _open(
        self,
        name: str,
        hear: OnMessage,
        client: str = f"{CLIENT_NAME} control",
        lost: Callable[[], None] = lambda: None,
    ) -> InputPort | JackMidiInput:
        kind, _, port = name.partition(":")
        if kind != JACK_MIDI:
            return open_input(name, hear)
        opened = JackMidiInput(port or None, hear, client_name=client, server=self._server, on_lost=lost)
        self._host.revived_here.append(opened)
        return opened

    def _close(self, old: InputPort | JackMidiInput | None) -> None:
        if isinstance(old, JackMidiInput):
            self._host.revived_here.remove(old)
        if old is not None:
            old.close()

    def _hear(self, message: Sequence[int], _time_s: float) -> None:
        self._heard(message)
