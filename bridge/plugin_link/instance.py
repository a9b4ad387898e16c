"""`PluginInstance`: a plugin on a track as its host knows it, and the `Attendant` who looks after all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from bridge.plugin_link.codes import Ability, HostState
from bridge.plugin_link.keys import Keys, NoteEvent, Notes
from bridge.plugin_link.wire import FRAME_MAX, Audio, Flush, Hello, PluginTransport, Stats, encode


@dataclass(eq=False)
class PluginInstance:
    """One plugin on one track. `sent` maps its slots to the chunks of this generation that it holds."""

    hello: Hello
    generation: int
    transport: PluginTransport | None = None
    heard_s: float = 0.0
    stats: Stats = field(default_factory=Stats)
    sent: dict[int, int] = field(default_factory=dict)
    unsent: bytearray = field(default_factory=bytearray)

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the DAW."""
        return round(self.hello.sample_rate_hz)

    def holds(self, chunk: int) -> bool:
        """Whether a chunk of this generation was sent and not overwritten since."""
        return self.sent.get(chunk % self.hello.slots) == chunk

    def send_audio(self, chunk: int, samples: np.ndarray) -> None:
        """Send frames chunk * CHUNK_FRAMES and on, float32 `[CHUNK_FRAMES, 2]`."""
        self.sent[chunk % self.hello.slots] = chunk
        self.unsent += encode(Audio(chunk, self.generation, samples))

    def send_notes(self, chunk: int, events: tuple[NoteEvent, ...]) -> None:
        """Send what is played in a chunk, before its audio."""
        self.unsent += encode(Notes(chunk, self.generation, events))

    def take_in(self, place: int, until_frame: int = FRAME_MAX, *, flush: bool = False) -> None:
        """Tell that a place is taken in, and up to where; with `flush` all that was sent before is of the past."""
        if flush:
            self.generation = self.generation % 0xFFFFFFFF + 1
            self.sent.clear()
        self.unsent += encode(Flush(place, until_frame, self.generation))

    def tell(self, state: HostState) -> None:
        """Tell how the host is."""
        self.unsent += encode(Stats(state=state))


class Attendant(Protocol):
    """What is done with what plugins say; every method runs in the server's thread. Plugins are told its abilities."""

    @property
    def abilities(self) -> Ability:
        """What its model can follow."""

    def joined(self, instance: PluginInstance) -> None:
        """A plugin was welcomed."""

    def left(self, instance: PluginInstance) -> None:
        """A plugin is gone."""

    def moved(self, instance: PluginInstance, news: PluginTransport, now_s: float) -> None:
        """A plugin told where it is; `instance.transport` is still what it told before."""

    def played(self, instance: PluginInstance, keys: Keys) -> None:
        """A plugin met keys; where it is then it tells next."""

    def step(self, now_s: float) -> bool:
        """Look after everything; called every few milliseconds while there is work. Returns whether there is."""
