"""A small CLAP host: the ABI is plain C, so ctypes is all it takes."""

from __future__ import annotations

import ctypes as c
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bridge.plugin_link.codes import PluginState
from tests.plugin.clap import clap_abi as abi

PARAMETERS = (
    "density",
    "energy",
    "style",
    "morph",
    "seed",
    "gain_db",
    "bypass",
    "state",
    "mute_drums",
    "mute_bass",
    "mute_lead",
    "mute_chords",
    "chords_at",
    "chords_held",
)


@dataclass
class Song:
    """A song's timeline as a DAW has it: constant tempo, tempo steps, or a ramp; and where it loops.

    `tempo` are (beat, bpm) from beat 0 on; with `ramp` the tempo moves in a line over beats between them. Positions
    are integrated in steps of one frame's time at most, in closed form for steps.
    """

    tempo: tuple[tuple[float, float], ...] = ((0.0, 120.0),)
    numerator: int = 4
    denominator: int = 4
    loop: tuple[float, float] | None = None
    ramp: bool = False
    _seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._seconds = [0.0]
        for (b0, t0), (b1, t1) in zip(self.tempo, self.tempo[1:]):
            self._seconds.append(self._seconds[-1] + self._length_s(b0, t0, b1, t1, b1))

    def _length_s(self, b0: float, t0: float, b1: float, t1: float, beat: float) -> float:
        slope = (t1 - t0) / (b1 - b0) if self.ramp else 0.0
        if slope == 0:
            return (beat - b0) * 60 / t0
        return float(60 / slope * np.log1p(slope * (beat - b0) / t0))

    def at(self, seconds: float) -> tuple[float, float]:
        """Beat and tempo at a second."""
        i = max(0, int(np.searchsorted(self._seconds, seconds + 1e-12, side="right")) - 1)
        b0, t0 = self.tempo[i]
        elapsed = seconds - self._seconds[i]
        if not self.ramp or i + 1 == len(self.tempo):
            return b0 + elapsed * t0 / 60, t0
        b1, t1 = self.tempo[i + 1]
        slope = (t1 - t0) / (b1 - b0)
        moved = t0 / slope * np.expm1(elapsed * slope / 60) if slope else elapsed * t0 / 60
        return float(b0 + moved), float(t0 + slope * moved)


class ClapHost:
    """One instance of the plugin, run block by block."""

    def __init__(
        self, path: Path, rate_hz: float = 48_000, block: int = 512, song: Song | None = None, full_scale: bool = True
    ) -> None:
        self.rate_hz, self.block, self.song = rate_hz, block, song or Song()
        self.frames_max = 8192
        self._library = c.CDLL(str(path))
        entry = abi.Entry.in_dll(self._library, "clap_entry")
        assert entry.init(str(path).encode())
        factory = abi.Factory.from_address(entry.factory(b"clap.plugin-factory"))
        self._host = abi.Host(
            abi.Version(1, 1, 1),
            None,
            b"test",
            b"",
            b"",
            b"1",
            abi.EXTENSION(lambda *_: None),
            abi.REQUEST(lambda _: None),
            abi.REQUEST(lambda _: None),
            abi.REQUEST(lambda _: None),
        )
        factory_at = c.addressof(factory)
        made = factory.create(factory_at, c.addressof(self._host), b"org.musika-daw.generator")
        assert made, "the plugin was not created"
        self._at = made
        self.plugin = abi.Plugin.from_address(made)
        assert self.plugin.init(made)
        self.outputs: dict[int, float] = {}
        self.notes: list[tuple[int, bytes]] = []
        """Frame of the timeline and MIDI message of what it has played."""
        self._frame = 0
        self._pending: list[abi.Param | abi.Note | abi.Midi] = []
        self._in = abi.InEvents(None, abi.SIZE(lambda _: len(self._pending)), abi.GET(self._event))
        self._out = abi.OutEvents(None, abi.PUSH(self._pushed))
        self.status = 1
        if full_scale:  # samples are compared with what they are made from
            assert self.load(re.sub(rb'"gain_db":[-.\d]+', b'"gain_db":0', self.save()))
        self.activate()

    def _event(self, _: int | None, index: int) -> int:
        return c.addressof(self._pending[index])

    def _pushed(self, _: int | None, event: object) -> bool:
        told = event.contents  # type: ignore[attr-defined]
        if told.header.type in (abi.EVENT_NOTE_ON, abi.EVENT_NOTE_OFF):
            note = abi.Note.from_address(c.addressof(told))
            status = 0x90 if told.header.type == abi.EVENT_NOTE_ON else 0x80
            midi = bytes((status | note.channel, note.key, round(note.velocity * 127)))
            self.notes.append((self._frame + told.header.time, midi))
        else:
            self.outputs[told.id] = told.value
        return True

    def activate(self, rate_hz: float | None = None) -> None:
        """Make active, at another rate if one is given."""
        self.rate_hz = rate_hz or self.rate_hz
        assert self.plugin.activate(self._at, self.rate_hz, 1, self.frames_max)
        assert self.plugin.start_processing(self._at)

    @property
    def address(self) -> int:
        """Where the instance lies."""
        return int(self._at)

    @property
    def event_lists(self) -> tuple[int, int]:
        """Addresses of the list of events that wait, and of the one that takes events."""
        return c.addressof(self._in), c.addressof(self._out)

    def forget_events(self) -> None:
        """No event waits any more."""
        self._pending.clear()

    def reset(self) -> None:
        """Forget what was sounding."""
        self.plugin.reset(self._at)

    def deactivate(self) -> None:
        """Make inactive."""
        self.plugin.stop_processing(self._at)
        self.plugin.deactivate(self._at)

    def close(self) -> None:
        """End the instance."""
        self.deactivate()
        self.plugin.destroy(self._at)

    def set_offline(self, offline: bool) -> None:
        """Say whether blocks may be waited for."""
        render = abi.RenderExtension.from_address(self.plugin.get_extension(self._at, b"clap.render"))
        assert render.set(self._at, int(offline))

    def set(self, name: str, value: float, space: int = abi.CORE_SPACE) -> None:
        """Automate a parameter; heard from the next block on. Events of another `space` are none of CLAP's own."""
        header = abi.EventHeader(c.sizeof(abi.Param), 0, space, abi.EVENT_PARAM, 0)
        self._pending.append(abi.Param(header, PARAMETERS.index(name), None, -1, -1, -1, -1, value))

    def strike(self, key: int, offset: int = 0, *, on: bool = True, midi: bool = False, channel: int = 0) -> None:
        """Strike a key in the next block, or let go of it, in CLAP's dialect or as MIDI; in the order of the frames."""
        if midi:
            header = abi.EventHeader(c.sizeof(abi.Midi), offset, abi.CORE_SPACE, abi.EVENT_MIDI, 0)
            self._pending.append(abi.Midi(header, 0, (c.c_uint8 * 3)((0x90 if on else 0x80) | channel, key, 64)))
        else:
            header = abi.EventHeader(
                c.sizeof(abi.Note), offset, abi.CORE_SPACE, abi.EVENT_NOTE_ON if on else abi.EVENT_NOTE_OFF, 0
            )
            self._pending.append(abi.Note(header, -1, 0, channel, key, 0.5))

    @property
    def state(self) -> int:
        """The output parameter, as last told."""
        return int(self.outputs.get(PARAMETERS.index("state"), 0))

    def save(self) -> bytes:
        """The state as a song keeps it."""
        kept = bytearray()

        def write(_: int | None, data: int, size: int) -> int:
            kept.extend(c.string_at(data, min(size, 37)))  # hosts may take it in pieces
            return min(size, 37)

        stream = abi.Stream(None, abi.STREAM(write))
        state = abi.StateExtension.from_address(self.plugin.get_extension(self._at, b"clap.state"))
        assert state.save(self._at, c.addressof(stream))
        return bytes(kept)

    def load(self, data: bytes) -> bool:
        """Restore a state."""
        left = bytearray(data)

        def read(_: int | None, into: int, size: int) -> int:
            part = bytes(left[: min(size, 41)])
            del left[: len(part)]
            c.memmove(into, part, len(part))
            return len(part)

        stream = abi.Stream(None, abi.STREAM(read))
        state = abi.StateExtension.from_address(self.plugin.get_extension(self._at, b"clap.state"))
        return bool(state.load(self._at, c.addressof(stream)))

    def process(
        self, frame: int, playing: bool = True, frames: int | None = None, has_transport: bool = True
    ) -> np.ndarray:
        """One block from a frame of the timeline on, or of a host that has none, float32 `[n, 2]`."""
        count = self.block if frames is None else frames
        self._frame = frame
        out = np.full((2, count), np.nan, np.float32)
        rows = (c.POINTER(c.c_float) * 2)(*(row.ctypes.data_as(c.POINTER(c.c_float)) for row in out))
        audio = abi.Audio(c.cast(rows, c.POINTER(c.POINTER(c.c_float))), None, 2, 0, 0)
        transport = self._transport(frame, playing)
        block = abi.Process(
            -1,
            count,
            c.pointer(transport) if has_transport else None,
            None,
            c.pointer(audio),
            0,
            1,
            c.pointer(self._in),
            c.pointer(self._out),
        )
        self.status = self.plugin.process(self._at, c.byref(block))
        self._pending.clear()
        return np.ascontiguousarray(out.T)

    def _transport(self, frame: int, playing: bool) -> abi.Transport:
        song, seconds = self.song, frame / self.rate_hz
        beat, bpm = song.at(seconds)
        per_bar = song.numerator * 4 / song.denominator
        bar = int(beat // per_bar)
        made = abi.Transport()
        made.header = abi.EventHeader(c.sizeof(abi.Transport), 0, abi.CORE_SPACE, abi.EVENT_TRANSPORT, 0)
        made.flags = (
            abi.HAS_TEMPO | abi.HAS_BEATS | abi.HAS_SECONDS | abi.HAS_SIGNATURE | (abi.IS_PLAYING if playing else 0)
        )
        made.beats, made.seconds = round(beat * abi.BEAT), round(seconds * abi.SECOND)
        made.tempo = bpm
        if song.loop is not None:
            made.flags |= abi.IS_LOOP
            made.loop_start_beats, made.loop_end_beats = (round(b * abi.BEAT) for b in song.loop)
        made.bar_start, made.bar_number = round(bar * per_bar * abi.BEAT), bar
        made.numerator, made.denominator = song.numerator, song.denominator
        return made

    def play(
        self, first: int, last: int, real_time: bool = False, on_block: Callable[[int], None] | None = None
    ) -> np.ndarray:
        """Play frames first..last, float32 `[last - first, 2]`; in real time, or as fast as it goes."""
        parts = []
        begin_s = time.perf_counter()
        for frame in range(first, last, self.block):
            if on_block is not None:
                on_block(frame)
            if real_time:
                pause_s = begin_s + (frame - first) / self.rate_hz - time.perf_counter()
                if pause_s > 0:
                    time.sleep(pause_s)
            parts.append(self.process(frame, frames=min(self.block, last - frame)))
        return np.concatenate(parts)

    def wait(self, condition: Callable[[], bool], frame: int = 0, limit_s: float = 20.0) -> bool:
        """Run stopped blocks at a frame until a condition holds; whether it came true."""
        end_s = time.perf_counter() + limit_s
        while time.perf_counter() < end_s:
            self.process(frame, playing=False)
            if condition():
                return True
            time.sleep(0.005)
        return False


def ready(one: ClapHost, frame: int = 0) -> bool:
    """Wait until what lies at a frame is there; whether it came."""
    return one.wait(lambda: one.state == PluginState.READY, frame)


def cached(one: ClapHost, frame: int, seconds: float = 1.0) -> None:
    """Wait at a frame until this much of what comes after it has arrived."""
    assert ready(one, frame)
    for chunk in range(frame, frame + int(seconds * one.rate_hz), 1024):
        assert ready(one, chunk)
    assert ready(one, frame)
