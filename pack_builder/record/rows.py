"""What the manifest says of one file, one gap, one model."""

import types
import typing
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T", "Row", "Gap")


@dataclass(frozen=True)
class Row:
    """One audio file. Exact values are fractions as text; measured values are None where nothing applied.

    `tried` holds every attempt at the file with its seed, its measurements and the limits that it broke; `broken`
    is empty unless the file was kept as the best of bad ones.
    """

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
    role: str
    kit: str | None
    key: str | None
    key_fit: float
    root_note: int | None
    root_cents: float | None
    likeness: float | None
    onset_s: float | None
    density_asked: float | None
    density_measured: float | None
    onsets_per_s: float | None
    density_curve: dict[str, Any] | None
    energy_asked: float | None
    job: str
    word: str
    seed: int
    style_seed: int
    start_beat: int
    model: str
    weights_sha256: str
    finish: str
    measured_bpm: float | None
    tempo_error_pct: float | None
    downbeat_offset_ms: float | None
    beat_offset_ms: float | None
    seam_score: float | None
    seam_flux_ratio: float | None
    seam_step: float | None
    end_db: float | None
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    gain_db: float
    clipped_frames: int
    inside_limits: bool
    broken: list[str]
    attempts: int
    tried: list[dict[str, Any]]
    licence: str

    @classmethod
    def from_dict(cls, values: Any) -> "Row":
        """A row from JSON values; raises ValueError where a field is missing, unknown or of another type."""
        return _checked(cls, values, "row")

    @property
    def loops(self) -> bool:
        """Whether the file is made to repeat."""
        return self.shape in ("loop", "fill")

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate_hz


@dataclass(frozen=True)
class Gap:
    """A file that was asked for and is not there: no attempt kept to the limits."""

    job: str
    kind: str
    shape: str
    role: str
    bpm: float | None
    tried: list[dict[str, Any]]

    @classmethod
    def from_dict(cls, values: Any) -> "Gap":
        """A gap from JSON values; raises ValueError as `Row.from_dict` does."""
        return _checked(cls, values, "gap")

    @property
    def reasons(self) -> dict[str, int]:
        """How many attempts broke each limit, the most frequent first."""
        counts: dict[str, int] = {}
        for attempt in self.tried:
            for name in attempt.get("broken", {}):
                counts[name] = counts.get(name, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class Model:
    """Weights that made one kind of file."""

    kind: str
    name: str
    weights_sha256: str


@cache
def _allowed(cls: type) -> dict[str, tuple[type, ...]]:
    """The types that each field may hold; a whole number is a number."""
    found = {}
    for name, expected in typing.get_type_hints(cls).items():
        members = typing.get_args(expected) if isinstance(expected, types.UnionType) else (expected,)
        allowed = tuple(typing.get_origin(member) or member for member in members)
        found[name] = (*allowed, int) if float in allowed else allowed
    return found


def _checked(cls: type[T], values: Any, what: str) -> T:
    if not isinstance(values, dict):
        raise ValueError(f"manifest {what}: must be an object")
    allowed = _allowed(typing.cast(Any, cls))
    if values.keys() != allowed.keys():
        raise ValueError(f"manifest {what}: field {min(values.keys() ^ allowed.keys())!r} is missing or unknown")
    for name, kinds in allowed.items():
        value = values[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError(f"manifest {what}: field {name!r} holds {value!r:.40}")
    return cls(**values)


def plain(entry: Row | Gap) -> dict[str, Any]:
    """Field names and values, not copied: `dataclasses.asdict` would copy every attempt."""
    return {field.name: getattr(entry, field.name) for field in fields(entry)}


def models_from(values: list[Any]) -> tuple[Model, ...]:
    """Models from JSON values; raises ValueError where one is not kind, name and hash."""
    names = {field.name for field in fields(Model)}
    for value in values:
        if not isinstance(value, dict) or set(value) != names or not all(isinstance(v, str) for v in value.values()):
            raise ValueError(f"manifest: model must hold {', '.join(sorted(names))}")
    return tuple(Model(**value) for value in values)
