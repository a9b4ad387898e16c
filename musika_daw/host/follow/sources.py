"""Sources by their names on the command line, such as `jack`, `midi:Ableton`, `osc:reaper` or `link+osc:ableton`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge import (
    DIALECTS,
    CombinedSource,
    InternalClock,
    JackMidiClockSource,
    JackSource,
    LinkSource,
    MidiClockSource,
    MtcSource,
    OscSource,
    PluginSource,
    Priority,
    TcpSource,
    TransportSource,
    UdpSource,
)
from bridge.sockets.wire import PORT

# tempo and phase come from the steadiest, positions from who knows them
_ORDERS = {
    "tempo": ("plugin", "jack", "link", "jack-midi-clock", "midi-clock", "udp", "tcp", "osc", "internal", "mtc"),
    "phase": ("link",),
    "position": ("plugin", "jack", "udp", "tcp", "jack-midi-clock", "midi-clock", "osc", "mtc", "internal"),
}


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What the sources of one command share; `listen_port` and `send_port` are those of OSC, UDP and TCP."""

    bpm: float = 120.0
    jack_server: str | None = None
    listen_port: int | None = None
    send_port: int | None = None
    host: str = "127.0.0.1"
    allow_remote: bool = False
    latency_s: float = 0.0
    jitter_s: float = 0.006
    song_position_divisor: int = 1


def _internal(_: str, options: SourceOptions) -> TransportSource:
    return InternalClock(options.bpm)


def _jack(_: str, options: SourceOptions) -> TransportSource:
    return JackSource(server=options.jack_server)


def _link(_: str, options: SourceOptions) -> TransportSource:
    return LinkSource(min(max(options.bpm, 20.0), 999.0))


def _midi(port: str, options: SourceOptions) -> TransportSource:
    return MidiClockSource(
        port or None,
        virtual=None if port else "clock",
        jitter_s=options.jitter_s,
        song_position_divisor=options.song_position_divisor,
        latency_s=options.latency_s,
    )


def _jack_midi(port: str, options: SourceOptions) -> TransportSource:
    return JackMidiClockSource(
        port or None,
        server=options.jack_server,
        song_position_divisor=options.song_position_divisor,
        latency_s=options.latency_s,
    )


def _mtc(port: str, options: SourceOptions) -> TransportSource:
    return MtcSource(port or None, virtual=None if port else "timecode", latency_s=options.latency_s)


def _osc(dialect: str, options: SourceOptions) -> TransportSource:
    return OscSource(
        dialect or "musika",
        host=options.host,
        listen_port=options.listen_port,
        send_port=options.send_port,
        allow_remote=options.allow_remote,
        latency_s=options.latency_s,
    )


def _plugin(_: str, options: SourceOptions) -> TransportSource:
    return PluginSource(port=options.listen_port or 0)


def _udp(_: str, options: SourceOptions) -> TransportSource:
    port = PORT if options.listen_port is None else options.listen_port
    return UdpSource(port, host=options.host, allow_remote=options.allow_remote)


def _tcp(_: str, options: SourceOptions) -> TransportSource:
    port = PORT if options.listen_port is None else options.listen_port
    return TcpSource(port, host=options.host, allow_remote=options.allow_remote)


SOURCES: Mapping[str, Callable[[str, SourceOptions], TransportSource]] = {
    "internal": _internal,
    "jack": _jack,
    "link": _link,
    "midi": _midi,
    "jack-midi": _jack_midi,
    "mtc": _mtc,
    "osc": _osc,
    "udp": _udp,
    "tcp": _tcp,
    "plugin": _plugin,
}
HELP = (
    "internal, jack, link, midi[:PORT], jack-midi[:PORT], mtc[:PORT], "
    f"osc:{{{'|'.join(DIALECTS)}}}, udp, tcp, plugin, or several joined by +"
)
# their tempo is worked out from arrivals, and trembles
NOISY = ("midi", "osc:ardour")


def make_source(text: str, options: SourceOptions) -> TransportSource:
    """The source of a name. Raises ValueError for an unknown one."""
    parts = text.split("+")
    made = []
    for part in parts:
        kind, _, argument = part.strip().partition(":")
        if kind not in SOURCES:
            raise ValueError(f"source: {part.strip()!r:.60}, must be {HELP}")
        made.append(SOURCES[kind](argument, options))
    if len(made) == 1:
        return made[0]
    names = [source.name for source in made]
    return CombinedSource(made, Priority(tuple(names), {g: _ordered(g, names) for g in _ORDERS}))


def is_noisy(text: str) -> bool:
    """Whether the tempo of a source is uncertain."""
    return all(part.strip().startswith(NOISY) for part in text.split("+"))


def _ordered(group: str, names: list[str]) -> tuple[str, ...]:
    """The names in the order in which they are believed for a group of fields."""
    order = _ORDERS[group]
    ranks = {name: min((i for i, o in enumerate(order) if name.startswith(o)), default=len(order)) for name in names}
    return tuple(sorted(names, key=lambda name: ranks[name]))
