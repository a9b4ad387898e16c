"""Numbers and bits of the plugin's protocol, as `bridge/plugin/wire.hpp` has them."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class MessageType(IntEnum):
    """Types of messages."""

    HELLO = 1
    TRANSPORT = 2
    AUDIO = 3
    FLUSH = 4
    STATS = 5
    KEYS = 6
    NOTES = 7


class Verdict(IntEnum):
    """The host's answer to a HELLO."""

    WELCOME = 0
    WRONG_TOKEN = 1
    WRONG_VERSION = 2
    FULL = 3


class Ability(IntFlag):
    """What the host's model can follow."""

    FOLLOWS_CHORDS = 1
    HAS_PARTS = 2


class Known(IntFlag):
    """Which fields of a `PluginTransport` mean something."""

    FRAME = 1
    BEAT = 2
    BPM = 4
    LOOP = 8
    BAR_START = 16
    SIGNATURE = 32


class Flag(IntFlag):
    """What the DAW is doing; WAITING is an offline bounce that stands still until `wanted_frame` is there."""

    PLAYING = 1
    RECORDING = 2
    LOOP_ON = 4
    OFFLINE = 8
    WAITING = 16


class Format(IntEnum):
    """Plugin formats."""

    CLAP = 1
    VST3 = 2
    LV2 = 3


class PluginState(IntEnum):
    """What a plugin shows in its output parameter."""

    NO_HOST = 0
    STARTING = 1
    REFUSED = 2
    BUFFERING = 3
    READY = 4
    GAVE_UP = 5
    RENDERER_LOST = 6
    NO_CHORDS = 7
    NO_PARTS = 8


class HostState(IntEnum):
    """What the host tells of itself."""

    RENDERING = 0
    RESTARTING = 1
