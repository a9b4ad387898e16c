"""Gain curves: how loud a low and a high band are every 64 samples, finer than the frames of an STFT.

A frame's sound fills its whole window, so what starts within one is heard a little before it starts, and its edge is
soft. The network says how the loudness of either band runs within the frames, which cuts both (as the gain control and
temporal noise shaping of audio codecs do).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models.config import AutoencoderConfig

POINT_FRAMES = 64
# kicks lie below, what must stay sharp above
CROSSOVER_HZ = 300.0
_LOWEST, _HIGHEST = -6.0, 1.5


class GainCurve(nn.Module):
    """A decoder's advice to amplitude gains of two bands."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.channels = config.channels
        self.points = config.r_time_1 // POINT_FRAMES
        self.low_bins = max(1, round(CROSSOVER_HZ * config.fft / config.sample_rate_hz))

    @property
    def advice(self) -> int:
        """Numbers that the network gives for one step and channel."""
        return 2 * self.points

    def forward(self, advice: Tensor) -> Tensor:
        """`[B, steps, channels * advice]` to gains of low and high band `[B, channels, 2, steps * r_time_1]`."""
        curve = advice.unflatten(2, (self.channels, 2, self.points)).permute(0, 2, 3, 1, 4).flatten(3)
        gains = torch.exp(curve.clamp(_LOWEST, _HIGHEST))
        fine = F.interpolate(gains.flatten(0, 1), scale_factor=POINT_FRAMES, mode="linear", align_corners=False)
        return fine.unflatten(0, gains.shape[:2])
