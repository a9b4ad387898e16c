"""`JackSink`: two JACK ports, on the server's transport or on the host's clock."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from bridge import SourceError, host_time
from bridge.jack.client import CycleWatch, close_woken, has_woken, leave, open_client, wake
from bridge.jack.frames import ROLLING, ServedFrames
from musika_daw.host.play.device_clock import DeviceClock
from musika_daw.host.play.player import BLOCK_MAX
from musika_daw.host.sinks.midi_beside import MidiBeside
from musika_daw.host.sinks.sink import Fill, Messages, Sink, SinkError, TransportFill

STEP_S = 0.001  # cycles begin when they should, to a tenth of that
GONE = "the sound server is gone; it is looked for every second"
OUTRUN = (
    "the server free-wheels, as in a bounce: faster than music is rendered, so it has holes; record in real time, "
    "or bounce with the plugin, docs/plugin.md"
)
PULLED = "its ports were disconnected: nothing is heard"


class JackSink(Sink):
    """Plays into ports `left` and `right`, connected to `connect` (a name or pattern; the system's first two outputs).

    With `follow_transport` the callback asks the server itself whether it rolls and where: `fill` then gets
    seconds of the transport, and `is_ready`, asked before play begins anywhere, holds the transport back until
    the sound is rendered. While `in_server_time`, for a source that counts the server's frames too, `fill` gets
    seconds of what the server has played, which are `shift_s` ahead of host times; otherwise host times. All clients of
    a JACK server hear each other in time, so its latency is compensated only for what follows a clock outside it
    (`compensate`).
    """

    in_jack = True

    def __init__(
        self,
        *,
        client_name: str = "musika-daw out",
        server: str | None = None,
        connect: str | None = "system:playback",
        follow_transport: bool = False,
        compensate: bool = True,
    ) -> None:
        self.name = "jack"
        self._client_name, self._server, self._connect = client_name, server, connect
        self.follows_transport, self._compensate = follow_transport, compensate
        self._transport_fill: TransportFill | None = None
        self._is_ready: Callable[[float], bool] | None = None
        self._fill: Fill | None = None
        self._client: Any = None
        self._lost = False
        self._block = np.zeros((2, BLOCK_MAX), np.float32)
        self._xruns = 0
        self._watch = CycleWatch()
        self._frames = ServedFrames()
        self._began: tuple[int, float] | None = None  # of the latest cycle: first frame, host time
        self.in_server_time = False
        self._shift_s = 0.0
        self._device_latency_s = self._playback_s = 0.0
        self._notes: MidiBeside | None = None
        self.sample_rate_hz = 48_000
        self._open()

    def _open(self) -> None:
        try:
            client = open_client(self._client_name, self._server)
        except SourceError as error:
            raise SinkError(f"sink: {error}") from error
        self._lost, self._watch, self._joined = False, CycleWatch(), False
        self.free_wheels = False
        self.sample_rate_hz = int(client.samplerate)
        self._clock, self._began = DeviceClock(self.sample_rate_hz, step_s=STEP_S), None
        self._frames = ServedFrames()
        self._ports = (client.outports.register("left"), client.outports.register("right"))
        client.set_shutdown_callback(self._shutdown)
        client.set_xrun_callback(self._xrun)
        client.set_freewheel_callback(self._free_wheel)
        client.set_process_callback(lambda frames: self._process(client, frames))
        if self.follows_transport:
            client.set_sync_callback(self._sync)
        self._client = client
        if self._notes is not None:
            self._notes.open(client)

    def give_notes(self, take: Messages, last: Callable[[], list[bytes]], connect: str | None) -> None:
        """Send these messages from a port `notes`, in the cycle and on the frame of their sound."""
        self._notes = MidiBeside(take, last, connect)
        self._notes.open(self._client)

    def start(self, fill: Fill) -> None:
        """Activate and connect. Raises SinkError."""
        self._fill = fill
        if self._client is None:
            self._open()
        self._client.activate()
        self._join()
        if self._notes is not None:
            self._notes.join(self._client)

    def _join(self) -> None:
        """Connect to the outputs asked for once they are there, say why nothing is heard, and learn how late it is."""
        client, connect = self._client, self._connect
        targets: list[Any] = []
        outputs = [output for port in self._ports for output in port.connections]
        if connect and not outputs:
            found = (client.get_ports(p, is_audio=True, is_input=True) for p in (re.escape(connect), connect))
            targets = next(filter(None, found), [])
        if outputs or not connect:
            self.problem = None
        elif not targets:
            self.problem = f"no output is called like {connect!r}: nothing is heard"
        elif self._joined and self.problem in (None, PULLED):
            self.problem = PULLED  # by hand: the outputs are there, and were
        else:
            # of an output with one channel both: half of the music is never left out without a word
            for port, target in zip(self._ports, targets * 2 if len(targets) == 1 else targets):
                client.connect(port, target)
            self.problem, self._joined, outputs = None, True, targets
        self._playback_s = _latency_frames(client, outputs[0]) / self.sample_rate_hz if outputs else 0.0
        if self._compensate and not self.follows_transport:
            self._device_latency_s = self._playback_s

    def stop(self) -> None:
        """Leave the server."""
        if self._notes is not None and self._client is not None and self._fill is not None and not self._lost:
            self._notes.end()
        client, self._client = self._client, None
        if client is not None:
            leave(client, self._lost)

    def revive(self) -> None:
        """Join again after the server was restarted or has changed its rate; look for outputs that were not there."""
        client = self._client
        close_woken()
        if self._fill is None:
            return
        if client is not None and not self._lost and self._watch.is_stalled():
            self.problem = GONE
            try:
                self._lost = not has_woken(client, self._client_name, self._server)
            except SourceError as error:
                raise SinkError(f"sink: {error}") from error
            if not self._lost:
                self._watch = CycleWatch()
        if self._lost:
            self.problem = GONE
        elif client is None:
            return
        elif int(client.samplerate) == self.sample_rate_hz:
            self._join()
            if self._notes is not None:
                self._notes.join(client)
            return
        self.stop()
        self._open()
        self.start(self._fill)

    def follow_transport(self, follows: bool) -> None:
        """Follow the server's transport, or no longer; it leaves the server for a moment. Raises SinkError."""
        if follows == self.follows_transport:
            return
        fill = self._fill if self._client is not None else None
        self.stop()
        self.follows_transport, self._device_latency_s = follows, 0.0
        self._open()
        if fill is not None:
            self.start(fill)

    def give_transport(self, fill: TransportFill, is_ready: Callable[[float], bool]) -> None:
        """What to call while the transport is followed, and what to ask before it begins to roll."""
        self._transport_fill, self._is_ready = fill, is_ready

    def step(self) -> None:
        """Compare the server's frames with the host's clock."""
        client = self._client
        if client is None or self._lost or self.follows_transport:
            return
        # the server's own clock between cycles is bent for seconds where it dropped one: so when cycles began is used
        began, self._began = self._began, None
        if began is not None:
            self._clock.observe(*began)
        pair = self._frames.read(client, host_time) if self.in_server_time else None
        if pair is not None:  # the source reads that same clock
            self._shift_s = pair[0] / self.sample_rate_hz - pair[1]

    def shift_s(self) -> float:
        """How far the times that `fill` gets are ahead of host times, as of the last `step`."""
        return self._shift_s if self.in_server_time else 0.0

    @property
    def is_connected(self) -> bool:
        """Whether there is a server to play to."""
        return self._client is not None and not self._lost

    @property
    def xruns(self) -> int:
        """Cycles that the server says came too late, whoever's fault it was."""
        return self._xruns

    def _shutdown(self, *_: object) -> None:
        self._lost = True

    def _xrun(self, _delay_us: float) -> None:
        self._xruns += 1

    def _free_wheel(self, begins: int) -> None:
        self.free_wheels = bool(begins)
        if begins:
            self.told = OUTRUN  # and still when it is over: who bounced looks at the DAW meanwhile

    def _sync(self, _state: object, position: Any) -> bool:
        ready = self._is_ready
        try:
            return ready is None or ready(position.frame / self.sample_rate_hz)
        except Exception:  # a transport that waits for ever is worse than a start in silence
            return True

    def _process(self, client: Any, frames: int) -> None:
        fill = self._fill
        if client is not self._client:
            wake(client)
            return
        self._watch.cycles += 1
        if fill is None:
            return
        self.period_s, block = frames / self.sample_rate_hz, self._block[:, :frames]
        began_s = host_time() - client.frames_since_cycle_start / self.sample_rate_hz
        self.heard_s = began_s + self._playback_s + self.latency_s
        if self.follows_transport and self._transport_fill is not None:
            state, position = client.transport_query_struct()
            self._transport_fill(block, position.frame / self.sample_rate_hz, state == ROLLING)
        else:
            start = self._frames.begin(client, frames)
            self._began = start, began_s
            if not self._clock.is_set:
                block.fill(0)
            elif self.in_server_time:
                fill(block, start / self.sample_rate_hz + self.latency_s)
            else:
                fill(block, self._clock.time_s(start) + self._device_latency_s + self.latency_s)
        for port, channel in zip(self._ports, block):
            np.copyto(port.get_array(), channel)
        if self._notes is not None:
            self._notes.send()


class _LatencyRange(ctypes.Structure):
    _fields_ = [("min", ctypes.c_uint32), ("max", ctypes.c_uint32)]


def _latency_frames(client: Any, port: Any) -> int:
    """Playback latency of a port in frames, as the driver says; JACK-Client has no call for it, libjack has."""
    jack = importlib.import_module("jack")
    latency = _LatencyRange()
    try:
        library = ctypes.CDLL(ctypes.util.find_library("jack"))
        pointer = ctypes.c_void_p(int(jack._ffi.cast("uintptr_t", port._ptr)))
        library.jack_port_get_latency_range(pointer, 1, ctypes.byref(latency))
    except (OSError, AttributeError, TypeError):
        return int(client.blocksize)
    return int(latency.max)
