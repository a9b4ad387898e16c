"""Bands as wide as the ear's, over the bins of an STFT."""

from __future__ import annotations

import torch
from torch import Tensor

# below this frequency bands are about equally wide, above it they grow with it
_CORNER_HZ = 400.0


def band_shapes(count: int, fft: int, sample_rate_hz: int) -> Tensor:
    """Overlapping triangles `[count, fft / 2 + 1]` over bins, which sum to 1 in every bin.

    A band that lies between two bins is empty; it stays, so that bands mean the same in every STFT.
    """
    frequency_hz = torch.arange(fft // 2 + 1, dtype=torch.float64) * sample_rate_hz / fft
    place = torch.log1p(frequency_hz / _CORNER_HZ)
    place = place / place[-1] * (count - 1)
    return (1 - (place - torch.arange(count)[:, None]).abs()).clamp(min=0).float()
