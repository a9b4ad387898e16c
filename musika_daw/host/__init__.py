"""The live host: the generator played in time with a DAW, by position on its timeline.

`Session` puts one together from options, `play_offline` runs one against a clock of its own. The names are
loaded at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musika_daw.host.capture import HeardBars, Take, keep
    from musika_daw.host.click import ClickRenderer
    from musika_daw.host.device_clock import DeviceClock
    from musika_daw.host.follow import Follower
    from musika_daw.host.follow_jack import JackFollower
    from musika_daw.host.grid import Grid
    from musika_daw.host.host import Host, Status
    from musika_daw.host.live import LiveControls
    from musika_daw.host.mapping import MidiMap
    from musika_daw.host.offline import Played, VirtualClock, play_offline
    from musika_daw.host.piece import Piece
    from musika_daw.host.player import Meter, Player
    from musika_daw.host.plugin_host import PluginHost
    from musika_daw.host.plugin_session import PluginOptions, PluginSession
    from musika_daw.host.render import ChunkRenderer, Renderer, load_renderer
    from musika_daw.host.session import Session, SessionOptions
    from musika_daw.host.sinks import FileSink, PortAudioSink, Sink, SinkError
    from musika_daw.host.sources import SourceOptions, make_source

_HOME = {
    "ChunkRenderer": "render", "ClickRenderer": "click", "DeviceClock": "device_clock", "FileSink": "sinks",
    "Follower": "follow", "Grid": "grid",
    "HeardBars": "capture", "Host": "host", "JackFollower": "follow_jack", "LiveControls": "live",
    "Meter": "player", "MidiMap": "mapping", "Piece": "piece", "Played": "offline", "Player": "player",
    "PluginHost": "plugin_host", "PluginOptions": "plugin_session", "PluginSession": "plugin_session",
    "PortAudioSink": "sinks", "Renderer": "render", "Session": "session", "SessionOptions": "session",
    "Sink": "sinks", "SinkError": "sinks", "SourceOptions": "sources", "Status": "host", "Take": "capture",
    "VirtualClock": "offline", "keep": "capture", "load_renderer": "render",
    "make_source": "sources", "play_offline": "offline",
}  # fmt: skip
__all__ = [
    "ChunkRenderer",
    "ClickRenderer",
    "DeviceClock",
    "FileSink",
    "Follower",
    "Grid",
    "HeardBars",
    "Host",
    "JackFollower",
    "LiveControls",
    "Meter",
    "MidiMap",
    "Piece",
    "Played",
    "Player",
    "PluginHost",
    "PluginOptions",
    "PluginSession",
    "PortAudioSink",
    "Renderer",
    "Session",
    "SessionOptions",
    "Sink",
    "SinkError",
    "SourceOptions",
    "Status",
    "Take",
    "VirtualClock",
    "keep",
    "load_renderer",
    "make_source",
    "play_offline",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'musika_daw.host' has no attribute {name!r}")
    return getattr(import_module(f"musika_daw.host.{_HOME[name]}"), name)
