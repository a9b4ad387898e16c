"""Audio as vectors: log-mel statistics, which need nothing, and musicnn where its wheel is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from musika_daw.hearing.embedding import log_mel_statistics

Embedder = Callable[[np.ndarray, int], np.ndarray]
"""Audio `[frames, channels]` and its rate in Hz -> float64 `[windows, d]`, one row for every 3 s."""


def embedders(musicnn: Path | None) -> dict[str, Embedder]:
    """The embeddings to measure with, by name; `musicnn` is the path of its wheel or None."""
    found: dict[str, Embedder] = {"log-mel": log_mel_statistics}
    if musicnn is not None:
        from training.evaluate.measures.musicnn import MusiCNN

        found["musicnn"] = MusiCNN(musicnn)
    return found
