"""What a score is asked for a loop, a take or some bars, and the notes that come of it, in time with the sound.

`Engine` asks its score by these when it renders, so what they say is played is what the generator is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from musika_daw.instrument.damping import led_out, tail_s
from musika_daw.instrument.scores import Score, heard
from musika_daw.score.controls import Controls
from musika_daw.score.roll import Notes
from musika_daw.score.tempo import Beats, TempoMap, exact

# anchors of a piece that has no tempo are spaced as if it had this one, as in training
NOMINAL_BPM = 120
_SAME_S = 1e-9  # what two ways to a bar line may differ by


@dataclass(frozen=True)
class Loop:
    """Bars that repeat, as in `Engine.loop`."""

    bpm: Beats
    bars: int
    start_beat: Beats = 0

    @property
    def turn(self) -> tuple[int, int]:
        """First bar and bars."""
        return round(exact(self.start_beat) / 4), self.bars

    def circle(self, frame_s: Fraction) -> tuple[int, float]:
        """Latent frames, each so many seconds long, of the circle that it is made on, and its tempo there."""
        beats = self.bars * 4
        count = max(1, round(Fraction(beats * 60) / exact(self.bpm) / frame_s))
        return count, float(beats * 60 / (count * frame_s))

    def notes(self, score: Score, controls: Controls, frame_s: Fraction) -> Notes:
        """Notes of one turn, in seconds of the finished loop, which is the circle at its own tempo."""
        count, circle_bpm = self.circle(frame_s)
        turn_s = float(count * frame_s)
        notes = score.notes(0.0, turn_s, TempoMap.constant(circle_bpm), controls, self.turn)
        return _struck(heard(score, notes, controls), 0.0, turn_s, circle_bpm / float(exact(self.bpm)))


@dataclass(frozen=True)
class Take:
    """Seconds without a grid, as in `Engine.take`."""

    seconds: float
    start_s: float = 0.0
    bpm: Beats | None = None

    def asked(self, score: Score | None, controls: Controls) -> tuple[TempoMap, Controls]:
        """Its pulse, and the controls, whose density and energy are led to its end."""
        end_s = self.start_s + self.seconds
        density = controls.density if score is None else score.density(controls)
        led = replace(
            controls,
            density=led_out(density, end_s - tail_s(self.seconds)),
            energy=led_out(controls.energy, end_s - tail_s(self.seconds)),
        )
        pulse = NOMINAL_BPM if score is None else score.pulse_bpm(controls)
        return TempoMap.constant(pulse if self.bpm is None else self.bpm), led

    def notes(self, score: Score, controls: Controls, frame_s: Fraction) -> Notes:
        """Notes that begin in it, in seconds from its start."""
        tempo, led = self.asked(score, controls)
        end_s = self.start_s + self.seconds
        return _struck(heard(score, score.notes(self.start_s, end_s, tempo, led), led), self.start_s, end_s)


@dataclass(frozen=True)
class Bars:
    """Beats of the timeline, as in `Engine.render`."""

    start_beat: Beats
    beats: Beats
    tempo_map: TempoMap

    def notes(self, score: Score, controls: Controls, frame_s: Fraction) -> Notes:
        """Notes that begin in them, in seconds from their start."""
        edges = exact(self.start_beat), exact(self.start_beat) + exact(self.beats)
        start_s, end_s = (float(self.tempo_map.seconds(beat)) for beat in edges)
        return _struck(heard(score, score.notes(start_s, end_s, self.tempo_map, controls), controls), start_s, end_s)


Stretch = Loop | Take | Bars


def _struck(notes: Notes, start_s: float, end_s: float, speed: float = 1.0) -> Notes:
    """Those that begin within two seconds, counted from the first and `speed` times as long."""
    begun = (notes.onset >= start_s - _SAME_S) & (notes.onset < end_s - _SAME_S)
    notes = notes.at(begun)
    onset, off = (np.maximum(part - start_s, 0.0) * speed for part in (notes.onset, notes.off))
    return replace(notes, onset=onset, off=off)
