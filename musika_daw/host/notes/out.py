"""`NotesOut`: the notes of what plays, to a MIDI port of the system or of JACK."""

from __future__ import annotations

from bridge.jack.midi import JackMidiOut
from bridge.midi.port import CLIENT_NAME
from bridge.midi.timed import TimedMidiOut
from musika_daw.host.host import Host
from musika_daw.host.notes.bars import NoteBars
from musika_daw.host.notes.sequencer import Event, Sequencer
from musika_daw.host.sinks.sink import Sink
from musika_daw.instrument.scores import Score

JACK_MIDI = "jack-midi"


class NotesOut:
    """Sends what the player of a host reads to `name`, a port of the system's MIDI or of JACK as `jack-midi[:PORT]`.

    A sink in JACK sends the messages itself, in the cycle and on the frame of the sound; else they are sent at the
    time when the sound is heard.
    """

    def __init__(self, host: Host, sink: Sink, score: Score, name: str, *, server: str | None = None) -> None:
        self._host, self._sink = host, sink
        self._bars = NoteBars(score)
        self._sequencer = Sequencer(self._bars.of)
        self._events: list[Event] = []
        self._due: list[tuple[float, bytes]] = []  # with the time when each is heard
        kind, _, port = name.partition(":")
        self._in_sink = kind == JACK_MIDI and sink.in_jack
        self._port: TimedMidiOut | JackMidiOut | None = None
        if kind != JACK_MIDI:
            self._port = TimedMidiOut(name)
        elif self._in_sink:
            sink.give_notes(self.take, self.last, port or None)
        else:
            self._port = JackMidiOut(port or None, client_name=f"{CLIENT_NAME} notes", server=server)

    def start(self) -> None:
        """Open the port. Raises SourceError if it is none."""
        if self._port is not None:
            self._port.start()
        if isinstance(self._port, JackMidiOut):
            self._host.revived_here.append(self._port)
        self._host.on_step.append(self.step)
        self._host.on_fill.append(self.block)

    def step(self) -> None:
        """Have the next bars at hand; for the control thread."""
        if isinstance(self._port, JackMidiOut):
            self._port.step()
        host, player = self._host, self._host.player
        wanted = host.cache.find(host.piece) if host.piece is not None else None
        generations = [g for g in dict.fromkeys((player.generation, wanted)) if g is not None]
        self._bars.step(generations, host.grid, host.beat, player.uses)

    def block(self) -> None:
        """Take what the block holds that was filled; for the audio callback."""
        events = self._sequencer.block(self._host.player.reads)
        if self._in_sink:
            self._events += events
        elif isinstance(self._port, JackMidiOut):
            self._due += [(self._heard_s(at), message) for at, message in events]
            if self._port.is_set:
                for heard_s, message in self._due:
                    self._port.put(self._port.frame_at(heard_s), message)
            if self._port.is_set or not self._port.is_open:
                self._due = []
        elif self._port is not None:
            for at, message in events:
                self._port.put(self._heard_s(at), message)

    def take(self) -> list[Event]:
        """Messages of the block that was filled, once; for the sink."""
        events, self._events = self._events, []
        return events

    def last(self) -> list[bytes]:
        """Messages that let go of all that is held; for the sink, when it ends or comes back."""
        self._events = []
        return self._sequencer.end()

    def stop(self) -> None:
        """Let go of all keys and close the port, after the sink has ended."""
        if self._port is not None:
            self._port.stop(self.last())

    def _heard_s(self, at: int) -> float:
        return self._sink.heard_s + at / self._host.player.sample_rate_hz
