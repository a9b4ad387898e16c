"""The paper's generator: FastGAN in one dimension with SA-AdaIN and skip-layer excitation (section 4.2).

```
positions   seq_len/16 -> seq_len/8 -> seq_len/4 -> seq_len/2 -> seq_len
                 |             |                        ^            ^
                 |             +--- skip excitation ----|------------+
                 +----------------- skip excitation ----+
```
A patch of `seq_len` latents is made from its own coordinates, conditions and the shared style; patches
laid end to end continue each other because their coordinates do.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models.config import GeneratorConfig
from musika_daw.instrument.models.precision import Network, in_own_precision

DOWN = 16


class SpatialAdaIN(nn.Module):
    """Instance norm over time, then scale and shift from each position's own condition (ALIS' SA-AdaIN).

    `[B, C, T]` with condition `[B, K, T']`, averaged to T positions.
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm1d(channels)
        self.modulation = nn.Conv1d(condition, 2 * channels, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        local = F.adaptive_avg_pool1d(condition, x.shape[-1])
        scale, shift = self.modulation(local).chunk(2, 1)
        return self.norm(x) * (1 + scale) + shift


class UpBlock(nn.Module):
    """Nearest-neighbour upsampling by 2, convolution, SA-AdaIN, gated linear unit."""

    def __init__(self, inputs: int, outputs: int, condition: int, *, up: bool = True) -> None:
        super().__init__()
        self.up = up
        self.conv = nn.Conv1d(inputs, 2 * outputs, 3, padding=1)
        self.norm = SpatialAdaIN(2 * outputs, condition)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        if self.up:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return F.glu(self.norm(self.conv(x), condition), 1)


class SkipExcitation(nn.Module):
    """Channel gates for a fine map from a coarse one (FastGAN's SLE)."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool1d(4),
            nn.Conv1d(coarse, fine, 4),
            nn.LeakyReLU(0.1),
            nn.Conv1d(fine, fine, 1),
            nn.Sigmoid(),
        )

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        return fine * self.gate(coarse)


class FastGanGenerator(Network):
    """Patches of `seq_len` latents, each a function of its own coordinates, conditions and the style."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        if config.seq_len % DOWN:
            raise ValueError(f"seq_len: {config.seq_len}, must be a multiple of {DOWN}")
        self.config = config
        condition = config.coordinate + config.style + config.told
        width = config.width
        self.start = nn.Parameter(torch.randn(1, width, config.seq_len // DOWN))
        self.first = UpBlock(width, width, condition, up=False)
        self.ups = nn.ModuleList(
            UpBlock(i, o, condition)
            for i, o in ((width, width), (width, width // 2), (width // 2, width // 2), (width // 2, width // 4))
        )
        self.skips = nn.ModuleList([SkipExcitation(width, width // 2), SkipExcitation(width, width // 4)])
        self.outward = nn.Conv1d(width // 4, config.channels, 3, padding=1)

    @in_own_precision
    def forward(self, coordinates: Tensor, style: Tensor, conditions: Tensor) -> Tensor:
        """`[B, n*seq_len, coordinate]`, `[B, style]`, `[B, n*seq_len, told]` to `[B, n*seq_len, channels]`."""
        batch, time, _ = coordinates.shape
        if time % self.config.seq_len:
            raise ValueError(f"frames: {time}, must be a multiple of seq_len {self.config.seq_len}")
        spread = style[:, None].expand(-1, time, -1)
        condition = torch.cat([coordinates, spread, conditions], -1)
        # patches become a batch: nothing can pass from one to another
        condition = condition.reshape(-1, self.config.seq_len, condition.shape[-1]).transpose(1, 2)
        x0 = self.first(self.start.expand(condition.shape[0], -1, -1), condition)
        x1 = self.ups[0](x0, condition)
        x2 = self.ups[1](x1, condition)
        x3 = self.skips[0](x0, self.ups[2](x2, condition))
        x4 = self.skips[1](x1, self.ups[3](x3, condition))
        return self.outward(x4).transpose(1, 2).reshape(batch, time, -1)
