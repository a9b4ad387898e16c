"""Turns runs into the weights files that the engine loads."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from musika_daw.checkpoint import MAX_BYTES, save_weights
from musika_daw.models import Encoder
from musika_daw.models.config import autoencoder_from_dict
from training.autoencoder import averaged_weights, load_checkpoint
from training.encode import encoder_hash


def export_autoencoder(run: Path, out: Path) -> tuple[str, str]:
    """Write `encoder.safetensors` and `decoder.safetensors` of an autoencoder run; returns their hashes."""
    state = load_checkpoint(run)
    encoder, decoder = averaged_weights(state)
    facts = {"steps": state["steps"], "phase": state["phase"], "hours_trained": round(state["seconds"] / 3600, 3)}
    language = encoder_hash(_encoder(state["config"], encoder))
    facts["encoder_hash"] = language
    return (
        save_weights(Path(out) / "encoder.safetensors", "encoder", encoder, state["config"], facts),
        save_weights(Path(out) / "decoder.safetensors", "decoder", decoder, state["config"], facts),
    )


def export_generator(run: Path, autoencoder_run: Path, out: Path, name: str, licence: str) -> list[Path]:
    """Write `NAME.safetensors` with its decoder and encoder; returns the files.

    Raises ValueError if the generator learned the latents of another encoder, or a file would be too large.
    """
    state = load_checkpoint(run)
    encoder, _ = averaged_weights(load_checkpoint(autoencoder_run))
    if encoder_hash(_encoder(state["autoencoder"], encoder)) != state["encoder_hash"]:
        raise ValueError(f"autoencoder: the generator of {run} was trained on latents of another encoder")
    out = Path(out)
    _, decoder_hash = export_autoencoder(autoencoder_run, out)
    tensors = {**state["ema"], "latent_mean": state["mean"], "latent_deviation": state["deviation"]}
    facts = {
        "name": name, "kind": state["kind"], "labels": state["labels"], "licence": licence,
        "decoder": "decoder.safetensors", "decoder_hash": decoder_hash, "encoder_hash": state["encoder_hash"],
        "steps": state["steps"], "hours_trained": round(state["seconds"] / 3600, 3),
    }  # fmt: skip
    save_weights(out / f"{name}.safetensors", "generator", tensors, state["generator_config"], facts)
    files = [out / f for f in (f"{name}.safetensors", "decoder.safetensors", "encoder.safetensors")]
    for file in files:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"export: {file.name} is {file.stat().st_size} bytes, must be at most {MAX_BYTES}")
    return files


def _encoder(config: dict[str, object], weights: dict[str, Tensor]) -> Encoder:
    encoder = Encoder(autoencoder_from_dict(config))
    encoder.load_state_dict(weights)
    return encoder


def random_run(out: Path, config_name: str, kind: str, seed: int = 0) -> None:
    """Export a model of untrained weights: for tests of everything that does not depend on how it sounds."""
    from musika_daw.models import config_named
    from musika_daw.models.autoencoder import Decoder
    from musika_daw.models.config import to_dict
    from musika_daw.models.generator import build_generator

    config = config_named(config_name)
    torch.manual_seed(seed)
    decoder, generator = Decoder(config.autoencoder), build_generator(config.generator)
    decoder_hash = save_weights(
        Path(out) / "decoder.safetensors", "decoder", decoder.state_dict(), to_dict(config.autoencoder), {}
    )
    channels = config.generator.channels
    tensors = {
        **generator.state_dict(),
        "latent_mean": torch.zeros(channels),
        "latent_deviation": torch.full((channels,), 0.4),
    }
    facts = {
        "name": config_name, "kind": kind, "labels": ["phase", "tempo", "density", "energy"], "licence": "none",
        "decoder": "decoder.safetensors", "decoder_hash": decoder_hash, "encoder_hash": "", "steps": 0,
        "hours_trained": 0,
    }  # fmt: skip
    save_weights(Path(out) / f"{config_name}.safetensors", "generator", tensors, to_dict(config.generator), facts)
