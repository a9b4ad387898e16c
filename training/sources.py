"""What training can begin from: a run, a checkpoint file, or exported weights by short name, folder or file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from musika_daw.instrument.checkpoint import find_model, load_weights, role_of
from musika_daw.instrument.models import Decoder, Encoder
from musika_daw.instrument.models.config import (
    AutoencoderConfig,
    GeneratorConfig,
    autoencoder_from_dict,
    generator_from_dict,
)
from training.autoencoder.trainer import AutoencoderTrainer, averaged_weights
from training.autoencoder.transplant import transplanted
from training.generator.gan import GanTrainer
from training.latents.encode import LatentCorpus
from training.runs.recipes import AutoencoderSettings, GanSettings
from training.runs.run import load_checkpoint


@dataclass(frozen=True)
class AutoencoderWeights:
    """Encoder and decoder with their configuration and what is known of their training."""

    config: dict[str, Any]
    encoder: dict[str, Tensor]
    decoder: dict[str, Tensor]
    facts: dict[str, Any]


def is_run(source: str | Path) -> bool:
    """True for a run folder or a checkpoint file, which need not be exported weights."""
    path = Path(source)
    return (path / "checkpoint.pt").exists() or (path.is_file() and path.suffix != ".safetensors")


def autoencoder_weights(source: str | Path) -> AutoencoderWeights:
    """The averaged autoencoder of a run, or the one that lies beside an exported generator; ValueError if none."""
    if is_run(source):
        state = load_checkpoint(Path(source))
        if "decoder" not in state:
            raise ValueError(f"autoencoder {source}: is a run of the {_stage(state)}, need one of the autoencoder")
        encoder, decoder = averaged_weights(state)
        facts = {"steps": state["steps"], "phase": state["phase"], "hours_trained": round(state["seconds"] / 3600, 3)}
        return AutoencoderWeights(state["config"], encoder, decoder, facts)
    folder = exported_folder(source)
    made = [load_weights(folder / f, role) for role, f in _halves(source, folder).items()]
    coded, decoded = (autoencoder_from_dict(m.config) for m in made)
    if coded.of_encoder() != decoded.of_encoder():
        raise ValueError(f"model: encoder and decoder in {folder} have different configurations")
    facts = {k: made[1].facts.get(k, 0) for k in ("steps", "phase", "hours_trained")}
    return AutoencoderWeights(made[1].config, made[0].tensors, made[1].tensors, facts)


def _halves(source: str | Path, folder: Path) -> dict[str, str]:
    """Files of the encoder and the decoder: those of the model, where `source` is one with its own."""
    files = {"encoder": "encoder.safetensors", "decoder": "decoder.safetensors"}
    if folder != Path(source):
        model = find_model(source)
        if role_of(model) == "generator":
            files["decoder"] = str(load_weights(model, "generator").facts["decoder"])
            own = files["decoder"].replace("decoder", "encoder")
            files["encoder"] = own if (folder / own).exists() else files["encoder"]
    return files


def exported_folder(source: str | Path) -> Path:
    """Folder of exported weights; ValueError, in one line, where there are none."""
    path = Path(source)
    if path.is_dir() and (path / "decoder.safetensors").exists():
        return path
    if path.is_dir() and not any(role_of(p) for p in path.glob("*.safetensors")):
        raise ValueError(f"run {path}: holds neither a checkpoint nor exported weights")
    return find_model(source).parent


def encoder_of(source: str | Path) -> Encoder:
    """The encoder to make latents with."""
    weights = autoencoder_weights(source)
    encoder = Encoder(autoencoder_from_dict(weights.config))
    encoder.load_state_dict(weights.encoder)
    return encoder.eval()


def decoder_of(source: str | Path) -> Decoder:
    """The decoder that makes latents sound."""
    weights = autoencoder_weights(source)
    decoder = Decoder(autoencoder_from_dict(weights.config))
    decoder.load_state_dict(weights.decoder)
    return decoder.eval()


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
        raise ValueError(f"init-from {source}: {error}") from error
    trainer = AutoencoderTrainer(config, settings, "both", 1)
    trainer.encoder.load_state_dict(weights.encoder)
    trainer.decoder.load_state_dict(decoder)
    return _written({**trainer.state(), "ema": trainer.trained.state_dict(), "seconds": 0.0}, out)


def generator_start(
    source: str | Path, config: GeneratorConfig, settings: GanSettings, out: Path, latents: Path | None = None
) -> Path:
    """A checkpoint at step 0 that a generator run can begin from, written as `out`.pt.

    The generator is the averaged one; of the other networks it takes what fits these settings. A generator makes
    latents measured in its own corpus's means and deviations: its last layer is turned to those of `latents`.
    """
    old: dict[str, Any]
    if is_run(source):
        old = load_checkpoint(Path(source))
        if "generator_config" not in old:
            raise ValueError(f"init-from {source}: is a run of the {_stage(old)}, need one of the generator")
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
        raise ValueError(f"init-from {source}: its weights do not fit their configuration") from error
    corpus = LatentCorpus(latents) if latents is not None else None
    if corpus is not None and corpus.encoder_hash == old.get("encoder_hash"):
        respread(trainer.generator, old, torch.from_numpy(corpus.mean), torch.from_numpy(corpus.deviation))
    state = trainer.state()
    state["ema"] = trainer.generator.state_dict()
    for name, fresh in state.items():
        if name in ("discriminator", "inference", "reader") and _fits(old.get(name), fresh):
            state[name] = old[name]
    return _written({**state, "steps": 0, "seconds": 0.0}, out)


@torch.no_grad()
def respread(generator: nn.Module, old: dict[str, Any], mean: Tensor, deviation: Tensor) -> None:
    """Make a generator's last layer give the same latents in units of another mean and deviation."""
    last: Any = generator.outward
    layer = last if isinstance(last, nn.Conv1d) else last.conv
    assert layer.bias is not None
    device = layer.weight.device
    scale = (old["deviation"] / deviation).to(device)
    layer.weight.mul_(scale[:, None, None])
    layer.bias.mul_(scale).add_(((old["mean"] - mean) / deviation).to(device))


def _written(state: dict[str, Any], out: Path) -> Path:
    path = Path(out).with_suffix(".pt")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)
    return path


def _fits(old: dict[str, Tensor] | None, fresh: dict[str, Tensor]) -> bool:
    return old is not None and {k: v.shape for k, v in old.items()} == {k: v.shape for k, v in fresh.items()}


def _check_config(source: str | Path, found: Any, wanted: Any, read: Any) -> None:
    try:
        same = found is not None and read(found) == wanted
    except (KeyError, TypeError):
        same = False
    if not same:
        raise ValueError(f"init-from {source}: was made with another configuration; give the --config it has")


def _stage(state: dict[str, Any]) -> str:
    return "generator" if "generator_config" in state else "autoencoder" if "decoder" in state else "unknown kind"
