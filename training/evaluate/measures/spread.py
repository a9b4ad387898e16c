"""How far apart sets of embeddings lie: diversity, Frechet distance and copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scale:
    """Mean and deviation `[d]` of a reference set, by which all vectors are standardised."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> Scale:
        """The scale of vectors `[n, d]`; dimensions that never change count for nothing."""
        deviation = vectors.std(0)
        return cls(vectors.mean(0), np.where(deviation > 1e-6 * (deviation.max() or 1), deviation, np.inf))

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        return np.asarray((vectors - self.mean) / self.deviation)


def pairwise_mean(vectors: np.ndarray) -> float:
    """Mean Euclidean distance among the rows of `[n, d]`; ValueError for fewer than 2."""
    if len(vectors) < 2:
        raise ValueError(f"vectors: {len(vectors)}, must be at least 2")
    distance = _distances(vectors, vectors)
    return float(distance[np.triu_indices(len(vectors), 1)].mean())


def nearest(vectors: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance `[n]` and index `[n]` of each vector's nearest among `others [m, d]`."""
    distance = _distances(vectors, others)
    index = distance.argmin(1)
    return distance[np.arange(len(vectors)), index], index


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squared, 0))


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance between Gaussians fitted to `[n, d]` and `[m, d]`; ValueError for fewer than 2 rows.

    tr(sqrt(A B)) is taken from the eigenvalues of the product, which are real and not negative; biased upwards
    for few rows, so compare only sets of like size and state the split-half value.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"vectors: {min(len(a), len(b))}, must be at least 2")
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.sqrt(np.maximum(np.linalg.eigvals(covariance_a @ covariance_b).real, 0)).sum()
    apart = float(((a.mean(0) - b.mean(0)) ** 2).sum())
    return max(0.0, apart + float(np.trace(covariance_a) + np.trace(covariance_b)) - 2 * float(root))


def split_half(groups: list[np.ndarray], seed: int = 0, rounds: int = 4) -> float:
    """Mean Frechet distance between random halves of a set of songs, each `[windows, d]`: the floor of `frechet`."""
    if len(groups) < 2:
        raise ValueError(f"groups: {len(groups)}, must be at least 2")
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        order = rng.permutation(len(groups))
        half = len(order) // 2
        first, second = (np.concatenate([groups[i] for i in part]) for part in (order[:half], order[half:]))
        values.append(frechet(first, second))
    return float(np.mean(values))
