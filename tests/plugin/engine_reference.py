"""What the engine itself renders of some bars, to hold a DAW's bounce against."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from musika_daw.host.play.piece import CHUNK_FRAMES, Piece
from musika_daw.host.play.render import ChunkRenderer
from musika_daw.host.plugin.feed import run_chunks
from musika_daw.instrument.engine import Engine
from musika_daw.score.controls import DEFAULT_GAIN_DB, Controls

PLUGIN_GAIN = np.float32(10 ** (DEFAULT_GAIN_DB / 20))
"""What an instance multiplies with until somebody turns its gain."""


def of_the_runs(engine: Engine, bpm: int, controls: Controls, rate_hz: int, first: int, last: int) -> np.ndarray:
    """Frames first..last, float32 `[n, 2]`, rendered run by run as the host does: to be met bit by bit."""
    piece = Piece(Fraction(bpm), controls, rate_hz)
    renderer = ChunkRenderer(engine)
    count = run_chunks(rate_hz)
    runs = range(first // (count * CHUNK_FRAMES), -(-last // (count * CHUNK_FRAMES)))
    whole = np.concatenate([renderer.chunks(piece, run * count, count) for run in runs], 1)
    start = first - runs[0] * count * CHUNK_FRAMES
    return np.ascontiguousarray(whole[:, start : start + last - first].T)


def difference_db(heard: np.ndarray, wanted: np.ndarray) -> float:
    """Largest difference of two pieces of audio, in dB of full scale."""
    return float(20 * np.log10(np.abs(heard - wanted).max() + 1e-12))
