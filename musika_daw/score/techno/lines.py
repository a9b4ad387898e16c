"""Pitched lines of a piece: bass, acid, lead, stabs and pads, bar by bar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musika_daw.score.techno.grid import STEPS, Tone, rng_of
from musika_daw.score.techno.harmony import Harmony, Step, acid_motif, bass_motif, lead_motif
from musika_daw.score.techno.style import Style

Rng = np.random.Generator
PHRASE_BARS = 4


@dataclass(frozen=True)
class Line:
    """A motif that is moved onto the chord of each bar; `ending` plays in the last bar of a phrase."""

    bus: str
    motif: tuple[Step, ...]
    ending: tuple[Step, ...]
    octave: int

    def tones(self, bar: int, harmony: Harmony) -> list[Tone]:
        """Notes of a bar."""
        lands, low = self.bus != "bass", self.bus in ("bass", "acid")
        steps = self.ending if bar % PHRASE_BARS == PHRASE_BARS - 1 else self.motif
        return [
            Tone(
                bar,
                step.step,
                step.length,
                harmony.over(bar, step, lands=lands, low=low) + 12.0 * self.octave,
                step.velocity,
                step.accent,
                step.slide,
            )
            for step in steps
        ]


@dataclass(frozen=True)
class Stabs:
    """Chords struck on a rhythm that `answer` takes turns with, each `length` sixteenths long."""

    rhythm: tuple[int, ...]
    answer: tuple[int, ...]
    twice: bool
    centre: int
    length: float

    def tones(self, bar: int, harmony: Harmony) -> list[Tone]:
        """Notes of a bar."""
        answers = bar % 2 == 1 if self.twice else bar % PHRASE_BARS == PHRASE_BARS - 1
        chord = harmony.chord(bar, self.centre)
        steps = self.answer if answers else self.rhythm
        return [Tone(bar, step, self.length, pitch, 0.9) for step in steps for pitch in chord]


@dataclass(frozen=True)
class Pads:
    """Chords held for a bar."""

    centre: int

    def tones(self, bar: int, harmony: Harmony) -> list[Tone]:
        """Notes of a bar."""
        return [Tone(bar, 0, STEPS, pitch, 0.6) for pitch in harmony.chord(bar, self.centre)]


AnyLine = Line | Stabs | Pads


def draw_lines(
    seed: int, index: int, layers: list[str], bass: str, beat_s: float, *, style: Style
) -> dict[str, AnyLine]:
    """Lines by bus (`bass`, `acid`, `lead`, `stab`, `pad`), those that the layers name; `bass` is its kind or none."""
    lines: dict[str, AnyLine] = {}
    if bass != "none":
        lines["bass"] = _bass(rng_of(seed, index, "n bass"), bass)
    if "acid" in layers:
        lines["acid"] = _acid(rng_of(seed, index, "n acid"))
    if "lead" in layers:
        lines["lead"] = _lead(rng_of(seed, index, "n lead"), style)
    if "stab" in layers:
        lines["stab"] = _stabs(rng_of(seed, index, "n stab"), beat_s, style)
    if "pad" in layers:
        lines["pad"] = Pads(int(rng_of(seed, index, "n pad").integers(52, 68)))
    return lines


def _bass(rng: Rng, kind: str) -> Line:
    motif = bass_motif(rng, kind)
    ending = [Step(s.step, s.degree + int(rng.choice([0, 0, 2, 4, 7])), s.length, s.velocity) for s in motif]
    octave = 0 if kind in ("sub", "reese", "rolling") else int(rng.choice([0, 0, 1]))
    return Line("bass", tuple(motif), tuple(ending), octave)


def _acid(rng: Rng) -> Line:
    motif = acid_motif(rng)
    half = len(motif) // 2
    ending = (
        acid_motif(rng)
        if rng.random() < 0.5
        else [
            *motif[:half],
            *(
                Step(s.step, s.degree + 7 * int(rng.integers(-1, 2)), s.length, s.velocity, True, s.slide)
                for s in motif[half:]
            ),
        ]
    )
    return Line("acid", tuple(motif), tuple(ending), int(rng.choice([1, 1, 2])))


def _lead(rng: Rng, style: Style) -> Line:
    motif = lead_motif(rng, style.arpeggios)
    ending = [Step(s.step, s.degree + int(rng.choice([0, 0, 1, 2])), s.length, s.velocity) for s in motif]
    return Line("lead", tuple(motif), tuple(ending), int(rng.choice([1, 2, 2, 3])))


def _stabs(rng: Rng, beat_s: float, style: Style) -> Stabs:
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.2, 0.25, 0.25, 0.2, 0.1]))
    pool = [0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15]
    rhythm, answer = (tuple(sorted(int(s) for s in rng.choice(pool, size=count, replace=False))) for _ in range(2))
    if style.stabs:
        rhythm, answer = (style.stabs[int(rng.integers(len(style.stabs)))] for _ in range(2))
    twice, centre = bool(rng.random() < 0.5), int(rng.integers(54, 70))
    return Stabs(rhythm, answer, twice, centre, float(rng.uniform(*style.stab_s)) / beat_s * 4)
