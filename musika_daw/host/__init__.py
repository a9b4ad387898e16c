"""The live host: the generator played in time with a DAW, by position on its timeline.

`Session` puts one together from options, `play_offline` runs one against a clock of its own. The names are
loaded at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musika_daw.host.capture import HeardBars, Take, keep
    from musika_daw.host.control.live import LiveControls
    from musika_daw.host.control.mapping import MidiMap
    from musika_daw.host.follow.follower import Follower
    from musika_daw.host.follow.jack_follower import JackFollower
    from musika_daw.host.follow.sources import SourceOptions, make_source
    from musika_daw.host.host import Host, Status
    from musika_daw.host.offline import Played, VirtualClock, play_offline
    from musika_daw.host.play.click import ClickRenderer
    from musika_daw.host.play.device_clock import DeviceClock
    from musika_daw.host.play.grid import Grid
    from musika_daw.host.play.meter import Meter
    from musika_daw.host.play.piece import Piece
    from musika_daw.host.play.player import Player
    from musika_daw.host.play.render import ChunkRenderer, Renderer, load_renderer
    from musika_daw.host.plugin.host import PluginHost
    from musika_daw.host.plugin.session import PluginOptions, PluginSession
    from musika_daw.host.session import Session, SessionOptions
    from musika_daw.host.sinks.file import FileSink
    from musika_daw.host.sinks.sink import PortAudioSink, Sink, SinkError

_HOME = {
    "ChunkRenderer": "play.render",
    "ClickRenderer": "play.click",
    "DeviceClock": "play.device_clock",
    "FileSink": "sinks.file",
    "Follower": "follow.follower",
    "Grid": "play.grid",
    "HeardBars": "capture",
    "Host": "host",
    "JackFollower": "follow.jack_follower",
    "LiveControls": "control.live",
    "Meter": "play.meter",
    "MidiMap": "control.mapping",
    "Piece": "play.piece",
    "Played": "offline",
    "Player": "play.player",
    "PluginHost": "plugin.host",
    "PluginOptions": "plugin.session",
    "PluginSession": "plugin.session",
    "PortAudioSink": "sinks.sink",
    "Renderer": "play.render",
    "Session": "session",
    "SessionOptions": "session",
    "Sink": "sinks.sink",
    "SinkError": "sinks.sink",
    "SourceOptions": "follow.sources",
    "Status": "host",
    "Take": "capture",
    "VirtualClock": "offline",
    "keep": "capture",
    "load_renderer": "play.render",
    "make_source": "follow.sources",
    "play_offline": "offline",
}
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
