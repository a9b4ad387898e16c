"""The networks: STFT front end, two-level autoencoder, latent generators, and their configurations."""

from musika_daw.instrument.models.autoencoder import Decoder, Encoder
from musika_daw.instrument.models.config import (
    CONFIGS,
    PAPER,
    PAPER_PIANO,
    STUDIO,
    STUDIO_PIANO,
    TINY,
    AutoencoderConfig,
    GeneratorConfig,
    LevelConfig,
    ModelConfig,
    config_named,
)
from musika_daw.instrument.models.phase import PhaseTracker
from musika_daw.instrument.models.spectrum import Spectrum, mid_side

__all__ = [
    "CONFIGS",
    "PAPER",
    "PAPER_PIANO",
    "STUDIO",
    "STUDIO_PIANO",
    "TINY",
    "AutoencoderConfig",
    "Decoder",
    "Encoder",
    "GeneratorConfig",
    "LevelConfig",
    "ModelConfig",
    "PhaseTracker",
    "Spectrum",
    "config_named",
    "mid_side",
]
