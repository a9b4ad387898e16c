"""Frozen sizes of every network: `paper` (ISMIR 2022), `studio` (what ships) and `tiny` (tests, first tries)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from musika_daw.score import conditioning, part_roll
from musika_daw.score import roll as piano_roll
from musika_daw.system.refusal import refused

_SCORE_CHANNELS = {"": 0, "piano": piano_roll.CHANNELS, "parts": part_roll.CHANNELS}


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
class EarsConfig:
    """Two ears instead of one (`models.ears`): beside short frames others `long` times as long, and as far apart.

    Long frames are told in bins up to `tones_hz`, short ones in `bands` bands as wide as the ear's; below `deep_hz` one
    oscillator sounds.
    """

    long: int = 8
    tones_hz: float = 10_000.0
    bands: int = 40
    deep_hz: float = 160.0


@dataclass(frozen=True)
class AutoencoderConfig:
    """Two stacked levels over an STFT front end (paper, section 3.1).

    `channels` 1 codes each audio channel by itself, as the paper does; 2 codes mid and side together.
    The lowest `tracked_bins` bins have phases that follow their tones (`PhaseTracker`, steered in `bands` bands)
    and those above are noise; 0 leaves all phases to the network, as the paper does.
    The decoder's frames are `window` times as long, and as far apart, as those that the encoder reads.
    With `ears`, `fft` and `hop` are those of the short frames, and a level-1 step is one long frame.
    """

    sample_rate_hz: int
    channels: int
    fft: int
    hop: int
    level1: LevelConfig
    level2: LevelConfig
    tracked_bins: int = 0
    bands: int = 32
    window: int = 1
    ears: EarsConfig | None = None

    def of_decoder(self) -> AutoencoderConfig:
        """The same with the decoder's own frames in place of the encoder's; ValueError where they do not fit."""
        stride, rest = divmod(self.level1.stride, self.window)
        if rest or not stride:
            raise ValueError(f"window: {self.window}, must divide the level's stride {self.level1.stride}")
        level1 = dataclasses.replace(self.level1, stride=stride)
        return dataclasses.replace(
            self, fft=self.fft * self.window, hop=self.hop * self.window, level1=level1, window=1
        )

    def of_encoder(self) -> AutoencoderConfig:
        """The same with nothing said of the decoder's frames and phases: equal where latents may be the same."""
        return dataclasses.replace(self, tracked_bins=0, bands=32, window=1)

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
    `score` says which score it is also told: "piano" (which strings are struck and sound, `musika_daw.score.roll`),
    "parts" (drums, bass, lead and chords, `musika_daw.score.part_roll`) or none (""). With `timbre` a style acts on
    each voice of parts apart, by the time since its strike.
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
    score: str = ""
    timbre: bool = False

    @property
    def told(self) -> int:
        """Numbers of a latent frame's conditions, and of the score where it is told one."""
        return conditioning.CHANNELS + _SCORE_CHANNELS[self.score]

    @property
    def channels(self) -> int:
        """Numbers per latent frame."""
        return self.latent * self.stereo_stack

    @property
    def context(self) -> int:
        """Latent frames either side that one generated frame depends on (0: only its own patch)."""
        if self.kind == "fastgan":
            return 0
        convolved = 1 + sum(self.dilations[i % len(self.dilations)] for i in range(self.blocks)) + 1
        return max(convolved, part_roll.TIMES[-1]) if self.timbre else convolved


@dataclass(frozen=True)
class ModelConfig:
    """A whole system: autoencoder and generator under one name."""

    name: str
    autoencoder: AutoencoderConfig
    generator: GeneratorConfig


PAPER = ModelConfig(
    "paper",
    AutoencoderConfig(
        22_050,
        1,
        1024,
        256,
        LevelConfig(1, 128, 512, 4, 4, ratio=2.0, encoder_kernel=3, decoder_kernel=3),
        LevelConfig(8, 64, 768, 4, 4, ratio=2.0, encoder_kernel=3, decoder_kernel=3),
    ),
    GeneratorConfig("fastgan", 64, 2, 128, width=512),
)
PAPER_PIANO = ModelConfig(
    "paper-piano",
    dataclasses.replace(PAPER.autoencoder, level2=dataclasses.replace(PAPER.autoencoder.level2, stride=16, latent=32)),
    GeneratorConfig("fastgan", 32, 2, 64, width=512),
)
STUDIO = ModelConfig(
    "studio",
    AutoencoderConfig(
        44_100, 2, 1024, 256, LevelConfig(2, 128, 384, 2, 3), LevelConfig(4, 64, 512, 2, 3), tracked_bins=256
    ),
    GeneratorConfig("resnet", 64, 1, 128),
)
STUDIO_PIANO = ModelConfig(
    "studio-piano",
    dataclasses.replace(STUDIO.autoencoder, window=2, tracked_bins=512),
    dataclasses.replace(STUDIO.generator, width=320, condition_width=256, score="piano"),
)
EARS = ModelConfig(
    "ears",
    AutoencoderConfig(
        44_100, 2, 512, 128, LevelConfig(8, 192, 384, 2, 3), LevelConfig(2, 128, 512, 3, 3), ears=EarsConfig()
    ),
    GeneratorConfig("resnet", 128, 1, 128, style=32, width=320, condition_width=256, score="parts", timbre=True),
)
TINY = ModelConfig(
    "tiny",
    AutoencoderConfig(
        44_100, 2, 1024, 256, LevelConfig(2, 32, 48, 1, 1), LevelConfig(4, 16, 48, 1, 1), tracked_bins=64, bands=8
    ),
    GeneratorConfig("resnet", 16, 1, 32, coordinate=16, style=16, width=48, blocks=3, condition_width=32),
)
TINY_PIANO = ModelConfig(
    "tiny-piano",
    dataclasses.replace(TINY.autoencoder, window=2, tracked_bins=128),
    dataclasses.replace(TINY.generator, score="piano"),
)
TINY_EARS = ModelConfig(
    "tiny-ears",
    AutoencoderConfig(
        44_100,
        2,
        512,
        128,
        LevelConfig(8, 32, 48, 1, 1),
        LevelConfig(2, 16, 48, 1, 1),
        ears=EarsConfig(tones_hz=2_000.0, bands=12),
    ),
    GeneratorConfig(
        "resnet", 16, 1, 32, coordinate=16, style=16, width=48, blocks=3, condition_width=32, score="parts", timbre=True
    ),
)
CONFIGS = {c.name: c for c in (PAPER, PAPER_PIANO, STUDIO, STUDIO_PIANO, EARS, TINY, TINY_PIANO, TINY_EARS)}


def config_named(name: str) -> ModelConfig:
    """The built-in configuration of that name; ValueError lists the names there are."""
    if name not in CONFIGS:
        raise refused("config", name, f"must be one of {', '.join(CONFIGS)}")
    return CONFIGS[name]


def config_of_latents(name: str, autoencoder: AutoencoderConfig, score: str) -> ModelConfig:
    """The configuration of that name for latents of `autoencoder` whose score is "piano", "parts" or unknown ("").

    Latents of a piano go with `NAME-piano` where there is one; a generator is told no score that its latents lack.
    """
    config, piano = config_named(name), CONFIGS.get(f"{name}-piano")
    if score == "piano" and piano is not None and piano.autoencoder.of_encoder() == autoencoder.of_encoder():
        return piano
    if config.generator.score == "parts" and score != "parts":
        return dataclasses.replace(config, generator=dataclasses.replace(config.generator, score=score))
    return config


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain JSON types."""
    return dataclasses.asdict(config)


def autoencoder_from_dict(data: dict[str, Any]) -> AutoencoderConfig:
    """Inverse of `to_dict` for an autoencoder; TypeError or KeyError where fields do not fit."""
    rest = {k: v for k, v in data.items() if k not in ("level1", "level2", "ears")}
    ears = None if data.get("ears") is None else EarsConfig(**data["ears"])
    return AutoencoderConfig(
        level1=LevelConfig(**data["level1"]), level2=LevelConfig(**data["level2"]), ears=ears, **rest
    )


def generator_from_dict(data: dict[str, Any]) -> GeneratorConfig:
    """Inverse of `to_dict` for a generator."""
    # early weights say that they take no noise; those that did take some fit no more
    known = {k: v for k, v in data.items() if k != "noise" or v}
    if isinstance(known.get("score"), bool):  # of when a piano's was the only score
        known["score"] = "piano" if known["score"] else ""
    return GeneratorConfig(**{**known, "dilations": tuple(data["dilations"])})
