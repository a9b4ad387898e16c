"""The scores that generators are told: which notes a stretch holds, and as which numbers of every latent frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from musika_daw.score import playing as piano
from musika_daw.score import score
from musika_daw.score.controls import Controls, Curve
from musika_daw.score.part_roll import part_roll
from musika_daw.score.roll import ROLES, Notes
from musika_daw.score.techno import playing as techno
from musika_daw.score.tempo import TempoMap


class Notation(Protocol):
    """Notes that sound between two seconds of the timeline; `turn` (first bar, bars) makes them those of a loop."""

    def __call__(
        self,
        first_s: float,
        stop_s: float,
        tempo_map: TempoMap,
        controls: Controls,
        turn: tuple[int, int] | None = None,
    ) -> Notes: ...


@dataclass(frozen=True)
class Score:
    """One kind of score; every call is a pure function of its arguments.

    `key` names the key that is written, like `Amin`; `density` is the one that is played; `pulse_bpm` is the tempo of a
    take of which none was asked; `notes` are in seconds; `told` makes of them the numbers of consecutive latent frames
    `[T]`, float32 `[T, C]`, each so many seconds long.
    """

    key: Callable[[Controls], str]
    density: Callable[[Controls], Curve | None]
    pulse_bpm: Callable[[Controls], float]
    notes: Notation
    told: Callable[[Notes, np.ndarray, float, Controls], np.ndarray]


def heard(notes: Notes, controls: Controls) -> Notes:
    """The notes of the parts that controls ask for."""
    if controls.parts is None:
        return notes
    return notes.at(np.isin(notes.roles, [ROLES.index(part) for part in controls.parts]))


def _parts_told(notes: Notes, index: np.ndarray, frame_s: float, controls: Controls) -> np.ndarray:
    """Parts that are not asked for are told to be silent."""
    return part_roll(piano.in_frames(heard(notes, controls), index, frame_s), len(index))


SCORES = {
    "piano": Score(
        piano.written_key,
        piano.asked_density,
        lambda controls: score.pulse_bpm(controls.seed),
        piano.span_notes,
        lambda notes, index, frame_s, controls: piano.span_roll(notes, index, frame_s),
    ),
    "parts": Score(
        techno.written_key,
        lambda controls: controls.density,
        lambda controls: techno.piece_of(controls).bpm,
        techno.span_notes,
        _parts_told,
    ),
}
"""By what `GeneratorConfig.score` says; a generator of none plays freely."""


def check_asked(controls: Controls, kind: str, model: str) -> None:
    """ValueError where controls ask of a model of a kind of score ("": none) what it does not know."""
    if controls.parts is not None and kind != "parts":
        raise ValueError(f"parts: {', '.join(controls.parts)}, but {model} plays no score of parts")
    if controls.key is not None and not kind:
        raise ValueError(f"key: {controls.key}, but {model} plays no score, which a key would be written in")
