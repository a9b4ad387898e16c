"""Pieces of the instrument's own score: what the generator will be asked to play, played by the sampled grand.

Performed music is seldom sparse and never simple. Composed pieces hold every density alike, and show the generator
the strings one by one.
"""

from __future__ import annotations

import numpy as np

from musika_daw.score.controls import Controls
from musika_daw.score.playing import span_notes
from musika_daw.score.tempo import TempoMap
from training.corpus.piano.performance import Performance
from training.corpus.piano.pieces import Piece

LENGTH_S = 90.0
LICENCE = "CC0"
_KNOT_S = 7.0


def composed_piece(seed: int, index: int) -> Piece:
    """Piece number `index` of a corpus: tempo 60..160 bpm, density and touch wandering about a level of its own."""
    rng = np.random.default_rng([seed, index])
    knots_s = np.arange(0, LENGTH_S + 2 * _KNOT_S, _KNOT_S)
    density = np.clip(rng.uniform(0.02, 0.98) + 0.15 * rng.normal(size=len(knots_s)), 0.02, 1)
    touch = np.clip(rng.uniform(0.15, 0.85) + 0.12 * rng.normal(size=len(knots_s)), 0, 1)
    controls = Controls(
        seed=int(rng.integers(1 << 63)),
        style_seed=int(rng.integers(1 << 63)),
        density=lambda seconds: np.interp(seconds, knots_s, density),
        energy=lambda seconds: np.interp(seconds, knots_s, touch),
    )
    notes = span_notes(0.0, LENGTH_S, TempoMap.constant(float(rng.uniform(60, 160))), controls)
    kept = notes.onset >= 0
    onset, off, key, velocity = (getattr(notes, name)[kept] for name in ("onset", "off", "key", "velocity"))
    performance = Performance(onset - onset[0], off - onset[0], off - onset[0], key, velocity * 127)
    name = f"composed-{seed}-{index}"
    return Piece(None, name, name, LICENCE, performance)
