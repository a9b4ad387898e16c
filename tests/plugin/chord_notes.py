"""A chord track of a DAW, played into an instance of the plugin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.plugin.clap.clap_host import ClapHost

RATE = 48_000
BAR = 2 * RATE
KEYS = {"Am": (57, 60, 64), "F": (53, 57, 60), "C": (48, 52, 55), "G": (55, 59, 62)}


@dataclass(frozen=True)
class Chord:
    """A chord of a track: its keys are struck at `first` and let go at `last`, frames."""

    name: str
    first: int
    last: int


TRACK = (
    Chord("Am", 0, BAR - 600),
    Chord("F", BAR, 2 * BAR),
    Chord("C", 2 * BAR, 3 * BAR),
    Chord("G", 3 * BAR, 4 * BAR),
)


class Track:
    """Plays chords into an instance as a DAW does: block by block, each key on its frame, and nothing of before."""

    def __init__(
        self, one: ClapHost, chords: Sequence[Chord] = TRACK, *, midi: bool = False, chases: bool = False
    ) -> None:
        self.one, self.chords, self._midi, self._chases = one, chords, midi, chases
        self._expected: int | None = None
        self._down: set[int] = set()

    def __call__(self, frame: int) -> None:
        events: list[tuple[int, int, bool]] = []
        if frame != self._expected:
            events += [(frame, key, False) for key in self._down]
            if self._chases:
                under = [chord for chord in self.chords if chord.first < frame < chord.last]
                events += [(frame, key, True) for chord in under for key in KEYS[chord.name]]
            self._down = set()
        self._expected = frame + self.one.block
        for chord in self.chords:
            for key in KEYS[chord.name]:
                if frame <= chord.last < self._expected:
                    events.append((chord.last, key, False))
                if frame <= chord.first < self._expected:
                    events.append((chord.first, key, True))
        for at, key, on in sorted(events, key=lambda event: (event[0], event[2])):
            self._down = self._down | {key} if on else self._down - {key}
            self.one.strike(key, at - frame, on=on, midi=self._midi)

    def bounce(self, first: int, last: int) -> np.ndarray:
        self.one.set_offline(True)
        audio = self.one.play(first, last, on_block=self)
        assert self.one.status == 1
        return audio
