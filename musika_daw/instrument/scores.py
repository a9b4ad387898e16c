"""The scores that generators are told: which notes a stretch holds, and as which numbers of every latent frame."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from musika_daw.score import playing as piano
from musika_daw.score import score
from musika_daw.score.controls import Controls, Curve
from musika_daw.score.harmony import Chord
from musika_daw.score.part_roll import part_roll
from musika_daw.score.parts import PARTS, PIANO_PARTS, voices_text
from musika_daw.score.roll import ROLES, Notes
from musika_daw.score.techno import playing as techno
from musika_daw.score.techno.piece import Ducking
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

    `key` names the key that is written, like `Amin`, `chord` is what is played at a beat; `density` is the one that is
    played; `pulse_bpm` is the tempo of a take of which none was asked; `notes` are in seconds. Each of `roles` is
    played by itself: `told` makes of the notes of one the numbers of consecutive latent frames `[T]`, float32
    `[T, C]`, each so many seconds long. Several are mixed on a desk, where some make way for others (`ducking`).
    """

    roles: tuple[str, ...]

    key: Callable[[Controls], str]
    chord: Callable[[Controls, float], Chord]
    density: Callable[[Controls], Curve | None]
    pulse_bpm: Callable[[Controls], float]
    notes: Notation
    told: Callable[[Notes, np.ndarray, float], np.ndarray]
    ducking: Callable[[Controls], Ducking] | None = None


def heard(score: Score, notes: Notes, controls: Controls) -> Notes:
    """The notes of the roles that controls ask for; a score of one role has left out by itself what is not asked."""
    if len(score.roles) == 1 or (controls.parts is None and not controls.muted):
        return notes
    return notes.at(np.isin(notes.roles, [number for number, role in enumerate(ROLES) if controls.hears(role)]))


SCORES = {
    "piano": Score(
        ("piano",),
        piano.written_key,
        piano.chord_at,
        piano.asked_density,
        lambda controls: score.pulse_bpm(controls.seed),
        piano.span_notes,
        piano.span_roll,
    ),
    "parts": Score(
        PARTS,
        techno.written_key,
        techno.chord_at,
        lambda controls: controls.density,
        lambda controls: techno.piece_of(controls).bpm,
        techno.span_notes,
        lambda notes, index, frame_s: part_roll(piano.in_frames(notes, index, frame_s), len(index)),
        lambda controls: techno.piece_of(controls).ducking,
    ),
}
"""By what `GeneratorConfig.score` says; a generator of none plays freely."""
ASKED = {"piano": PIANO_PARTS, "parts": PARTS}
"""What each kind of score may be asked to play alone."""


def check_asked(controls: Controls, kind: str, model: str) -> None:
    """ValueError where controls ask of a model of a kind of score ("": none) what it does not know."""
    if controls.parts is not None and kind not in ASKED:
        raise ValueError(f"parts: {', '.join(controls.parts)}, but {model} plays no score of parts")
    if controls.parts is not None and set(controls.parts) - set(ASKED[kind]):
        raise ValueError(f"parts: {', '.join(controls.parts)}, but {model} plays {', '.join(ASKED[kind])}")
    if controls.muted and kind != "parts":
        raise ValueError(f"muted: {', '.join(controls.muted)}, but {model} plays no score of parts")
    if controls.voices and kind != "parts":
        raise ValueError(f"voices: {voices_text(controls.voices)}, but {model} plays no score of parts")
    if controls.style is not None and kind != "parts":
        raise ValueError(f"style: {controls.style}, but {model} plays no score of parts")
    if controls.key is not None and not kind:
        raise ValueError(f"key: {controls.key}, but {model} plays no score, which a key would be written in")
    if controls.chords is not None and not kind:
        raise ValueError(f"chords: {controls.chords!r:.80}, but {model} plays no score, which would follow them")
    if controls.changes and not kind:
        raise ValueError(f"changes: {len(controls.changes)}, but {model} plays no score, which would follow them")


def check_known(controls: Controls, knows: Collection[str], model: str) -> None:
    """ValueError where controls ask for density or energy of a model that does not know it, and would not heed it."""
    if (problem := unheeded(controls, knows, model)) is not None:
        raise ValueError(problem)


def unheeded(controls: Controls, knows: Collection[str], model: str) -> str | None:
    """What controls ask of a model that does not know it, in one line; None where there is nothing."""
    for name in ("density", "energy"):
        value = getattr(controls, name)
        if value is not None and name not in knows:
            shown = "a curve" if callable(value) else format(value, "g")
            return f"{name}: {shown}, but {model} knows no {name}"
    return None
