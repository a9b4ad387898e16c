"""Weights on disk: safetensors in half precision, each file with its configuration and hash in the header.

```
NAME.safetensors      role "generator": the latent generator, mean and deviation of its latents
decoder.safetensors   role "decoder": latents to wave; named in the generator's header
encoder.safetensors   role "encoder": wave to latents, for training on the same latents
```
Nothing here can run code: safetensors holds tensors and strings only, and pickles are refused by name.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

FORMAT = "musika-daw/1"
ROLES = ("generator", "decoder", "encoder")
SHIPPED = Path(__file__).parent / "weights"
MAX_BYTES = 16_000_000


@dataclass(frozen=True)
class Weights:
    """One file's content: float32 tensors and the header's facts."""

    path: Path
    role: str
    config: dict[str, Any]
    facts: dict[str, Any]
    hash: str
    tensors: dict[str, Tensor]


def tensor_hash(tensors: dict[str, Tensor]) -> str:
    """SHA-256 hex over names, shapes and half-precision values, in name order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().half().contiguous()
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def save_weights(
    path: Path, role: str, tensors: dict[str, Tensor], config: dict[str, Any], facts: dict[str, Any]
) -> str:
    """Write one weights file whole or not at all; returns its hash."""
    half = {k: v.detach().half().contiguous() for k, v in tensors.items()}
    if not all(torch.isfinite(v).all() for v in half.values()):
        raise ValueError(f"weights {path}: some are not finite in half precision")
    digest = tensor_hash(half)
    header = {"format": FORMAT, "role": role, "hash": digest, "config": json.dumps(config), "facts": json.dumps(facts)}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    save_file(half, part, metadata=header)
    part.replace(path)
    return digest


def load_weights(path: Path, role: str) -> Weights:
    """Read and check one weights file.

    Raises ValueError, in one line, for a pickle, a truncated or foreign file, another role, or a wrong hash.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"model: no weights file {path}")
    with path.open("rb") as file:
        magic = file.read(2)
    if magic in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        raise ValueError(f"model: {path} is a pickle or zip checkpoint; only safetensors weights are loaded")
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"model: {path} is not a whole safetensors file ({error})") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"model: {path} was not made by musika-daw (format {header.get('format')}, need {FORMAT})")
    if header.get("role") != role:
        raise ValueError(f"model: {path} holds a {header.get('role')}, need a {role}")
    if tensor_hash(tensors) != header.get("hash"):
        raise ValueError(f"model: {path} is damaged (its hash is not the one in its header)")
    try:
        config, facts = json.loads(header["config"]), json.loads(header["facts"])
    except (KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"model: {path} has no readable header") from error
    return Weights(path, role, config, facts, header["hash"], {k: v.float() for k, v in tensors.items()})


def role_of(path: Path) -> str | None:
    """The role a weights file declares, or None if it is not one of ours."""
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("role")
    except (SafetensorError, OSError, ValueError):
        return None


def shipped_models() -> list[str]:
    """Short names of the models inside the package."""
    return sorted(p.stem for p in SHIPPED.glob("*.safetensors") if role_of(p) == "generator")


def find_model(model: str | Path) -> Path:
    """The generator file of a short name, a folder that holds one, or a file; ValueError if there is none."""
    shipped = SHIPPED / f"{model}.safetensors"
    if isinstance(model, str) and model in shipped_models():
        return shipped
    path = Path(model)
    if path.is_dir():
        found = [p for p in sorted(path.glob("*.safetensors")) if role_of(p) == "generator"]
        if len(found) != 1:
            raise ValueError(f"model: {path} holds {len(found)} generator weights, must hold 1")
        return found[0]
    if path.is_file():
        return path
    raise ValueError(f"model: {str(model)!r} is neither one of {', '.join(shipped_models())} nor a folder or file")
