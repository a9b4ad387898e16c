"""What two ears hear in one step: which numbers, in which order.

A step is one long frame, and as many short ones as fit:

```
step            |<------------- 1024 samples ------------->|
tones           one frame of 4096, its lowest bins: log-magnitudes of mid and side
bands           |  .  |  .  |  .  |  .  |  .  |  .  |  .  |  .  |   frames of 512: log-energies in ear-like bands
deep            |  .  |  .  |  .  |  .  |  .  |  .  |  .  |  .  |   the lowest octaves as one oscillator
balance, peak   one number a band, one in all
```
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from musika_daw.instrument.models.config import AutoencoderConfig


@dataclass(frozen=True)
class Layout:
    """Sizes of the parts of a step, `parts` in their order; the last, tonality, is told by decoders only."""

    channels: int
    frames: int
    bins: int
    bands: int

    @classmethod
    def of(cls, config: AutoencoderConfig) -> Layout:
        """The layout of a configuration that has ears; ValueError for one that has none."""
        ears = config.ears
        if ears is None:
            raise ValueError("config: has one ear, must have two")
        bins = math.floor(ears.tones_hz * config.fft * ears.long / config.sample_rate_hz)
        return cls(config.channels, config.level1.stride, bins, ears.bands)

    @property
    def parts(self) -> dict[str, int]:
        """Names and sizes; bins of tones have one neighbour more, which tells where the last of them lies."""
        return {
            "tones": self.channels * (self.bins + 1),
            "bands": self.channels * self.frames * self.bands,
            "balance": self.bands if self.channels == 2 else 0,
            "level": self.frames,
            "advance": self.frames,
            "start": 2 * self.frames,
            "peak": 1,
            "tonality": self.bins,
        }

    @property
    def heard(self) -> int:
        """Numbers of a step that an encoder reads."""
        return self.told - self.bins

    @property
    def told(self) -> int:
        """Numbers of a step that a decoder tells."""
        return sum(self.parts.values())

    def split(self, step: Tensor) -> dict[str, Tensor]:
        """`[B, steps, heard or told]` to its parts by name: tones `[B, channels, steps, bins + 1]`, bands
        `[B, channels, frames, bands]`, tonality `[B, 1, steps, bins]`, balance `[B, steps, bands]`, level, advance and
        peak `[B, n]`, start `[B, n, 2]`."""
        sizes = list(self.parts.values())
        if step.shape[-1] == self.heard:
            sizes.pop()
        parts = dict(zip(self.parts, step.split(sizes, -1)))
        parts["tones"] = parts["tones"].unflatten(2, (self.channels, -1)).transpose(1, 2)
        parts["bands"] = parts["bands"].unflatten(2, (self.channels, self.frames, -1)).transpose(1, 2).flatten(2, 3)
        for name in ("level", "advance", "peak"):
            parts[name] = parts[name].flatten(1)
        parts["start"] = parts["start"].unflatten(2, (self.frames, 2)).flatten(1, 2)
        if "tonality" in parts:
            parts["tonality"] = parts["tonality"][:, None]
        return parts

    def join(self, parts: dict[str, Tensor]) -> Tensor:
        """Inverse of `split`."""
        frames = self.frames
        bands = parts["bands"].unflatten(2, (-1, frames)).transpose(1, 2).flatten(2)
        out = [parts["tones"].transpose(1, 2).flatten(2), bands]
        if self.channels == 2:
            out.append(parts["balance"])
        out += [parts[name].unflatten(1, (-1, frames)) for name in ("level", "advance")]
        out += [parts["start"].unflatten(1, (-1, frames)).flatten(2), parts["peak"][..., None]]
        if "tonality" in parts:
            out.append(parts["tonality"].squeeze(1))
        return torch.cat(out, -1)
