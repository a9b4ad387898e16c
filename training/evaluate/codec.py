"""An autoencoder for measuring: audio in, what its decoder makes of the latents out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from musika_daw.instrument.checkpoint import load_weights, tensor_hash
from musika_daw.instrument.models import Decoder, Encoder
from musika_daw.instrument.models.config import autoencoder_from_dict
from training.latents.encode import encode_audio

_CHUNK = 256


@dataclass(frozen=True)
class Codec:
    """Encoder and decoder that belong together; `hash` is that of the decoder's weights."""

    encoder: Encoder
    decoder: Decoder
    hash: str

    @classmethod
    def load(cls, path: Path) -> Codec:
        """From a training run (its averaged weights) or a folder of exported weights; ValueError if neither."""
        if (path / "decoder.safetensors").is_file():
            made = load_weights(path / "decoder.safetensors", "decoder")
            read = load_weights(path / "encoder.safetensors", "encoder")
            config, encoder_weights, decoder_weights, digest = made.config, read.tensors, made.tensors, made.hash
        elif (path / "checkpoint.pt").is_file():
            from training.autoencoder.trainer import averaged_weights
            from training.runs.run import load_checkpoint

            state = load_checkpoint(path)
            encoder_weights, decoder_weights = averaged_weights(state)
            config, digest = state["config"], tensor_hash(decoder_weights)
        else:
            raise ValueError(f"run: {path} holds neither checkpoint.pt nor decoder.safetensors")
        encoder, decoder = Encoder(autoencoder_from_dict(config)), Decoder(autoencoder_from_dict(config))
        encoder.load_state_dict(encoder_weights)
        decoder.load_state_dict(decoder_weights)
        return cls(encoder.eval(), decoder.eval(), digest)

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
