"""Key of a loop by a finder of others: essentia, with three of its profiles for electronic music.

essentia is under the AGPL: it measures here and is no part of what is shipped.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from musika_daw.score.harmony import key_named
from training.evaluate.measures.tools import tool

PROFILES = ("bgate", "shaath", "edma")
"""Faraldo and others (2017), Shaath (KeyFinder), and Faraldo and others (2016)."""
KeyFinder = Callable[[np.ndarray], dict[str, str]]
"""A loop at 44.1 kHz `[n, 2]` -> its key, like `Amin`, by each profile."""


def essentia_keys() -> KeyFinder:
    """The finder; MissingTool where essentia is not installed."""
    log = tool("essentia", "essentia").log
    log.infoActive = log.warningActive = False
    extractors = {name: tool("essentia.standard", "essentia").KeyExtractor(profileType=name) for name in PROFILES}

    def find(loop: np.ndarray) -> dict[str, str]:
        heard = loop.mean(1)
        twice = np.tile(heard / (np.abs(heard).max() + 1e-9), 2).astype(np.float32)
        found = {name: extractor(twice)[:2] for name, extractor in extractors.items()}
        return {name: key_named(tonic + scale[:3]).name for name, (tonic, scale) in found.items()}

    return find
