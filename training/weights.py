"""Weights read from a run, a checkpoint file, or exported files; it knows no trainer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from musika_daw.instrument.checkpoint import find_model, load_weights, role_of
from musika_daw.instrument.models import AnyDecoder, AnyEncoder, build_decoder, build_encoder
from musika_daw.instrument.models.config import autoencoder_from_dict
from musika_daw.system.refusal import refused
from training.runs.run import load_checkpoint


def trained_parts(level: str, phase: int) -> list[tuple[str, str]]:
    """The parts that a stage trains, as (half, level), in the order of its moving averages."""
    levels = {"1": ("level1",), "2": ("level2",), "both": ("level1", "level2")}[level]
    halves = ("decoder",) if phase == 2 else ("encoder", "decoder")
    return [(half, name) for half in halves for name in levels]


def averaged_weights(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Encoder and decoder weights of a checkpoint with the moving averages in place of what was trained."""
    halves: dict[str, dict[str, Tensor]] = {half: dict(state[half]) for half in ("encoder", "decoder")}
    for number, (half, level) in enumerate(trained_parts(state["level"], state["phase"])):
        mark = f"{number}."
        averages = {key.removeprefix(mark): value for key, value in state["ema"].items() if key.startswith(mark)}
        halves[half] |= {f"{level}.{key}": value for key, value in averages.items()}
    config = autoencoder_from_dict(state["config"])
    with torch.random.fork_rng(devices=[]):  # what is made here is overwritten, and no run draws other numbers for it
        encoder, decoder = build_encoder(config), build_decoder(config)
    encoder.load_state_dict(halves["encoder"])
    decoder.load_state_dict(halves["decoder"])
    return encoder.state_dict(), decoder.state_dict()


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
            raise refused("autoencoder", source, f"is a run of the {stage_of(state)}, need one of the autoencoder")
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
        raise refused("run", path, "holds neither a checkpoint nor exported weights")
    return find_model(source).parent


def encoder_of(source: str | Path) -> AnyEncoder:
    """The encoder to make latents with."""
    weights = autoencoder_weights(source)
    encoder = build_encoder(autoencoder_from_dict(weights.config))
    encoder.load_state_dict(weights.encoder)
    return encoder.eval()


def decoder_of(source: str | Path) -> AnyDecoder:
    """The decoder that makes latents sound."""
    weights = autoencoder_weights(source)
    decoder = build_decoder(autoencoder_from_dict(weights.config))
    decoder.load_state_dict(weights.decoder)
    return decoder.eval()


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


def stage_of(state: dict[str, Any]) -> str:
    """What a checkpoint is of, as errors name it."""
    return "generator" if "generator_config" in state else "autoencoder" if "decoder" in state else "unknown kind"
