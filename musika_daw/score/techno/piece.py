"""A piece of techno without end: what plays in each bar, a pure function of (seed, index, bar).

The corpus renders its first bars, an engine any of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from musika_daw.score.techno.arrangement import Arrangement, Section, draw_arrangement
from musika_daw.score.techno.drums import Drums, Hits, draw_drums, draw_layers
from musika_daw.score.techno.grid import STEPS, Grid, Tone, rng_of
from musika_daw.score.techno.harmony import Harmony, draw_harmony
from musika_daw.score.techno.lines import AnyLine, draw_lines
from musika_daw.score.techno.style import Style, draw_bpm, draw_style

BEATS_PER_BAR = 4
_AGAIN = STEPS // BEATS_PER_BAR
# the buses of pitched lines, by the role that they play
PITCHED = {"bass": "bass", "acid": "lead", "lead": "lead", "stab": "chords", "pad": "chords"}


@dataclass(frozen=True)
class BarScore:
    """What plays in one bar: hits by drum voice, notes by pitched bus."""

    section: Section
    hits: Hits
    tones: dict[str, list[Tone]] = field(default_factory=dict)

    def thinned(self, arrangement: Arrangement, onsets: float) -> BarScore:
        """This bar with as many onsets as asked for, quarters first; pads stay."""
        steps = {h.step for hits in self.hits.values() for h in hits}
        steps |= {t.step for bus, tones in self.tones.items() if bus != "pad" for t in tones}
        ranked = sorted(steps, key=lambda step: (arrangement.weight(step), step % 4, step))
        kept = set(ranked[: round(onsets)])
        return BarScore(
            self.section,
            {voice: [h for h in hits if h.step in kept] for voice, hits in self.hits.items()},
            {bus: [t for t in tones if bus == "pad" or t.step in kept] for bus, tones in self.tones.items()},
        )


@dataclass(frozen=True)
class Ducking:
    """How what sounds beside a kick makes way for it: by which share, for how many beats, how it comes back."""

    depth: float
    beats: float
    curve: float


@dataclass(frozen=True)
class _Span:
    """Steps `first` to `stop` of a bar, in one harmony; `cut` says that another follows."""

    first: float
    stop: float
    harmony: Harmony
    cut: bool

    def tones(self, line: AnyLine, bar: int) -> list[Tone]:
        """What a line plays in it. A note that a change comes upon is struck again if it had a beat or more to go."""
        found = []
        for tone in line.tones(bar, self.harmony):
            left = tone.step + tone.length - self.first
            if self.first <= tone.step < self.stop:
                found.append(tone)
            elif tone.step < self.first and left >= _AGAIN:
                found.append(tone._replace(step=self.first, length=left))
        return found

    def led(self, bar: int, tones: list[Tone], role: str) -> list[Tone]:
        """Those of a role's notes that begin in it, as its harmony has them."""
        here = [tone for tone in tones if self.first <= tone.step < self.stop]
        if self.cut:
            here = [tone._replace(length=min(tone.length, self.stop - tone.step)) for tone in here]
        return self.harmony.led(bar, here, role, self.stop)


@dataclass(frozen=True)
class Piece:
    """What stays the same in a piece; `bar` says what plays.

    `bpm` is the tempo it was drawn with (another may be played), `swing` the delay of odd sixteenths as a share of one.
    `changes` are other harmonies, each from a beat of the timeline on.
    """

    style: Style
    bpm: float
    swing: float
    harmony: Harmony
    layers: tuple[str, ...]
    arrangement: Arrangement
    drums: Drums
    lines: dict[str, AnyLine]
    bass: str
    ducking: Ducking
    changes: tuple[tuple[float, Harmony], ...] = ()

    def bar(self, number: int, energy: float | None = None, onsets: float | None = None) -> BarScore:
        """What plays in a bar.

        `energy` 0..1 replaces the intensity of its section, how many layers play; None is that of the style where it
        has one. `onsets` is how many different moments of the bar something begins at; fewer where the layers have no
        more.
        """
        section = self.arrangement.section(number)
        energy = self.style.energy if energy is None else energy
        if energy is not None:
            section = Section("drop" if energy > 0.85 else "groove", float(energy))
        hits = self.drums.hits(number, section, self.arrangement, thinned=onsets is None)
        tones: dict[str, list[Tone]] = {}
        spans = self._spans(number)
        for bus, line in self.lines.items():
            if not self.arrangement.active(bus, section):
                continue
            played = [tone for span in spans for tone in span.tones(line, number)]
            chosen = bus == "stab" and self.style.stabs  # a rhythm that makes its style
            if bus != "pad" and not chosen and onsets is None:
                played = [t for t in played if self.arrangement.allows(section, number, t.step)]
            if played:
                tones[bus] = played
        score = BarScore(section, hits, tones)
        score = score if onsets is None else score.thinned(self.arrangement, onsets)
        led = {
            bus: [tone for span in spans for tone in span.led(number, tones, PITCHED[bus])]
            for bus, tones in score.tones.items()
        }
        return replace(score, tones=led)

    def harmony_at(self, beat: float) -> Harmony:
        """The harmony that holds at a beat of the timeline."""
        return next((harmony for begins, harmony in reversed(self.changes) if begins <= beat), self.harmony)

    def _spans(self, bar: int) -> list[_Span]:
        """The harmonies of a bar, one after another."""
        begins = [(0.0, self.harmony)]
        changes = [(STEPS / BEATS_PER_BAR * beat - STEPS * bar, harmony) for beat, harmony in self.changes]
        for step, harmony in changes:
            if step <= 0:
                begins = [(0.0, harmony)]
            elif step < STEPS:
                begins.append((step, harmony))
        ends = [step for step, _ in begins[1:]] + [float(STEPS)]
        cut = any(step == STEPS for step, _ in changes)
        return [
            _Span(step, stop, harmony, stop < STEPS or cut) for (step, harmony), stop in zip(begins, ends, strict=True)
        ]

    def grid(self, bars: int) -> Grid:
        """The piece's own grid for its first bars."""
        return Grid(self.bpm, bars, self.swing)


def draw_piece(seed: int, index: int, style: Style | None = None, harmony: Harmony | None = None) -> Piece:
    """Piece `index` of `seed`; a `style` or `harmony` of None is drawn."""
    rng = rng_of(seed, index, "song")
    style = style or draw_style(rng)
    bpm = draw_bpm(rng, style)
    swing = float(rng.uniform(*style.swing)) if rng.random() < 0.7 else 0.0
    drawn = draw_harmony(rng, style.scales)
    harmony = harmony or drawn
    layers = draw_layers(rng, style)
    arrangement = draw_arrangement(rng, seed, index, style, layers)
    bass = style.basses[int(rng.integers(len(style.basses)))]
    return Piece(
        style,
        bpm,
        swing,
        harmony,
        tuple(layers),
        arrangement,
        draw_drums(seed, index, style, layers),
        draw_lines(seed, index, layers, bass, 60.0 / bpm, style=style),
        bass,
        _draw_ducking(rng_of(seed, index, "ducking")),
    )


def _draw_ducking(rng: np.random.Generator) -> Ducking:
    return Ducking(
        float(rng.choice([0.3, 0.6, 0.85, 0.97])), float(rng.uniform(0.35, 0.95)), float(rng.uniform(0.6, 2.2))
    )


def risers(piece: Piece, bars: int) -> list[tuple[int, int]]:
    """Spans (first bar, end bar) of the first `bars` that lead into a drop."""
    spans = []
    for bar in range(4, bars, 4):
        before, here = piece.arrangement.section(bar - 1), piece.arrangement.section(bar)
        if here.kind == "drop" and before.kind in ("build", "break"):
            spans.append((bar - 4, bar))
    return spans
