"""Turns runs into the weights files that the engine loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from musika_daw.instrument.checkpoint import check_name, find_model, load_weights, role_of, save_weights, user_folder
from musika_daw.instrument.models import AnyEncoder, build_decoder, build_encoder
from musika_daw.instrument.models.config import autoencoder_from_dict, generator_from_dict
from musika_daw.instrument.models.generator import build_generator
from musika_daw.system.refusal import refused
from training.latents.encode import encoder_hash
from training.runs.run import load_checkpoint
from training.weights import AutoencoderWeights, autoencoder_weights, respread


def export_autoencoder(source: str | Path, out: Path) -> tuple[str, str]:
    """Write `encoder.safetensors` and `decoder.safetensors` of an autoencoder run (or of exported weights);
    returns their hashes."""
    weights, out = autoencoder_weights(source), Path(out)
    facts = _autoencoder_facts(weights)
    return (
        save_weights(out / "encoder.safetensors", "encoder", weights.encoder, weights.config, facts),
        save_weights(out / "decoder.safetensors", "decoder", weights.decoder, weights.config, facts),
    )


def _autoencoder_facts(weights: AutoencoderWeights) -> dict[str, Any]:
    return {**weights.facts, "encoder_hash": encoder_hash(_encoder(weights.config, weights.encoder))}


def _write_beside(out: Path, name: str, kind: str, weights: AutoencoderWeights) -> tuple[Path, str]:
    """Write one half of an autoencoder for model `name` as `KIND.safetensors`, or, where another model of the
    folder has another there, as `NAME-KIND.safetensors`; returns the file and its hash."""
    tensors = weights.encoder if kind == "encoder" else weights.decoder
    own, shared = out / f"{name}-{kind}.safetensors", out / f"{kind}.safetensors"
    made = save_weights(own, kind, tensors, weights.config, _autoencoder_facts(weights))
    alone = not any(role_of(p) == "generator" and p.stem != name for p in out.glob("*.safetensors"))
    if alone or not shared.exists() or load_weights(shared, kind).hash == made:
        return own.replace(shared), made
    return own, made


def export_generator(
    run: Path,
    autoencoder: str | Path | None,
    out: Path,
    name: str,
    *,
    licence: str,
    mean_with: str | Path | None = None,
    share: float = 0.5,
) -> list[Path]:
    """Write `NAME.safetensors` with its decoder and encoder; returns the files.

    `mean_with` names a model that the run began with, or was: the mean of its weights and the run's is written,
    in which the run's have a `share`.

    A folder's models share `decoder.safetensors` where it is the same; another is `NAME-decoder.safetensors`.
    `autoencoder` None stands for the one whose latents the generator learned. Raises ValueError if the
    generator learned the latents of another encoder.
    """
    state = load_checkpoint(run)
    if "generator_config" not in state:
        raise refused("run", run, "is a run of something else than the generator")
    weights = autoencoder_weights(autoencoder or made_with(run))
    if encoder_hash(_encoder(weights.config, weights.encoder)) != state["encoder_hash"]:
        raise ValueError(f"autoencoder: the generator of {run} was trained on latents of another encoder")
    made = state["ema"] if mean_with is None else _mean(state, mean_with, share)
    out = Path(out)
    encoder_file, _ = _write_beside(out, name, "encoder", weights)
    decoder_file, decoder_hash = _write_beside(out, name, "decoder", weights)
    tensors = {**made, "latent_mean": state["mean"], "latent_deviation": state["deviation"]}
    facts = {
        "name": name,
        "kind": state["kind"],
        "labels": state["labels"],
        "licence": licence,
        "decoder": decoder_file.name,
        "decoder_hash": decoder_hash,
        "encoder_hash": state["encoder_hash"],
        "steps": state["steps"],
        "hours_trained": round(state["seconds"] / 3600, 3),
    }
    save_weights(out / f"{name}.safetensors", "generator", tensors, state["generator_config"], facts)
    return [out / f"{name}.safetensors", decoder_file, encoder_file]


def _mean(state: dict[str, Any], other: str | Path, share: float) -> dict[str, Tensor]:
    """Between a run's averaged weights and another model's, in the run's units of latents.

    What fine-tuning teaches has mostly been learned there, and most of what it forgets is still known (Wortsman et al.,
    CVPR 2022).
    """
    weights = load_weights(find_model(other), "generator")
    same = generator_from_dict(weights.config) == generator_from_dict(state["generator_config"])
    if not same or weights.facts["encoder_hash"] != state["encoder_hash"]:
        raise refused("--mean-with", other, "is of another configuration or for another autoencoder")
    generator = build_generator(generator_from_dict(weights.config))
    generator.load_state_dict({k: v.float() for k, v in weights.tensors.items() if not k.startswith("latent_")})
    old = {"mean": weights.tensors["latent_mean"].float(), "deviation": weights.tensors["latent_deviation"].float()}
    respread(generator, old, state["mean"].float(), state["deviation"].float())
    return {k: share * state["ema"][k] + (1 - share) * v for k, v in generator.state_dict().items()}


def export_named(
    run: Path,
    autoencoder: str | Path | None,
    name: str,
    licence: str,
    *,
    mean_with: str | Path | None = None,
    share: float = 0.5,
) -> list[Path]:
    """`export_generator` into the user's models, where `Engine.load(name)` and every command find it by name."""
    return export_generator(
        run, autoencoder, user_folder() / check_name(name), name, licence=licence, mean_with=mean_with, share=share
    )


def made_with(run: Path) -> str:
    """The autoencoder that made the latents a generator run was trained on, as `encode` noted it."""
    try:
        settings: dict[str, Any] = json.loads((Path(run) / "run.json").read_text())
        index: dict[str, Any] = json.loads((Path(settings["latents"]) / "latents.json").read_text())
        return str(index["made_with"])
    except (OSError, KeyError, json.JSONDecodeError):
        raise refused("run", run, "does not say which autoencoder it belongs to; give --autoencoder") from None


def _encoder(config: dict[str, object], weights: dict[str, Tensor]) -> AnyEncoder:
    encoder = build_encoder(autoencoder_from_dict(config))
    encoder.load_state_dict(weights)
    return encoder


def random_run(out: Path, config_name: str, kind: str, seed: int = 0) -> None:
    """Export a model of untrained weights: for tests of everything that does not depend on how it sounds."""
    from musika_daw.instrument.models import config_named
    from musika_daw.instrument.models.config import to_dict

    config = config_named(config_name)
    torch.manual_seed(seed)
    decoder, generator = build_decoder(config.autoencoder), build_generator(config.generator)
    encoder = build_encoder(config.autoencoder)
    save_weights(Path(out) / "encoder.safetensors", "encoder", encoder.state_dict(), to_dict(config.autoencoder), {})
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
        "name": config_name,
        "kind": kind,
        "labels": ["phase", "tempo", "density", "energy"],
        "licence": "none",
        "decoder": "decoder.safetensors",
        "decoder_hash": decoder_hash,
        "steps": 0,
        "encoder_hash": encoder_hash(encoder),
        "hours_trained": 0,
    }
    save_weights(Path(out) / f"{config_name}.safetensors", "generator", tensors, to_dict(config.generator), facts)
