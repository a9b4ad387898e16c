"""The techno corpus: a step sequencer, a drum and synth engine and a mixer with exact labels."""

from training.corpus.techno.build import build_techno
from training.corpus.techno.oneshots import OneShots
from training.corpus.techno.song import render_song

__all__ = ["OneShots", "build_techno", "render_song"]
