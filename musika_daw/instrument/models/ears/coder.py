"""Encoder and decoder of two ears: the two levels of the paper (3.1) over what is heard of a step.

```
wave --Ears--> steps --encoder 1--> c1 --encoder 2--> c2          (encoders unpadded, tanh bottlenecks)
wave <-Synthesis-- steps <-decoder 1-- c1' <-decoder 2-- c2
```
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from musika_daw.instrument.models.autoencoder import LevelDecoder, LevelEncoder
from musika_daw.instrument.models.config import AutoencoderConfig
from musika_daw.instrument.models.ears.analysis import Ears
from musika_daw.instrument.models.ears.harmonics import Pitches
from musika_daw.instrument.models.ears.synthesis import Synthesis
from musika_daw.instrument.models.ears.tones import MEMORY_SAMPLES


def _step_level(config: AutoencoderConfig) -> AutoencoderConfig:
    """Level 1 of whole steps."""
    return dataclasses.replace(config, level1=dataclasses.replace(config.level1, stride=1))


class EarsEncoder(nn.Module):
    """Wave to latents, both levels."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config, self.ears = config, Ears(config)
        self.level1 = LevelEncoder(self.ears.layout.heard, _step_level(config).level1)
        self.level2 = LevelEncoder(config.level1.latent, config.level2)

    @property
    def context_1(self) -> int:
        """Samples of context a side that level 1 needs."""
        return self.ears.context + self.level1.trim * self.config.r_time_1

    @property
    def context(self) -> int:
        """Samples of context a side that both levels need."""
        return self.context_1 + self.level2.trim * self.config.r_time

    def hear(self, wave: Tensor) -> Tensor:
        """What level 1 reads of samples."""
        return self.ears(wave)

    def forward(self, wave: Tensor) -> Tensor:
        """`[B, channels, context + n*r_time + context]` samples to `[B, n, latent]`."""
        return self.level2(self.level1(self.hear(wave)))


class EarsDecoder(nn.Module):
    """Latents to wave, both levels."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config, self.synthesis = config, Synthesis(config)
        self.level2 = LevelDecoder(config.level2, config.level1.latent)
        self.level1 = LevelDecoder(_step_level(config).level1, self.synthesis.layout.told)

    @property
    def context_after(self) -> int:
        """Latents after a decoded latent on which its samples depend (rounded up)."""
        return self.level2.context + -(-(self.level1.context + self.synthesis.context) // self.config.level2.stride)

    @property
    def context_before(self) -> int:
        """Latents before a decoded latent on which its samples depend: phases remember longer than they foresee."""
        return self.context_after + self.memory

    @property
    def memory(self) -> int:
        """Latents that are decoded for phases to remember, and need no samples."""
        return -(-MEMORY_SAMPLES // self.config.r_time)

    def decode_2(self, latents: Tensor) -> Tensor:
        """`[B, n, latent]` to level-1 latents `[B, n * stride, latent1]` in -1..1."""
        return torch.tanh(self.level2(latents)[0])

    def tell(self, latents: Tensor) -> Tensor:
        """`[B, n, latent]` to told steps `[B, n * stride, layout.told]`."""
        return self.level1(self.decode_2(latents))[0]

    @property
    def points(self) -> int:
        """Points of the deep band in a latent."""
        return self.frames * self.synthesis.layout.frames

    @property
    def frames(self) -> int:
        """Long frames in a latent."""
        return self.config.level2.stride

    def forward(
        self, latents: Tensor, first: int = 0, ring: int | None = None, pitches: Pitches | None = None, unheard: int = 0
    ) -> Tensor:
        """`[B, n, latent]` to `[B, channels, (n - unheard) * r_time]` samples; latent 0 is number `first` of an endless
        piece, or of a circle of `ring` latents, `pitches` are what is known of the notes in them, and the first
        `unheard` are there to be remembered."""
        stride = self.config.level2.stride
        ring_steps = None if ring is None else ring * stride
        return self.synthesis(self.tell(latents), first * stride, ring_steps, pitches, unheard * stride)
