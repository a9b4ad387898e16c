"""What the manifest says of that which lies beside a file or goes on in it: its notes, stems, chords, named style."""

from dataclasses import dataclass
from typing import Any

from pack_builder.record.checked import checked

WITHOUT_KEY = ("drums",)
"""Stems that are not told the key of their loop: a host would move them to that of a song."""


@dataclass(frozen=True)
class FileMidi:
    """The MIDI file beside a file: its notes, and its length in ticks, 960 a quarter note of its tempo."""

    file: str
    sha256: str
    notes: int
    ticks: int
    bpm: float


@dataclass(frozen=True)
class FileChord:
    """A chord of a file, from a beat (a quarter note from the file's start) on."""

    beat: float
    chord: str


@dataclass(frozen=True)
class FileStem:
    """One part of a loop in a file of its own: which part, and its level. All else of it is as in the loop's row."""

    role: str
    file: str
    sha256: str
    loudness_lufs: float | None
    true_peak_dbtp: float | None


@dataclass(frozen=True)
class FileStems:
    """The parts of a loop. They add up to it at `gain_db`, which is 0 unless one alone would pass full scale."""

    gain_db: float
    files: tuple[FileStem, ...]

    @classmethod
    def from_dict(cls, values: Any) -> "FileStems":
        """Stems from JSON values; raises ValueError as `Row.from_dict` does."""
        if not isinstance(values, dict) or values.keys() != {"gain_db", "files"}:
            raise ValueError("manifest: stems must hold gain_db and files")
        gain_db, files = values["gain_db"], values["files"]
        number = isinstance(gain_db, int | float) and not isinstance(gain_db, bool)
        if not number or not isinstance(files, list) or not files:
            raise ValueError("manifest: stems must hold gain_db and files")
        return cls(gain_db, tuple(FileStem(**checked(FileStem, each, "stem")) for each in files))

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads."""
        return {"gain_db": self.gain_db, "files": [vars(each) for each in self.files]}


def chords_from(values: Any) -> tuple[FileChord, ...]:
    """Chords from JSON values; raises ValueError as `Row.from_dict` does."""
    if not isinstance(values, list) or not values:
        raise ValueError("manifest: chords must be a list of chords")
    return tuple(FileChord(**checked(FileChord, each, "chord")) for each in values)


def style_from(value: Any) -> str:
    """The name of a style; raises ValueError as `Row.from_dict` does."""
    if not isinstance(value, str) or not value:
        raise ValueError("manifest: style must be a name")
    return value


def beside_plain(value: Any) -> Any:
    """What stands on disk of one of these: a name, an object, or a list of them."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return [vars(each) for each in value]
    return value.to_dict() if isinstance(value, FileStems) else vars(value)
