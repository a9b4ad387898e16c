"""A small LV2 host that tells the time as one likes: the ABI is plain C, so ctypes is all it takes."""

from __future__ import annotations

import ctypes as c
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

ATOM, TIME = "http://lv2plug.in/ns/ext/atom#", "http://lv2plug.in/ns/ext/time#"
MAP_URI = b"http://lv2plug.in/ns/ext/urid#map"
MIDI = "http://lv2plug.in/ns/ext/midi#MidiEvent"
AUDIO_PORTS, FREE_WHEELING, PARAMETERS, STATE, CHORDS, NOTES = (1, 2), 3, 4, 11, 18, 19
NOTES_BYTES = 16_384
BLOCK_MAX = 8192

_MAP = c.CFUNCTYPE(c.c_uint32, c.c_void_p, c.c_char_p)


class _MapFeature(c.Structure):
    _fields_ = [("handle", c.c_void_p), ("map", _MAP)]


class _Feature(c.Structure):
    _fields_ = [("uri", c.c_char_p), ("data", c.c_void_p)]


class _Descriptor(c.Structure):
    _fields_ = [
        ("uri", c.c_char_p),
        ("instantiate", c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_double, c.c_char_p, c.POINTER(c.POINTER(_Feature)))),
        ("connect_port", c.CFUNCTYPE(None, c.c_void_p, c.c_uint32, c.c_void_p)),
        ("activate", c.CFUNCTYPE(None, c.c_void_p)),
        ("run", c.CFUNCTYPE(None, c.c_void_p, c.c_uint32)),
        ("deactivate", c.CFUNCTYPE(None, c.c_void_p)),
        ("cleanup", c.CFUNCTYPE(None, c.c_void_p)),
        ("extension_data", c.c_void_p),
    ]


class Lv2Host:
    """One instance of the plugin, run block by block; `offline` sets its free-wheeling port."""

    def __init__(self, bundle: Path, rate_hz: int = 48_000, offline: bool = True) -> None:
        self._library = c.CDLL(str(bundle / "musika-daw.so"))
        self._library.lv2_descriptor.restype = c.POINTER(_Descriptor)
        self._plugin = self._library.lv2_descriptor(0).contents
        self._ids: dict[str, int] = {}
        self._map = _MapFeature(None, _MAP(lambda _, uri: self._id(uri.decode())))
        feature = _Feature(MAP_URI, c.addressof(self._map))
        features = (c.POINTER(_Feature) * 2)(c.pointer(feature), None)
        self._handle = self._plugin.instantiate(
            c.addressof(self._plugin), float(rate_hz), str(bundle).encode() + b"/", features
        )
        assert self._handle, "the plugin was not made"
        self._out = np.zeros((2, BLOCK_MAX), np.float32)
        self._controls = np.array([float(offline), -1, -1, -1, *[0] * 11], np.float32)
        self.notes: list[tuple[int, bytes]] = []
        """Frame, counted from the first block on, and MIDI message of what it has played."""
        self._frames = 0
        self._notes = c.create_string_buffer(NOTES_BYTES)
        self._in = c.create_string_buffer(4096)
        self._plugin.connect_port(self._handle, 0, c.addressof(self._in))
        self._keys = c.create_string_buffer(4096)
        self._plugin.connect_port(self._handle, CHORDS, c.addressof(self._keys))
        self._plugin.connect_port(self._handle, NOTES, c.addressof(self._notes))
        for port, row in zip(AUDIO_PORTS, self._out):
            self._plugin.connect_port(self._handle, port, row.ctypes.data)
        for index in range(len(self._controls)):
            self._plugin.connect_port(self._handle, FREE_WHEELING + index, self._controls[index:].ctypes.data)
        self._plugin.activate(self._handle)

    def _id(self, uri: str) -> int:
        return self._ids.setdefault(uri, len(self._ids) + 1)

    def close(self) -> None:
        """End the instance."""
        self._plugin.deactivate(self._handle)
        self._plugin.cleanup(self._handle)

    @property
    def state(self) -> int:
        """Its output port."""
        return int(self._controls[STATE - FREE_WHEELING])

    def process(
        self, frames: int, time: Mapping[str, float] | None = None, midi: Sequence[tuple[int, bytes]] = ()
    ) -> np.ndarray:
        """One block, with a time position at its first frame or without one, and MIDI messages on their frames,
        float32 `[frames, 2]`."""
        body = struct.pack("<II", 0, 0)
        if time is not None:
            properties = b"".join(
                struct.pack("<IIIId", self._id(TIME + name), 0, 8, self._id(ATOM + "Double"), value)
                for name, value in time.items()
            )
            position = struct.pack("<II", 0, self._id(TIME + "Position")) + properties
            body += struct.pack("<qII", 0, len(position), self._id(ATOM + "Object")) + position
        keys = struct.pack("<II", 0, 0)
        for at, message in midi:
            keys += struct.pack("<qII", at, len(message), self._id(MIDI)) + message.ljust(8, b"\0")
        for port, events in ((self._in, body), (self._keys, keys)):
            sequence = struct.pack("<II", len(events), self._id(ATOM + "Sequence")) + events
            c.memmove(port, sequence, len(sequence))
        struct.pack_into("<II", self._notes, 0, NOTES_BYTES - 8, 0)
        self._plugin.run(self._handle, frames)
        self._take_notes()
        self._frames += frames
        return self._out[:, :frames].T.copy()

    def _take_notes(self) -> None:
        size, kind = struct.unpack_from("<II", self._notes, 0)
        assert kind == self._id(ATOM + "Sequence")
        at = 16
        while at < 8 + size:
            frame, length, kind = struct.unpack_from("<qII", self._notes, at)
            assert (kind, length) == (self._id(MIDI), 3)
            self.notes.append((self._frames + frame, self._notes.raw[at + 16 : at + 16 + length]))
            at += 16 + (length + 7) // 8 * 8
