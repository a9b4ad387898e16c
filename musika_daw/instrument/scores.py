"""The scores that generators are told: which notes a stretch holds, and as which numbers of every latent frame."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from musika_daw.score import playing as piano
from musika_daw.score import score
from musika_daw.score.controls import Controls, Curve
from musika_daw.score.part_roll import part_roll
from musika_daw.score.roll import ROLES, Notes
from musika_daw.score.techno import playing as techno
from musika_daw.score.tempo import TempoMap


class Score(Protocol):
    """Every method is a pure function of its arguments."""

    def key(self, controls: Controls) -> str:
        """Name of the key that is written, like `Amin`."""
        ...

    def density(self, controls: Controls) -> Curve | None:
        """The density that is played."""
        ...

    def pulse_bpm(self, controls: Controls) -> float:
        """Tempo of a take of which none was asked."""
        ...

    def notes(
        self,
        first_s: float,
        stop_s: float,
        tempo_map: TempoMap,
        controls: Controls,
        turn: tuple[int, int] | None = None,
    ) -> Notes:
        """Notes that sound between two seconds of the timeline; `turn` (first bar, bars) makes them those of a loop."""
        ...

    def told(self, notes: Notes, index: np.ndarray, frame_s: float, controls: Controls) -> np.ndarray:
        """Numbers of consecutive latent frames `index` `[T]`, from notes in seconds, float32 `[T, C]`."""
        ...


class PianoScore:
    """Of `score.score`: the strings of a piano."""

    def key(self, controls: Controls) -> str:
        return piano.written_key(controls)

    def density(self, controls: Controls) -> Curve | None:
        return piano.asked_density(controls)

    def pulse_bpm(self, controls: Controls) -> float:
        return score.pulse_bpm(controls.seed)

    def notes(
        self,
        first_s: float,
        stop_s: float,
        tempo_map: TempoMap,
        controls: Controls,
        turn: tuple[int, int] | None = None,
    ) -> Notes:
        return piano.span_notes(first_s, stop_s, tempo_map, controls, turn)

    def told(self, notes: Notes, index: np.ndarray, frame_s: float, controls: Controls) -> np.ndarray:
        return piano.span_roll(notes, index, frame_s)


class PartsScore:
    """Of `score.techno`: drums, bass, lead and chords; those that are not asked for are told to be silent."""

    def key(self, controls: Controls) -> str:
        return techno.written_key(controls)

    def density(self, controls: Controls) -> Curve | None:
        return controls.density

    def pulse_bpm(self, controls: Controls) -> float:
        return techno.piece_of(controls).bpm

    def notes(
        self,
        first_s: float,
        stop_s: float,
        tempo_map: TempoMap,
        controls: Controls,
        turn: tuple[int, int] | None = None,
    ) -> Notes:
        return techno.span_notes(first_s, stop_s, tempo_map, controls, turn)

    def told(self, notes: Notes, index: np.ndarray, frame_s: float, controls: Controls) -> np.ndarray:
        if controls.parts is not None:
            notes = notes.at(np.isin(notes.roles, [ROLES.index(part) for part in controls.parts]))
        return part_roll(piano.in_frames(notes, index, frame_s), len(index))


SCORES: dict[str, Score] = {"piano": PianoScore(), "parts": PartsScore()}
"""By what `GeneratorConfig.score` says; a generator of none plays freely."""


def check_asked(controls: Controls, kind: str, model: str) -> None:
    """ValueError where controls ask of a model of a kind of score ("": none) what it does not know."""
    if controls.parts is not None and kind != "parts":
        raise ValueError(f"parts: {', '.join(controls.parts)}, but {model} plays no score of parts")
    if controls.key is not None and not kind:
        raise ValueError(f"key: {controls.key}, but {model} plays no score, which a key would be written in")
