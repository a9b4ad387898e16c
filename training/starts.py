"""What training can begin from: a run, a checkpoint file, or exported weights by short name, folder or file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from musika_daw.instrument.checkpoint import find_model, load_weights
from musika_daw.instrument.models.config import (
    AutoencoderConfig,
    GeneratorConfig,
    autoencoder_from_dict,
    generator_from_dict,
)
from musika_daw.system.atomic import replacing
from musika_daw.system.refusal import refused
from training.autoencoder.trainer import AutoencoderTrainer
from training.autoencoder.transplant import transplanted
from training.generator.gan import GanTrainer
from training.latents.encode import LatentCorpus
from training.runs.recipes import AutoencoderSettings, GanSettings
from training.runs.run import load_checkpoint
from training.weights import autoencoder_weights, is_run, respread, stage_of


def autoencoder_start(source: str | Path, config: AutoencoderConfig, settings: AutoencoderSettings, out: Path) -> Path:
    """A checkpoint that a run of the autoencoder can begin from.

    Exported weights are written into one, `out`.pt, and so is another decoder of the same latents (`transplanted`).
    """
    if is_run(source):
        found: Any = load_checkpoint(Path(source)).get("config")
        _check_config(source, found, config.of_encoder(), lambda c: autoencoder_from_dict(c).of_encoder())
        if autoencoder_from_dict(found) == config:
            return Path(source)
    weights = autoencoder_weights(source)
    _check_config(source, weights.config, config.of_encoder(), lambda found: autoencoder_from_dict(found).of_encoder())
    try:
        decoder = transplanted(weights.decoder, autoencoder_from_dict(weights.config), config)
    except ValueError as error:
        raise refused("--init-from", source, str(error)) from error
    trainer = AutoencoderTrainer(config, settings, "both", 1)
    trainer.encoder.load_state_dict(weights.encoder)
    trainer.decoder.load_state_dict(decoder)
    return _written({**trainer.state(), "ema": trainer.trained.state_dict(), "seconds": 0.0}, out)


def generator_start(
    source: str | Path, config: GeneratorConfig, settings: GanSettings, out: Path, *, latents: Path | None = None
) -> Path:
    """A checkpoint at step 0 that a generator run can begin from, written as `out`.pt.

    The generator is the averaged one; of the other networks it takes what fits these settings. A generator makes
    latents measured in its own corpus's means and deviations: its last layer is turned to those of `latents`.
    """
    old: dict[str, Any]
    if is_run(source):
        old = load_checkpoint(Path(source))
        if "generator_config" not in old:
            raise refused("--init-from", source, f"is a run of the {stage_of(old)}, need one of the generator")
    else:
        weights = load_weights(find_model(source), "generator")
        tensors = {k: v for k, v in weights.tensors.items() if not k.startswith("latent_")}
        old = {
            "generator_config": weights.config,
            "ema": tensors,
            **weights.facts,
            "mean": weights.tensors["latent_mean"],
            "deviation": weights.tensors["latent_deviation"],
        }
    _check_config(source, old["generator_config"], config, generator_from_dict)
    trainer = GanTrainer(config, settings)
    try:
        trainer.generator.load_state_dict(old["ema"])
    except RuntimeError as error:
        raise refused("--init-from", source, "its weights do not fit their configuration") from error
    corpus = LatentCorpus(latents) if latents is not None else None
    if corpus is not None and corpus.encoder_hash == old.get("encoder_hash"):
        respread(trainer.generator, old, torch.from_numpy(corpus.mean), torch.from_numpy(corpus.deviation))
    state = trainer.state()
    state["ema"] = trainer.generator.state_dict()
    for name, fresh in state.items():
        if name in ("discriminator", "inference", "reader") and _fits(old.get(name), fresh):
            state[name] = old[name]
    return _written({**state, "steps": 0, "seconds": 0.0}, out)


def _written(state: dict[str, Any], out: Path) -> Path:
    path = Path(out).with_suffix(".pt")
    with replacing(path, "wb") as file:
        torch.save(state, file)
    return path


def _fits(old: dict[str, Tensor] | None, fresh: dict[str, Tensor]) -> bool:
    return old is not None and {k: v.shape for k, v in old.items()} == {k: v.shape for k, v in fresh.items()}


def _check_config(source: str | Path, found: Any, wanted: Any, read: Any) -> None:
    try:
        same = found is not None and read(found) == wanted
    except (KeyError, TypeError):
        same = False
    if not same:
        raise refused("--init-from", source, "was made with another configuration; give the --config it has")
