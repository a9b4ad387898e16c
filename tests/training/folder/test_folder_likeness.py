"""Steady sounds have the same levels and are two recordings."""

import numpy as np

from training.corpus.folder.likeness import alike, likeness
from training.corpus.store import SAMPLE_RATE_HZ


def test_two_noises_are_two_recordings() -> None:
    rng = np.random.default_rng(0)
    noises = [likeness(np.repeat(0.1 * rng.standard_normal((12 * SAMPLE_RATE_HZ, 1)), 2, 1)) for _ in range(6)]
    assert all(alike(one, one) for one in noises)
    assert not any(alike(noises[i], noises[j]) for i in range(6) for j in range(i))
