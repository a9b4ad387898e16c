"""Frozen sizes of every network: `paper` (ISMIR 2022), `studio` (what ships) and `tiny` (tests, first tries)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LevelConfig:
    """One level of the autoencoder: `stride` input frames become one latent of `latent` numbers.

    `width`, `blocks`, `ratio` (hidden over width) and `kernel` (odd, in frames of the level's own output
    rate) size its residual blocks; the decoder may have a block count of its own.
    """

    stride: int
    latent: int
    width: int
    encoder_blocks: int
    decoder_blocks: int
    ratio: float = 2.0
    encoder_kernel: int = 3
    decoder_kernel: int = 7


@dataclass(frozen=True)
class AutoencoderConfig:
    """Two stacked levels over an STFT front end (paper, section 3.1).

    `channels` 1 codes each audio channel by itself, as the paper does; 2 codes mid and side together.
    The lowest `tracked_bins` bins have phases that follow their tones (`PhaseTracker`, steered in `bands` bands)
    and those above are noise; 0 leaves all phases to the network, as the paper does.
    """

    sample_rate_hz: int
    channels: int
    fft: int
    hop: int
    level1: LevelConfig
    level2: LevelConfig
    tracked_bins: int = 0
    bands: int = 32

    @property
    def bins(self) -> int:
        """STFT bins of one channel."""
        return self.fft // 2 + 1

    @property
    def r_time_1(self) -> int:
        """Samples per level-1 latent."""
        return self.hop * self.level1.stride

    @property
    def r_time(self) -> int:
        """Samples per level-2 latent."""
        return self.r_time_1 * self.level2.stride

    @property
    def latent_rate_hz(self) -> float:
        """Level-2 latents per second."""
        return self.sample_rate_hz / self.r_time


@dataclass(frozen=True)
class GeneratorConfig:
    """The latent generator (paper, section 3.2 and 4.2).

    `kind` "fastgan" renders aligned patches of `seq_len` latents, each from its own coordinates alone;
    "resnet" is convolutional in time with a receptive field of `context` latents either side.
    `noise` numbers a frame, keyed by position, let a piece without a grid decide where its notes fall.
    `stereo_stack` is 2 where a latent frame stacks one latent for each audio channel.
    """

    kind: str
    latent: int
    stereo_stack: int
    seq_len: int
    anchor_beats: int = 32
    coordinate: int = 64
    style: int = 64
    width: int = 256
    blocks: int = 10
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    condition_width: int = 192
    noise: int = 0

    @property
    def place(self) -> int:
        """Numbers that say where a latent frame is: its coordinates and its noise."""
        return self.coordinate + self.noise

    @property
    def channels(self) -> int:
        """Numbers per latent frame."""
        return self.latent * self.stereo_stack

    @property
    def context(self) -> int:
        """Latent frames either side that one generated frame depends on (0: only its own patch)."""
        if self.kind == "fastgan":
            return 0
        return 1 + sum(self.dilations[i % len(self.dilations)] for i in range(self.blocks)) + 1


@dataclass(frozen=True)
class ModelConfig:
    """A whole system: autoencoder and generator under one name."""

    name: str
    autoencoder: AutoencoderConfig
    generator: GeneratorConfig


PAPER = ModelConfig(
    "paper",
    AutoencoderConfig(
        22_050, 1, 1024, 256,
        LevelConfig(1, 128, 512, 4, 4, ratio=2.0, encoder_kernel=3, decoder_kernel=3),
        LevelConfig(8, 64, 768, 4, 4, ratio=2.0, encoder_kernel=3, decoder_kernel=3),
    ),
    GeneratorConfig("fastgan", 64, 2, 128, width=512),
)  # fmt: skip
PAPER_PIANO = ModelConfig(
    "paper-piano",
    dataclasses.replace(
        PAPER.autoencoder, level2=dataclasses.replace(PAPER.autoencoder.level2, stride=16, latent=32)
    ),
    GeneratorConfig("fastgan", 32, 2, 64, width=512),
)
STUDIO = ModelConfig(
    "studio",
    AutoencoderConfig(
        44_100, 2, 1024, 256,
        LevelConfig(2, 128, 384, 2, 3),
        LevelConfig(4, 64, 512, 2, 3),
        tracked_bins=256,
    ),
    GeneratorConfig("resnet", 64, 1, 128),
)  # fmt: skip
STUDIO_PIANO = ModelConfig(
    "studio-piano", STUDIO.autoencoder, dataclasses.replace(STUDIO.generator, noise=16)
)
TINY = ModelConfig(
    "tiny",
    AutoencoderConfig(
        44_100, 2, 1024, 256, LevelConfig(2, 32, 48, 1, 1), LevelConfig(4, 16, 48, 1, 1), tracked_bins=64,
        bands=8,
    ),
    GeneratorConfig("resnet", 16, 1, 32, coordinate=16, style=16, width=48, blocks=3, condition_width=32,
                    noise=4),
)  # fmt: skip
CONFIGS = {c.name: c for c in (PAPER, PAPER_PIANO, STUDIO, STUDIO_PIANO, TINY)}


def config_named(name: str) -> ModelConfig:
    """The built-in configuration of that name; ValueError lists the names there are."""
    if name not in CONFIGS:
        raise ValueError(f"config {name!r}: must be one of {', '.join(CONFIGS)}")
    return CONFIGS[name]


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain JSON types."""
    return dataclasses.asdict(config)


def autoencoder_from_dict(data: dict[str, Any]) -> AutoencoderConfig:
    """Inverse of `to_dict` for an autoencoder; TypeError or KeyError where fields do not fit."""
    rest = {k: v for k, v in data.items() if k not in ("level1", "level2")}
    return AutoencoderConfig(
        level1=LevelConfig(**data["level1"]), level2=LevelConfig(**data["level2"]), **rest
    )


def generator_from_dict(data: dict[str, Any]) -> GeneratorConfig:
    """Inverse of `to_dict` for a generator."""
    return GeneratorConfig(**{**data, "dilations": tuple(data["dilations"])})
