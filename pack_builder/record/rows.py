"""What the manifest says of one file, one gap, one model."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from pack_builder.record.beside import (
    WITHOUT_KEY,
    FileChord,
    FileMidi,
    FileStems,
    beside_plain,
    chords_from,
    style_from,
)
from pack_builder.record.checked import BESIDE, checked


@dataclass(frozen=True)
class FileSound:
    """A file as its header has it. `frames_exact` is the length before it was rounded, a fraction as text."""

    sha256: str
    sample_rate_hz: int
    bits: int
    channels: int
    frames: int
    frames_exact: str


@dataclass(frozen=True)
class FileMusic:
    """What a file is to a musician: None where something does not apply, such as the tempo of a take.

    `density_curve` holds the asked and the measured density of a take as [[seconds, density]], their agreement, and
    what was counted (see `record.density`).
    """

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


@dataclass(frozen=True)
class FileSource:
    """What a file was made from: enough to make it again."""

    job: str
    word: str
    seed: int
    style_seed: int
    start_beat: int
    model: str
    weights_sha256: str
    finish: str


@dataclass(frozen=True)
class FileQuality:
    """What was measured on a file, None where nothing applied, and how it stood against the limits.

    `tried` holds every attempt at the file with its seed, its measurements and the limits that it broke; `broken`
    is empty unless the file was kept as the best of bad ones.
    """

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


@dataclass(frozen=True)
class Row:
    """One audio file. On disk its records stand side by side, in this order, in one flat object (`plain`).

    `midi` and `stems` are objects of their own there, `chords` a list of them, `style` the named style, in the rows of
    files that have them.
    Chords are those that were typed or played while the file was heard, each until the next.
    """

    file: str
    sound: FileSound
    music: FileMusic
    source: FileSource
    quality: FileQuality
    licence: str
    midi: FileMidi | None = None
    stems: FileStems | None = None
    chords: tuple[FileChord, ...] | None = None
    style: str | None = None

    @classmethod
    def from_dict(cls, values: Any) -> "Row":
        """A row from flat JSON values; raises ValueError where a field is missing, unknown or of another type."""
        midi = stems = chords = style = None
        if isinstance(values, dict):
            if "midi" in values:
                midi = FileMidi(**checked(FileMidi, values["midi"], "midi"))
            if "stems" in values:
                stems = FileStems.from_dict(values["stems"])
            if "chords" in values:
                chords = chords_from(values["chords"])
            if "style" in values:
                style = style_from(values["style"])
            values = {name: value for name, value in values.items() if name not in BESIDE}
        values = checked(cls, values, "row")
        records = {
            name: record(**{field.name: values[field.name] for field in fields(record)})
            for name, record in _RECORDS.items()
        }
        return cls(
            file=values["file"],
            licence=values["licence"],
            midi=midi,
            stems=stems,
            chords=chords,
            style=style,
            **records,
        )

    @property
    def job(self) -> str:
        """The key of the job that made the file, as a gap has it."""
        return self.source.job

    @property
    def sums(self) -> dict[str, str]:
        """SHA-256 of the file, and of its stems and the MIDI file beside it, by their names."""
        beside = {self.midi.file: self.midi.sha256} if self.midi else {}
        parts = {each.file: each.sha256 for each in self.stems.files} if self.stems else {}
        return {self.file: self.sound.sha256} | beside | parts

    def apart(self) -> "Iterator[Row]":
        """The stems as rows of their own: those of the loop in all but their file, their part and their level."""
        for stem in self.stems.files if self.stems else ():
            quality = replace(self.quality, loudness_lufs=stem.loudness_lufs, true_peak_dbtp=stem.true_peak_dbtp)
            key = None if stem.role in WITHOUT_KEY else self.music.key
            sound, music = replace(self.sound, sha256=stem.sha256), replace(self.music, role=stem.role, key=key)
            yield replace(self, file=stem.file, sound=sound, music=music, quality=quality, midi=None, stems=None)

    @property
    def loops(self) -> bool:
        """Whether the file is made to repeat."""
        return self.music.shape in ("loop", "fill")

    @property
    def seconds(self) -> float:
        return self.sound.frames / self.sound.sample_rate_hz


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
        return cls(**checked(cls, values, "gap"))

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
    """Weights that made one kind of file, and the precision that they were multiplied in."""

    kind: str
    name: str
    weights_sha256: str
    precision: str = "32"


_RECORDS: dict[str, type[Any]] = {"sound": FileSound, "music": FileMusic, "source": FileSource, "quality": FileQuality}


def plain(entry: Row | Gap) -> dict[str, Any]:
    """Names and values as they stand on disk, not copied: `dataclasses.asdict` would copy every attempt."""
    flat: dict[str, Any] = {}
    for name, value in vars(entry).items():
        if name in BESIDE:
            flat |= {} if value is None else {name: beside_plain(value)}
        else:
            flat |= vars(value) if is_dataclass(value) else {name: value}
    return flat


def models_from(values: list[Any]) -> tuple[Model, ...]:
    """Models from JSON values, of earlier packs without a precision; raises ValueError where one is no model."""
    names = {field.name for field in fields(Model)}
    for value in values:
        if (
            not isinstance(value, dict)
            or {*value, "precision"} != names
            or not all(isinstance(v, str) for v in value.values())
        ):
            raise ValueError(f"manifest: model must hold {', '.join(sorted(names))}")
    return tuple(Model(**value) for value in values)
