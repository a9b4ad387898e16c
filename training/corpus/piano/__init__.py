"""The piano corpus: performed MIDI through a sampled grand, with exact onsets."""

from training.corpus.piano.build import PianoSongs, build_piano
from training.corpus.piano.performance import Performance, read_performance
from training.corpus.piano.pieces import Piece, read_pieces
from training.corpus.piano.render import Rendition, Take, draw_rendition, render_take
from training.corpus.piano.sampler import Sampler

__all__ = [
    "Performance",
    "PianoSongs",
    "Piece",
    "Rendition",
    "Sampler",
    "Take",
    "build_piano",
    "draw_rendition",
    "read_performance",
    "read_pieces",
    "render_take",
]
