"""OSC dialects as tables: which address means what, what to ask for, and how to steer the DAW.

Each table is data; `OscSource` is the one program that works with all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.clock.transport import BITS
from bridge.osc.readers import (
    Derivation,
    Reader,
    bar_text,
    bitwig_bar_text,
    clock_text,
    flag,
    loop_from_length,
    loop_from_seconds,
    nothing,
    number,
    remember,
    signature_text,
    tempo_from_positions,
    when_on,
    whole_number,
)

Value = tuple[str, int | float | str]


@dataclass(frozen=True)
class Command:
    """A message to the DAW: typed arguments, each a constant or the name of what the caller gives.

    ("d", "beats") sends the caller's `beats` as a double, ("i", 1) sends 1.
    """

    address: str
    arguments: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Dialect:
    """One DAW's OSC.

    `listen_port` is where it sends to, 0 where it answers to whoever asked; `send_port` is where it listens,
    0 where the user sets it. `subscribe` is sent at the start and again after `renew_s` of silence.
    """

    name: str
    listen_port: int
    send_port: int
    readers: Mapping[str, Reader]
    subscribe: tuple[Command, ...] = ()
    commands: Mapping[str, Command] = field(default_factory=dict)
    derive: tuple[Derivation, ...] = ()
    renew_s: float = 3.0


_SONG = "/live/song"
_LISTENED = (
    "tempo",
    "is_playing",
    "current_song_time",
    "loop",
    "loop_start",
    "loop_length",
    "signature_numerator",
    "signature_denominator",
)

ABLETON = Dialect(
    name="ableton",  # AbletonOSC, a remote script; its tick of 100 ms gives state, not phase
    listen_port=11001,
    send_port=11000,
    readers={
        f"{_SONG}/get/tempo": number("tempo_bpm"),
        f"{_SONG}/get/is_playing": flag("playing"),
        f"{_SONG}/get/current_song_time": number("position_beats"),
        f"{_SONG}/get/loop": flag("loop_on"),
        f"{_SONG}/get/loop_start": remember("loop_start_beats"),
        f"{_SONG}/get/loop_length": remember("loop_length_beats"),
        f"{_SONG}/get/signature_numerator": number("signature_numerator"),
        f"{_SONG}/get/signature_denominator": number("signature_denominator"),
        "/live/test": nothing,
    },
    subscribe=(Command("/live/test"), *(Command(f"{_SONG}/start_listen/{name}") for name in _LISTENED)),
    commands={
        "play": Command(f"{_SONG}/continue_playing"),
        "play_from_start": Command(f"{_SONG}/start_playing"),
        "stop": Command(f"{_SONG}/stop_playing"),
        "tempo": Command(f"{_SONG}/set/tempo", (("f", "bpm"),)),
        "locate": Command(f"{_SONG}/set/current_song_time", (("f", "beats"),)),
    },
    derive=(loop_from_length,),
)

REAPER = Dialect(
    name="reaper",  # Default.ReaperOSC; both ports are set by the user
    listen_port=9000,
    send_port=8000,
    readers={
        "/time": number("position_s"),
        "/time/str": clock_text,
        "/beat/str": bar_text(100),  # hundredths of a beat, 5 ms at 120 bpm: to be smoothed by who plays by it
        "/samples/str": whole_number("position_frames"),
        "/tempo/raw": number("tempo_bpm"),
        "/play": flag("playing"),
        "/stop": when_on("playing", False),
        "/pause": when_on("playing", False),
        "/record": flag("recording"),
        "/repeat": flag("loop_on"),
        "/loop/start/time": remember("loop_start_s"),
        "/loop/end/time": remember("loop_end_s"),
    },
    commands={
        "play": Command("/play", (("i", 1),)),
        "stop": Command("/stop", (("i", 1),)),
        "tempo": Command("/tempo/raw", (("f", "bpm"),)),
        "locate": Command("/time", (("f", "seconds"),)),
    },
    derive=(loop_from_seconds,),
)

ARDOUR_FEEDBACK = 8 + 16 + 32 + 1024 + 2048  # heartbeat, transport, bars, samples, time
ARDOUR_BBT_TICKS = 1920

ARDOUR = Dialect(
    name="ardour",  # answers to the port that asked; sends no tempo
    listen_port=0,
    send_port=3819,
    readers={
        "/position/bbt": bar_text(ARDOUR_BBT_TICKS),
        "/position/samples": whole_number("position_frames"),
        "/position/time": clock_text,
        "/transport_play": flag("playing"),
        "/transport_stop": when_on("playing", False),
        "/loop_toggle": flag("loop_on"),
        "/rec_enable_toggle": flag("recording"),
        "/heartbeat": nothing,
    },
    subscribe=(
        Command("/set_surface", (("i", 0), ("i", 0), ("i", ARDOUR_FEEDBACK), ("i", 0), ("i", 0), ("i", 0), ("i", 0))),
    ),
    commands={
        "play": Command("/transport_play"),
        "stop": Command("/transport_stop"),
        "play_from_start": Command("/goto_start"),
        "locate": Command("/locate", (("i", "frames"), ("i", "roll"))),
        "loop": Command("/loop_location", (("i", "start_frames"), ("i", "end_frames"))),
        "loop_toggle": Command("/loop_toggle"),
    },
    derive=(tempo_from_positions,),
)

BITWIG = Dialect(
    name="bitwig",  # DrivenByMoss
    listen_port=9000,
    send_port=8000,
    readers={
        "/play": flag("playing"),
        "/record": flag("recording"),
        "/repeat": flag("loop_on"),
        "/tempo/raw": number("tempo_bpm"),
        "/time/signature": signature_text,
        "/beat/str": bitwig_bar_text,
        "/time/str": clock_text,
    },
    subscribe=(Command("/refresh", (("i", 1),)),),
    commands={
        "play": Command("/play", (("i", 1),)),
        "stop": Command("/stop", (("i", 1),)),
        "tempo": Command("/tempo/raw", (("f", "bpm"),)),
        "locate": Command("/time", (("f", "beats"),)),
    },
    renew_s=10.0,  # it answers with everything it has
)

OWN_PREFIX = "/musika/transport/"
_OWN_FLAGS = ("playing", "recording", "loop_on")
_OWN_INTEGERS = (*_OWN_FLAGS, "signature_numerator", "signature_denominator")
OWN_TYPES: Mapping[str, str] = {
    name: "h" if name == "position_frames" else "i" if name in _OWN_INTEGERS else "d"
    for name in BITS
    if name != "host_time_s"  # another program's clock means nothing here
}
_OWN_READERS = {"h": whole_number, "d": number}

OWN = Dialect(
    name="musika",  # our own: a message a field, frames as int64, beats and seconds as doubles
    listen_port=9137,
    send_port=9138,
    readers={
        OWN_PREFIX + name: flag(name) if name in _OWN_FLAGS else _OWN_READERS.get(kind, number)(name)
        for name, kind in OWN_TYPES.items()
    },
    commands={
        "play": Command("/musika/play"),
        "stop": Command("/musika/stop"),
        "tempo": Command("/musika/tempo", (("d", "bpm"),)),
        "locate": Command("/musika/locate", (("d", "beats"),)),
    },
)

DIALECTS: Mapping[str, Dialect] = {d.name: d for d in (ABLETON, REAPER, ARDOUR, BITWIG, OWN)}
