"""`Steered`: what the control socket sees of a session, so that it need not know one."""

from __future__ import annotations

from typing import Any, Protocol

from bridge import TransportSource
from musika_daw.host.capture import Keeper
from musika_daw.host.control.chords_in import ChordsIn
from musika_daw.host.control.live import LiveControls
from musika_daw.host.control.mapping import MidiMap
from musika_daw.host.control.midi_ports import MidiPorts
from musika_daw.host.host import Host
from musika_daw.host.sinks.sink import Sink


class Steered(Protocol):
    """What the socket shows and steers, which is a `Session`."""

    live: LiveControls
    chords: ChordsIn
    midi: MidiPorts
    midi_map: MidiMap
    host: Host
    source: TransportSource
    source_name: str
    source_problem: str | None
    sink: Sink
    keeper: Keeper

    @property
    def options(self) -> Any: ...
    @property
    def steers(self) -> bool: ...
    def switch_source(self, name: str, bpm: float | None = None) -> None: ...
    def switch_effects(self, on: bool) -> None: ...
    def audition(self, file: str | None, gain_db: float = 0.0) -> None: ...
