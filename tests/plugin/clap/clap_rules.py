"""What a validator of CLAP plugins calls that a player of music does not: descriptor, ports and parameters."""

from __future__ import annotations

import ctypes as c

from tests.plugin.clap.clap_host import ClapHost

_PLUGIN_GET = c.CFUNCTYPE(c.c_uint32, c.c_void_p, c.c_bool)


class Descriptor(c.Structure):
    _fields_ = [
        ("version", c.c_uint32 * 3),
        *((name, c.c_char_p) for name in ("id", "name", "vendor", "url", "manual", "support", "release", "text")),
        ("features", c.POINTER(c.c_char_p)),
    ]


class ParamInfo(c.Structure):
    _fields_ = [
        ("id", c.c_uint32),
        ("flags", c.c_uint32),
        ("cookie", c.c_void_p),
        ("name", c.c_char * 256),
        ("module", c.c_char * 1024),
        ("low", c.c_double),
        ("high", c.c_double),
        ("start", c.c_double),
    ]


class _Params(c.Structure):
    _fields_ = [
        ("count", c.CFUNCTYPE(c.c_uint32, c.c_void_p)),
        ("info", c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_uint32, c.POINTER(ParamInfo))),
        ("value", c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_uint32, c.POINTER(c.c_double))),
        ("text", c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_uint32, c.c_double, c.c_char_p, c.c_uint32)),
        ("of_text", c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_uint32, c.c_char_p, c.POINTER(c.c_double))),
        ("flush", c.CFUNCTYPE(None, c.c_void_p, c.c_void_p, c.c_void_p)),
    ]


class Port(c.Structure):
    _fields_ = [
        ("id", c.c_uint32),
        ("name", c.c_char * 256),
        ("flags", c.c_uint32),
        ("channels", c.c_uint32),
        ("kind", c.c_char_p),
        ("pair", c.c_uint32),
    ]


class NotePort(c.Structure):
    _fields_ = [("id", c.c_uint32), ("supported", c.c_uint32), ("preferred", c.c_uint32), ("name", c.c_char * 256)]


class Asked:
    """One instance, and what it says of itself."""

    def __init__(self, host: ClapHost) -> None:
        self.host, self.at = host, host.address
        self.params = _Params.from_address(self.extension(b"clap.params"))

    def extension(self, name: bytes) -> int:
        """Address of an extension, 0 for one that it has not."""
        return self.host.plugin.get_extension(self.at, name) or 0

    def descriptor(self) -> Descriptor:
        return Descriptor.from_address(self.host.plugin.descriptor)

    def features(self) -> list[bytes]:
        found: list[bytes] = []
        listed = self.descriptor().features
        while (word := listed[len(found)]) is not None:
            found.append(word)
        return found

    def infos(self) -> list[ParamInfo]:
        found = [ParamInfo() for _ in range(self.params.count(self.at))]
        assert all(self.params.info(self.at, index, c.byref(info)) for index, info in enumerate(found))
        return found

    def value(self, number: int) -> float:
        value = c.c_double()
        assert self.params.value(self.at, number, c.byref(value))
        return value.value

    def values(self) -> list[float]:
        return [self.value(info.id) for info in self.infos()]

    def text(self, number: int, value: float) -> bytes:
        text = c.create_string_buffer(256)
        assert self.params.text(self.at, number, value, text, 256)
        return text.value

    def of_text(self, number: int, text: bytes) -> float | None:
        value = c.c_double()
        return value.value if self.params.of_text(self.at, number, text, c.byref(value)) else None

    def flush(self) -> None:
        """Give it the events that wait, while nothing is played."""
        self.params.flush(self.at, *self.host.event_lists)
        self.host.forget_events()

    def ports(self, name: bytes, kind: type[Port] | type[NotePort], is_input: bool) -> list[Port | NotePort]:
        """The audio or note ports of one side; one more than there are is refused."""

        class Ports(c.Structure):
            _fields_ = [
                ("count", _PLUGIN_GET),
                ("get", c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_uint32, c.c_bool, c.POINTER(kind))),
            ]

        asked = Ports.from_address(self.extension(name))
        found = [kind() for _ in range(asked.count(self.at, is_input))]
        assert all(asked.get(self.at, index, is_input, c.byref(port)) for index, port in enumerate(found))
        assert not asked.get(self.at, len(found), is_input, c.byref(kind()))
        return found
