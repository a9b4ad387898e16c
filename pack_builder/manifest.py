"""The pack's own record of itself: `manifest.json`, `manifest.csv` and `checksums.sha256`."""

import csv
import io
import json
import types
import typing
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pack_builder.files import inside, sha256_of, write_atomic

FORMAT = "musika-pack/1"
MANIFEST, TABLE, CHECKSUMS, LICENCE_FILE, README = (
    "manifest.json", "manifest.csv", "checksums.sha256", "LICENSE.txt", "README.txt",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One audio file. Exact values are fractions as text; measured values are None where nothing applied."""

    file: str
    sha256: str
    sample_rate_hz: int
    bits: int
    channels: int
    frames: int
    frames_exact: str
    bpm: float | None
    bpm_exact: str | None
    beats: int | None
    bars: int | None
    meter: str | None
    kind: str
    shape: str
    key: str | None
    density_asked: float | None
    density_measured: float | None
    onsets_per_s: float | None
    job: str
    word: str
    seed: int
    style_seed: int
    start_beat: int
    model: str
    weights_sha256: str
    measured_bpm: float | None
    tempo_error_pct: float | None
    downbeat_offset_ms: float | None
    beat_offset_ms: float | None
    seam_score: float | None
    seam_flux_ratio: float | None
    end_db: float | None
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    gain_db: float
    clipped_frames: int
    attempts: int
    licence: str

    @classmethod
    def from_dict(cls, values: Any) -> "Row":
        """A row from JSON values; raises ValueError where a field is missing, unknown or of another type."""
        if not isinstance(values, dict):
            raise ValueError("manifest row: must be an object")
        types_ = typing.get_type_hints(cls)
        if unknown := sorted(set(values) ^ set(types_)):
            raise ValueError(f"manifest row: field {unknown[0]!r} is missing or unknown")
        for name, expected in types_.items():
            allowed = typing.get_args(expected) if isinstance(expected, types.UnionType) else (expected,)
            wide = (*allowed, int) if float in allowed else allowed
            if not isinstance(values[name], wide) or isinstance(values[name], bool):
                raise ValueError(f"manifest row: field {name!r} holds {values[name]!r:.40}")
        return cls(**values)


@dataclass(frozen=True)
class Model:
    """Weights that made one kind of file."""

    kind: str
    name: str
    weights_sha256: str


@dataclass(frozen=True)
class Manifest:
    """A whole pack: what was asked (`recipe`), with what (`models`, `software`), when, and every file."""

    label: str
    name: str
    created: str
    software: str
    recipe: dict[str, Any]
    models: tuple[Model, ...]
    rows: tuple[Row, ...]

    def to_json(self) -> str:
        head = {key: value for key, value in asdict(self).items() if key != "rows"}
        lines = ",\n    ".join(json.dumps(asdict(row)) for row in self.rows)
        text = json.dumps({"format": FORMAT, "pack": head}, indent=2)[:-2]
        return f'{text},\n  "files": [\n    {lines}\n  ]\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Raises ValueError for anything that `to_json` would not write."""
        try:
            values = json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            raise ValueError("manifest: not valid json") from None
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"manifest: must be of format {FORMAT!r}")
        head, files = values.get("pack"), values.get("files")
        names = {field.name for field in fields(cls)} - {"rows"}
        if not isinstance(head, dict) or set(head) != names or not isinstance(files, list):
            raise ValueError("manifest: must hold a pack and its files")
        if not all(isinstance(head[name], str) for name in ("label", "name", "created", "software")):
            raise ValueError("manifest: label, name, created and software must be text")
        if not isinstance(head["recipe"], dict) or not isinstance(head["models"], list):
            raise ValueError("manifest: must hold a recipe and models")
        return cls(**head | {"models": models_from(head["models"]), "rows": tuple(map(Row.from_dict, files))})

    def to_csv(self) -> str:
        text = io.StringIO()
        table = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(row) for row in self.rows)
        return text.getvalue()


def models_from(values: list[Any]) -> tuple[Model, ...]:
    """Models from JSON values; raises ValueError where one is not kind, name and hash."""
    names = {field.name for field in fields(Model)}
    for value in values:
        if not isinstance(value, dict) or set(value) != names or not all(isinstance(v, str) for v in value.values()):
            raise ValueError(f"manifest: model must hold {', '.join(sorted(names))}")
    return tuple(Model(**value) for value in values)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a pack folder; raises ValueError where there is none or it is damaged."""
    try:
        return Manifest.from_json((folder / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder}: holds no {MANIFEST}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{folder}: {MANIFEST} is not text") from None


def write_manifest(folder: Path, manifest: Manifest, texts: dict[str, str]) -> None:
    """Write the extra `texts`, the table, the checksums and, last, the manifest: where it stands, all is there."""
    written = {**texts, TABLE: manifest.to_csv()}
    for name, text in written.items():
        write_atomic(folder / name, text.encode("utf-8"))
    sums = [(row.sha256, row.file) for row in manifest.rows]
    sums += [(sha256_of(folder / name), name) for name in sorted(written)]
    write_atomic(folder / CHECKSUMS, checksum_text(sums).encode("utf-8"))
    write_atomic(folder / MANIFEST, manifest.to_json().encode("utf-8"))


def checksum_text(sums: Iterable[tuple[str, str]]) -> str:
    """Lines that `sha256sum --check` reads. The manifest is not among them: it alone holds a time of day."""
    return "".join(f"{digest}  {name}\n" for digest, name in sums)


def read_checksums(folder: Path) -> dict[str, str]:
    """File to SHA-256 from `checksums.sha256`; raises ValueError where a line is not one of `sha256sum`'s."""
    sums: dict[str, str] = {}
    try:
        lines = (folder / CHECKSUMS).read_text("utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        raise ValueError(f"{CHECKSUMS}: missing or not text") from None
    for line in lines:
        digest, gap, name = line[:64], line[64:66], line[66:]
        if gap not in ("  ", " *") or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise ValueError(f"{CHECKSUMS}: line {line[:80]!r} is not a checksum")
        inside(folder, name)
        sums[name] = digest
    return sums
