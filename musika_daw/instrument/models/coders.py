"""The encoder and the decoder of a configuration: of one ear, or of two."""

from __future__ import annotations

from musika_daw.instrument.models.autoencoder import Decoder, Encoder
from musika_daw.instrument.models.config import AutoencoderConfig
from musika_daw.instrument.models.ears import EarsDecoder, EarsEncoder

AnyEncoder = Encoder | EarsEncoder
AnyDecoder = Decoder | EarsDecoder


def build_encoder(config: AutoencoderConfig) -> AnyEncoder:
    """The encoder of a configuration, its weights random."""
    return Encoder(config) if config.ears is None else EarsEncoder(config)


def build_decoder(config: AutoencoderConfig) -> AnyDecoder:
    """The decoder of a configuration, its weights random."""
    return Decoder(config) if config.ears is None else EarsDecoder(config)
