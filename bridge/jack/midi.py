"""MIDI over JACK, every message with the frame it belongs to.

Needs the extra `jack` (JACK-Client) and a running server, which is never started from here.
"""

from __future__ import annotations

import importlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from bridge.clock.source import SourceError, host_time
from bridge.jack.client import CycleWatch, close_woken, has_woken, leave, open_client, wake
from bridge.jack.frames import ServedFrames
from bridge.midi.port import CLIENT_NAME, OnMessage

READINGS = 32
LAST_WORDS_S = 0.5


def join_midi(client: Any, port: Any, other: str, output: bool) -> None:
    """Connect a port of a client to another by its name. Raises SourceError, which names those there are."""
    try:
        client.connect(*((port, other) if output else (other, port)))
    except importlib.import_module("jack").JackError as error:
        found = client.get_ports("", is_midi=True, is_input=output, is_output=not output)
        there = ", ".join(str(getattr(one, "name", one)) for one in found) or "none"
        raise SourceError(f"JACK MIDI port {other!r}: {error}; there are: {there}") from error


class JackMidiPort:
    """One MIDI port of a client of its own, connected to `connect`, or left to the user to connect.

    `process` is called in every cycle, with its first frame and its length in frames.
    """

    def __init__(
        self,
        client_name: str,
        connect: str | None,
        server: str | None,
        output: bool,
        *,
        process: Callable[[int, int], None],
    ) -> None:
        self._client_name, self._connect, self._server, self._output = client_name, connect, server, output
        self._on_cycle = process
        self._client: Any = None
        self._lost = False
        self.port: Any = None
        self.rate_hz = 48000.0
        self.frames = ServedFrames()
        self._watch = CycleWatch()

    @property
    def is_open(self) -> bool:
        """Whether there is a server to exchange messages with."""
        return self._client is not None and not self._lost

    @property
    def frame(self) -> int:
        """The server's frame of this moment, an estimate between cycles."""
        return self.frames.now(self._client)

    def read(self, clock: Callable[[], float]) -> tuple[int, float] | None:
        """The server's frame of this moment, and the moment by another clock; see `ServedFrames.read`."""
        return self.frames.read(self._client, clock)

    @property
    def is_joined(self) -> bool:
        """Whether it is open, and connected where it was asked to be."""
        return self.is_open and (self._connect is None or bool(self.port.connections))

    def start(self) -> None:
        """Open the port and connect it. Raises SourceError without the extra, the server or the other port."""
        self.stop()
        client = open_client(self._client_name, self._server)
        self.rate_hz, self.frames = float(client.samplerate), ServedFrames()
        self.port = client.midi_outports.register("out") if self._output else client.midi_inports.register("in")
        self._client, self._lost, self._watch = client, False, CycleWatch()
        client.set_process_callback(lambda frames: self._process(client, frames))
        client.set_shutdown_callback(self._shutdown)
        client.activate()
        try:
            self._join()
        except SourceError:
            self.stop()
            raise

    def stop(self) -> None:
        """Close the port."""
        client, self._client = self._client, None
        if client is not None:
            leave(client, self._lost)

    def revive(self) -> bool:
        """Open or connect the port again; whether it was opened. Raises SourceError while the server or the other
        port is away."""
        close_woken()
        if self._client is not None and not self._lost and self._watch.is_stalled():
            self._lost = not has_woken(self._client, self._client_name, self._server)
            self._watch = CycleWatch()
        if self._lost or (self._client is not None and float(self._client.samplerate) != self.rate_hz):
            self.start()
            return True
        if self._client is not None and self._connect is not None and not self.port.connections:
            self._join()
        return False

    def _join(self) -> None:
        if self._connect is not None:
            join_midi(self._client, self.port, self._connect, self._output)

    def _shutdown(self, *_: object) -> None:
        self._lost = True

    def _process(self, client: Any, frames: int) -> None:
        if client is not self._client:
            wake(client)
        else:
            self._watch.cycles += 1
            self._on_cycle(self.frames.begin(client, frames), frames)


class JackMidiInput:
    """A JACK MIDI input that calls `on_message(message, host time)`, from the server's thread; for controllers.

    `on_lost` is called by `revive` where the server or the other port has gone: what was held there is held no longer.
    """

    def __init__(
        self,
        connect: str | None,
        on_message: OnMessage,
        *,
        client_name: str = f"{CLIENT_NAME} control",
        server: str | None = None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_message, self._on_lost = on_message, on_lost
        self.name = f"jack-midi:{connect or ''}".rstrip(":")
        self._jack = JackMidiPort(client_name, connect, server, False, process=self._process)
        self._jack.start()

    def revive(self) -> None:
        """Open or connect the port again. Raises SourceError while the server or the other port is away."""
        joined = self._jack.is_joined
        if not joined:
            self._on_lost()
        if self._jack.revive() and joined:  # a server that had stalled unseen
            self._on_lost()

    def close(self) -> None:
        """Close the port."""
        self._jack.stop()

    def _process(self, _start: int, _frames: int) -> None:
        now_s = host_time()
        for _, event in self._jack.port.incoming_midi_events():
            self._on_message(bytes(event), now_s)


class JackMidiOut:
    """A JACK MIDI output that sends each message on the frame it is given for, in the order given.

    It has no thread: `step`, to be called every few milliseconds, compares the server's frames with the host's clock.
    What is given for a cycle that is over goes out in the next one, and is counted as `late`.
    """

    def __init__(
        self,
        connect: str | None,
        *,
        client_name: str,
        server: str | None = None,
        clock: Callable[[], float] = host_time,
    ) -> None:
        self._clock = clock
        self._jack = JackMidiPort(client_name, connect, server, True, process=self._process)
        self._due: deque[tuple[int, bytes]] = deque()  # emptied by the server's callback
        self._offsets_s: deque[float] = deque(maxlen=READINGS)
        self._offset_s = 0.0  # their median; an audio callback may ask for frames while they change
        self._period_frames = 0
        self.sent = self.late = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a server to send to."""
        return self._jack.is_open

    @property
    def is_set(self) -> bool:
        """Whether frames can be told from host times yet."""
        return self._jack.is_open and bool(self._offsets_s)

    @property
    def period_s(self) -> float:
        """How long a cycle of the server is."""
        return self._period_frames / self._jack.rate_hz

    def start(self) -> None:
        """Open the port and connect it. Raises SourceError."""
        if not self._jack.is_open:
            self._forget()
            self._jack.start()

    def revive(self) -> bool:
        """Open or connect the port again; whether it was opened. Raises SourceError while the server or the other
        port is away."""
        opened = self._jack.revive()
        if opened:
            self._forget()
        return opened

    def step(self) -> None:
        """Compare the two clocks."""
        pair = self._jack.read(self._clock) if self._jack.is_open else None
        if pair is not None:
            offset_s = pair[0] / self._jack.rate_hz - pair[1]
            readings = [*self._offsets_s, offset_s][-READINGS:]
            self._offset_s = sorted(readings)[len(readings) // 2]
            self._offsets_s.append(offset_s)

    def frame_at(self, host_s: float) -> int:
        """The server's frame at a host time, once it `is_set`; for any thread."""
        return round((host_s + self._offset_s) * self._jack.rate_hz)

    def put(self, frame: int, message: bytes) -> None:
        """Have a message sent on a frame."""
        self._due.append((frame, message))

    def stop(self, last: Sequence[bytes] = (), after_s: float = 0.0) -> None:
        """Send these `after_s` from now, once all else is sent, and close the port."""
        if self._jack.is_open and last:
            end = self._jack.frame + round(after_s * self._jack.rate_hz)
            self._due.extend((end, message) for message in last)
            give_up_s = self._clock() + LAST_WORDS_S
            while self._due and self._jack.is_open and self._clock() < give_up_s:
                time.sleep(0.005)
        self._jack.stop()

    def _forget(self) -> None:
        self._offsets_s.clear()  # first, so that nothing more is put on frames of the server before
        self._due = deque()

    def _process(self, start: int, frames: int) -> None:
        self._period_frames = frames
        port, due = self._jack.port, self._due
        port.clear_buffer()
        earliest = 0
        while due and due[0][0] < start + frames:
            at, message = due.popleft()
            self.late += at < start
            earliest = min(max(at - start, earliest), frames - 1)  # the server wants them in order
            port.write_midi_event(earliest, message)
            self.sent += 1
