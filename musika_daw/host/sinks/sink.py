"""`Sink`: where sound goes. Here PortAudio; JACK and files are modules beside."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import numpy as np

from bridge import host_time
from bridge.jack.client import CycleWatch
from musika_daw.host.play.device_clock import DeviceClock

LISTED = "`musika-daw ports` lists them"
Fill = Callable[[np.ndarray, float], None]
TransportFill = Callable[[np.ndarray, float, bool], None]
Messages = Callable[[], list[tuple[int, bytes]]]
"""Gives MIDI messages of the block that was filled, each with its frame."""


class SinkError(RuntimeError):
    """A sink cannot start: a device, a library or a server is missing; the text says which."""


class Sink(ABC):
    """Asks for blocks and plays them. `fill` gets float32 `[2, n]` to fill and the host time of its first frame's
    being heard. `latency_s` comes on top of what the device reports.
    """

    name = "sink"
    sample_rate_hz: int
    in_jack: bool = False  # libjack is behind it, which minds the thread that uses it
    in_server_time: bool = False  # it is to count as the source does: the frames that the server has played
    follows_transport: bool = False  # it asks a server itself where the transport is
    period_s: float = 0.0  # of the block that was filled last, where it follows a server's transport
    latency_s: float = 0.0
    heard_s: float = 0.0  # host time at which the block that is being filled is heard
    problem: str | None = None  # why nothing is heard, for a person to read
    told: str | None = None  # what a person should know though it is heard
    free_wheels = False  # blocks are asked for faster than they are heard
    ended_early = False  # for good, by itself

    @abstractmethod
    def start(self, fill: Fill) -> None:
        """Open and play. Raises SinkError."""

    @abstractmethod
    def stop(self) -> None:
        """Close; doing it twice is harmless."""

    def revive(self) -> None:
        """Open again what was lost; called about once a second."""
        return

    def step(self) -> None:
        """Called every few milliseconds by the control thread, for what the callback should not do."""
        return

    def shift_s(self) -> float:
        """How far the times that `fill` gets are ahead of host times."""
        return 0.0

    def follow_transport(self, follows: bool) -> None:
        """Follow the transport of the server that is played to, where there is one. Raises SinkError."""
        return

    def give_transport(self, fill: TransportFill, is_ready: Callable[[float], bool]) -> None:
        """What to call instead of `fill` while a transport is followed, and what to ask before it begins to roll."""
        return

    def give_notes(self, take: Messages, last: Callable[[], list[bytes]], connect: str | None) -> None:
        """Messages to send with every block, and before it leaves, where MIDI goes with its sound. Raises SinkError."""
        raise SinkError(f"{self.name}: sends no MIDI beside its sound")

    @property
    def xruns(self) -> int:
        """Late blocks that the device or server complained of."""
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _sounddevice() -> Any:
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise SinkError(f"PortAudio needs an extra: pip install 'musika-daw[audio]' ({error})") from error
    except OSError as error:
        raise SinkError(f"PortAudio's library is missing, `musika-daw doctor` names its package ({error})") from error


def list_devices() -> list[tuple[str, str]]:
    """(system, name) of every PortAudio output. Raises SinkError without PortAudio."""
    sounddevice = _sounddevice()
    systems = sounddevice.query_hostapis()
    found = sounddevice.query_devices()
    return [(systems[d["hostapi"]]["name"], d["name"]) for d in found if d["max_output_channels"] >= 2]


class PortAudioSink(Sink):
    """A PortAudio output by its name, part of one, or number; the default one without.

    The device's own sample rate is used unless another is given. When the device goes away `revive` opens it
    again.
    """

    def __init__(
        self, device: str | int | None = None, sample_rate_hz: int | None = None, block_frames: int = 512
    ) -> None:
        self._sounddevice = _sounddevice()
        try:
            facts = self._sounddevice.query_devices(device, "output")
        except (ValueError, self._sounddevice.PortAudioError) as error:
            said = " ".join(str(error).split())
            if device is None:
                said = f"no sound card plays here ({said}); --sink jack and --sink file:PATH need none"
            else:
                said = f"PortAudio output {device!r}: {said}; {LISTED}"
            raise SinkError(f"sink: {said}") from error
        if (channels := facts.get("max_output_channels", 2)) < 2:
            there = "one channel" if channels == 1 else "no output"
            raise SinkError(f"sink: PortAudio output {facts['name']!r} has {there}, must have two channels; {LISTED}")
        self.name = f"portaudio {facts['name']}"
        self.sample_rate_hz = sample_rate_hz or int(facts["default_samplerate"])
        self._device, self._block_frames = device, block_frames
        self._block = np.zeros((2, 8192), np.float32)
        self._stream: Any = None
        self._fill: Fill | None = None
        self._frames = 0
        self._clock = DeviceClock(self.sample_rate_hz)
        self._offset_s: float | None = None
        self._xruns = 0
        self._lost = False
        self._watch = CycleWatch()

    def start(self, fill: Fill) -> None:
        """Open the device. Raises SinkError."""
        self._fill, self._lost, self._watch = fill, False, CycleWatch()
        self._frames, self._clock = 0, DeviceClock(self.sample_rate_hz)
        try:
            self._stream = self._sounddevice.OutputStream(
                samplerate=self.sample_rate_hz,
                blocksize=self._block_frames,
                device=self._device,
                channels=2,
                dtype="float32",
                callback=self._callback,
                finished_callback=self._finished,
            )
            self._measure_offset()
            self._stream.start()
        except (self._sounddevice.PortAudioError, ValueError) as error:
            self._stream = None
            raise SinkError(f"sink: PortAudio: {error}") from error

    def stop(self) -> None:
        """Close the device."""
        stream, self._stream, self._fill = self._stream, None, None
        if stream is not None:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)

    def step(self) -> None:
        """Compare PortAudio's clock with ours."""
        self._measure_offset()

    def revive(self) -> None:
        """Open the device again if it went away, or asks for no more blocks."""
        fill = self._fill
        if fill is None or not (self._lost or self._watch.is_stalled()):
            return
        self.problem = "the audio device is gone; it is looked for every second"
        self.stop()
        self._fill = fill  # to be tried again if it is still away
        try:
            self.start(fill)
        except SinkError:
            self._lost = True
            raise
        self.problem = None

    @property
    def xruns(self) -> int:
        """Underflows that PortAudio reported."""
        return self._xruns

    def _measure_offset(self) -> None:
        stream = self._stream
        if stream is None:
            return
        try:
            before_s, theirs_s, after_s = host_time(), float(stream.time), host_time()
        except self._sounddevice.PortAudioError:
            return
        if after_s - before_s < 0.0005:  # else one of the two was read after a pause
            self._offset_s = (before_s + after_s) / 2 - theirs_s

    def _finished(self) -> None:
        self._lost = True

    def _callback(self, out: np.ndarray, frames: int, time: Any, status: Any) -> None:
        if status and status.output_underflow:
            self._xruns += 1
        self._watch.cycles += 1
        fill = self._fill
        if fill is None or frames > self._block.shape[1]:
            out.fill(0)
            return
        self._clock.observe(self._frames, time.outputBufferDacTime + (self._offset_s or 0.0))
        self.heard_s = self._clock.time_s(self._frames) + self.latency_s
        block = self._block[:, :frames]
        fill(block, self.heard_s)
        np.copyto(out, block.T)
        self._frames += frames
