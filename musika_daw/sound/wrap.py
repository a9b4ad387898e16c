"""A loop as it is heard while it repeats: what comes before its first sample and after its last."""

import numpy as np


def wrapped(samples: np.ndarray, before: int, after: int) -> np.ndarray:
    """`before` frames from a loop's end, the loop [..., frames], and `after` frames from its start; along the last
    axis, and round and round where that is longer than the loop."""
    frames = samples.shape[-1]
    if max(before, after) > frames:
        return np.take(samples, np.arange(-before, frames + after), axis=-1, mode="wrap")
    return np.concatenate([samples[..., frames - before :], samples, samples[..., :after]], axis=-1)
