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
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from musika_daw.system.atomic import part_of
from musika_daw.system.refusal import refused

FORMAT = "musika-daw/1"
ROLES = ("generator", "decoder", "encoder")
SHIPPED = Path(__file__).parents[1] / "weights"
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
        raise refused("weights", path, "some are not finite in half precision")
    digest = tensor_hash(half)
    header = {"format": FORMAT, "role": role, "hash": digest, "config": json.dumps(config), "facts": json.dumps(facts)}
    with part_of(Path(path)) as part:
        save_file(half, part, metadata=header)
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
    if role == "generator":
        _check_generator_facts(path, facts)
    return Weights(path, role, config, facts, header["hash"], {k: v.float() for k, v in tensors.items()})


def _check_generator_facts(path: Path, facts: Any) -> None:
    """What the engine reads of a generator must be there, and its decoder must lie beside it."""
    names = ("name", "kind", "decoder", "decoder_hash")
    whole = isinstance(facts, dict) and all(isinstance(facts.get(n), str) for n in names)
    if not whole or not isinstance(facts.get("labels"), list):
        raise ValueError(f"model: {path} does not say its {', '.join(names)} and labels")
    if Path(facts["decoder"]).name != facts["decoder"]:
        raise ValueError(f"model: {path} names a decoder in another folder, {facts['decoder']!r}")


def role_of(path: Path) -> str | None:
    """The role a weights file declares, or None if it is not one of ours."""
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("role")
    except (SafetensorError, OSError, ValueError):
        return None


def _shipped() -> dict[str, Path]:
    """Generators inside the package by name; one that has a folder of its own is called as it."""
    found = [*SHIPPED.glob("*.safetensors"), *SHIPPED.glob("*/*.safetensors")]
    own = [p for p in found if p.parent == SHIPPED or p.stem == p.parent.name]
    return {p.stem: p for p in sorted(own) if role_of(p) == "generator"}


def shipped_models() -> list[str]:
    """Short names of the models inside the package."""
    return sorted(_shipped())


def user_folder() -> Path:
    """Where a user's own models live: $MUSIKA_MODELS, else the place for data that the system has for programs."""
    if given := os.environ.get("MUSIKA_MODELS"):
        return Path(given).expanduser()
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "musika-daw" / "models"


def user_models() -> list[str]:
    """Short names of the user's own models: the folders in `user_folder()` that hold one generator."""
    folder = user_folder()
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and len(_generators(p)) == 1)


def check_name(name: str) -> str:
    """A name under which a model may be saved; ValueError for one that is taken or no plain file name."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
        raise ValueError(f"name: {name!r}, must be 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit")
    if name in shipped_models() or name in ROLES:
        raise refused("name", name, f"is taken, must be none of {', '.join([*shipped_models(), *ROLES])}")
    return name


def find_model(model: str | Path) -> Path:
    """The generator file of a short name, a folder that holds one, or a file; ValueError if there is none.

    The names of shipped models come first, then files and folders, then the user's own models.
    """
    if isinstance(model, str) and (path := _shipped().get(model)) is not None:
        return path
    path = Path(model)
    if not str(model).strip():
        raise _no_model(model)  # an empty path would be the folder one is in
    if path.is_file():
        return path
    # a run or another folder that happens to have the name of a model does not hide it
    own = user_folder() / path if isinstance(model, str) and path.name == model else None
    if own is not None and own.is_dir() and not _generators(path):
        path = own
    if path.is_dir():
        found = _generators(path)
        if len(found) != 1:
            raise ValueError(f"model: {path} holds {len(found)} generator weights, must hold 1")
        return found[0]
    raise _no_model(model)


def _no_model(model: str | Path) -> ValueError:
    names = ", ".join([*shipped_models(), *user_models()])
    return refused("model", str(model), f"is neither one of {names} nor a folder or file")


def _generators(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.glob("*.safetensors")) if role_of(p) == "generator"]
