"""What JACK clients of our own hear: sound, transport and MIDI, by frames of the server."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bridge.clock.source import host_time
from bridge.jack.frames import ServedFrames

RATE = 48_000
STARTED = 1  # jack_transport_state_t: rolling
XRUN_S = 0.1  # a report and the cycles it is about are no further apart


def off_beat_ms(frames: Sequence[int], beat_frames: float = RATE / 2, origin: float = 0.0) -> np.ndarray:
    """Distance of each frame from the nearest beat, in milliseconds."""
    place = (np.array(frames, float) - origin) / beat_frames
    return (place - np.round(place)) * beat_frames / RATE * 1000


@dataclass(frozen=True)
class Cycle:
    """One period as recorded: what the server had played by then, state and frame of the transport, tempo of the
    master (0: none), host time, audio."""

    counter: int
    state: int
    frame: int
    bpm: float
    heard_s: float
    audio: np.ndarray


class Recorder:
    """A JACK client that keeps what it is sent, and what the transport was in every cycle."""

    def __init__(self, server: str, name: str = "recorder") -> None:
        jack = importlib.import_module("jack")
        self.client = jack.Client(name, no_start_server=True, servername=server)
        self._port = self.client.inports.register("in")
        self._midi = self.client.midi_inports.register("midi")
        self._frames = ServedFrames()
        self.cycles: list[Cycle] = []
        self.messages: list[tuple[int, bytes]] = []  # server's frame, MIDI message
        self.xruns: list[float] = []  # host time of every xrun that the server reported
        self.client.set_process_callback(self._process)
        self.client.set_xrun_callback(lambda _: self.xruns.append(host_time()))
        self.client.activate()

    def _process(self, frames: int) -> None:
        counter = self._frames.begin(self.client, frames)
        state, position = self.client.transport_query_struct()
        bpm = float(position.beats_per_minute) if position.valid & 0x10 else 0.0
        audio = self._port.get_array().copy()
        since_s = self.client.frames_since_cycle_start / RATE
        self.cycles.append(Cycle(counter, state, position.frame, bpm, host_time() - since_s, audio))
        for offset, event in self._midi.incoming_midi_events():
            self.messages.append((counter + offset, bytes(event)))

    def connect(self, port: str) -> None:
        """Listen to a port, of sound or of MIDI."""
        is_midi = self.client.get_port_by_name(port) in self.client.get_ports(port, is_midi=True)
        self.client.connect(port, self._midi if is_midi else self._port)

    def clicks(self, level: float = 0.2, rolling: bool = True, since: int = 0) -> list[tuple[int, int, float]]:
        """(transport frame, server frame, host time) of every click's first loud sample since a cycle, those while the
        transport rolls or all."""
        found = []
        quiet = 10**9
        for cycle in self.cycles[since:]:
            loud = np.flatnonzero(np.abs(cycle.audio) > level)
            last = -1
            for index in loud:
                if quiet + index - last - 1 > 600 and (not rolling or cycle.state == STARTED):
                    i = int(index)
                    found.append((cycle.frame + i, cycle.counter + i, cycle.heard_s + i / RATE))
                quiet, last = 0, int(index)
            quiet += len(cycle.audio) - last - 1
        return found

    def gaps(self, since: int = 0) -> int:
        """Times that cycles were missed since one."""
        cycles = self.cycles[since:]
        counters, sizes = [cycle.counter for cycle in cycles], [len(cycle.audio) for cycle in cycles]
        return sum(b - a != size for a, b, size in zip(counters, counters[1:], sizes))

    def is_disturbed(self, cycle: Cycle) -> bool:
        """Whether the server reported an xrun about then: not all clients were done in time, and what was heard, or
        what this client read of the transport, may be another cycle's."""
        return any(abs(xrun_s - cycle.heard_s) < XRUN_S for xrun_s in self.xruns)

    def rolling(self) -> list[Cycle]:
        """The cycles in which the transport rolled."""
        return [cycle for cycle in self.cycles if cycle.state == STARTED]

    def close(self) -> None:
        """Leave the server."""
        self.client.deactivate()
        self.client.close()


class Looper:
    """A JACK client that sends the transport back to `start` when it reaches `end` (frames), as a DAW's loop does."""

    def __init__(self, server: str, start: int, end: int) -> None:
        jack = importlib.import_module("jack")
        self.client = jack.Client("looper", no_start_server=True, servername=server)
        self._start, self._end = start, end
        self.client.set_process_callback(self._process)
        self.client.activate()

    def _process(self, frames: int) -> None:
        state, position = self.client.transport_query_struct()
        # the server does it after the next cycle
        if state == STARTED and position.frame + 2 * frames >= self._end:
            self.client.transport_locate(self._start)

    def close(self) -> None:
        """Leave the server."""
        self.client.deactivate()
        self.client.close()


class Timebase:
    """A JACK client that tells bars and beats exactly by the frames. `jack_transport` as a master loses ticks, and does
    not end its cycle any more once it is sent elsewhere while it rolls."""

    def __init__(self, server: str, bpm: float) -> None:
        jack = importlib.import_module("jack")
        self.client = jack.Client("timebase", no_start_server=True, servername=server)
        self._bpm = bpm
        self.client.set_timebase_callback(self._tell)
        self.client.activate()

    def _tell(self, _state: object, _frames: int, position: Any, _is_new: bool) -> None:
        beats = position.frame / position.frame_rate * self._bpm / 60
        position.valid = 0x10
        position.beats_per_minute = self._bpm
        position.beats_per_bar = position.beat_type = 4
        position.ticks_per_beat = 1920
        position.bar, position.beat = int(beats // 4) + 1, int(beats % 4) + 1
        position.tick, position.bar_start_tick = int(beats % 1 * 1920), beats // 4 * 7680

    def close(self) -> None:
        """Leave the server."""
        self.client.deactivate()
        self.client.close()
