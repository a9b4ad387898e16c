"""An autoencoder for measuring: audio in, what its decoder makes of the latents out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from musika_daw.instrument.checkpoint import tensor_hash
from musika_daw.instrument.models import AnyDecoder, AnyEncoder, build_decoder, build_encoder
from musika_daw.instrument.models.config import autoencoder_from_dict
from training.latents.encode import encode_audio
from training.weights import autoencoder_weights

_CHUNK = 256


@dataclass(frozen=True)
class Codec:
    """Encoder and decoder that belong together; `hash` is that of the decoder's weights."""

    encoder: AnyEncoder
    decoder: AnyDecoder
    hash: str

    @classmethod
    def load(cls, path: Path) -> Codec:
        """From a training run (its averaged weights) or a folder of exported weights; ValueError if neither."""
        weights = autoencoder_weights(path)
        encoder = build_encoder(autoencoder_from_dict(weights.config))
        decoder = build_decoder(autoencoder_from_dict(weights.config))
        encoder.load_state_dict(weights.encoder)
        decoder.load_state_dict(weights.decoder)
        return cls(encoder.eval(), decoder.eval(), tensor_hash(weights.decoder))

    @torch.inference_mode()
    def roundtrip(self, audio: np.ndarray) -> np.ndarray:
        """Audio float32 `[frames, 2]` encoded and decoded, cut to whole latent frames."""
        config = self.decoder.config
        latents = torch.from_numpy(encode_audio(self.encoder, audio))
        before, after, count = self.decoder.context_before, self.decoder.context_after, len(latents)
        padded = torch.nn.functional.pad(latents, (0, 0, before, after))
        parts = []
        for start in range(0, count, _CHUNK):
            stop = min(count, start + _CHUNK)
            part = padded[start : stop + before + after]
            if config.channels == 2:
                wave = self.decoder(part[None], start - before)[0]
            else:
                wave = self.decoder(torch.stack(part.chunk(2, -1)), start - before)[:, 0]
            parts.append(wave[:, before * config.r_time :][:, : (stop - start) * config.r_time])
        return np.ascontiguousarray(torch.cat(parts, -1).T.numpy(), np.float32)
