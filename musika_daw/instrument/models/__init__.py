"""The networks: STFT front end, two-level autoencoder, latent generators, and their configurations."""

from musika_daw.instrument.models.autoencoder import Decoder, Encoder
from musika_daw.instrument.models.coders import AnyDecoder, AnyEncoder, build_decoder, build_encoder
from musika_daw.instrument.models.config import (
    CONFIGS,
    EARS,
    PAPER,
    PAPER_PIANO,
    STUDIO,
    STUDIO_PIANO,
    TINY,
    TINY_EARS,
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
    "EARS",
    "PAPER",
    "PAPER_PIANO",
    "STUDIO",
    "STUDIO_PIANO",
    "TINY",
    "TINY_EARS",
    "AnyDecoder",
    "AnyEncoder",
    "AutoencoderConfig",
    "Decoder",
    "Encoder",
    "GeneratorConfig",
    "LevelConfig",
    "ModelConfig",
    "PhaseTracker",
    "Spectrum",
    "build_decoder",
    "build_encoder",
    "config_named",
    "mid_side",
]
