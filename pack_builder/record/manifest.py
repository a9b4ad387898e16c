"""The pack's own record of itself: `manifest.json`, `manifest.csv` and `checksums.sha256`.

`manifest.json` holds one file a line between its head and its gaps, so that it is written, and can be read, line by
line: a pack of 100,000 files passes through in the memory of one.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TextIO

from musika_daw.system.atomic import inside, replacing, sha256_of, write_atomic
from pack_builder.record.checked import BESIDE, disk_fields
from pack_builder.record.rows import Gap, Model, Row, models_from, plain

__all__ = ["Gap", "Manifest", "Model", "Row", "models_from", "read_manifest"]

FORMAT = "musika-pack/2"
MANIFEST, TABLE, CHECKSUMS, LICENCE_FILE, README = (
    "manifest.json",
    "manifest.csv",
    "checksums.sha256",
    "LICENSE.txt",
    "README.txt",
)
_TEXTS = ("label", "name", "created", "software")
_NOT_IN_TABLE = ("tried", "density_curve", *BESIDE)


@dataclass(frozen=True)
class Head:
    """What was asked (`recipe`), with what (`models`, `software`) and when."""

    label: str
    name: str
    created: str
    software: str
    recipe: dict[str, Any]
    models: tuple[Model, ...]


@dataclass(frozen=True)
class Manifest(Head):
    """A whole pack: its head, every file, and the files that were given up."""

    rows: tuple[Row, ...]
    gaps: tuple[Gap, ...] = ()

    def to_json(self) -> str:
        text = io.StringIO()
        _write_json(text, self, self.rows, self.gaps)
        return text.getvalue()

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Raises ValueError for anything that `to_json` would not write."""
        try:
            values = json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            raise ValueError("manifest: not valid json") from None
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"manifest: must be of format {FORMAT!r}")
        head, files, gaps = values.get("pack"), values.get("files"), values.get("gaps")
        if not isinstance(head, dict) or set(head) != {field.name for field in fields(Head)}:
            raise ValueError("manifest: must hold a pack and its files")
        if not isinstance(files, list) or not isinstance(gaps, list):
            raise ValueError("manifest: must hold a pack and its files")
        if not all(isinstance(head[name], str) for name in _TEXTS):
            raise ValueError("manifest: label, name, created and software must be text")
        if not isinstance(head["recipe"], dict) or not isinstance(head["models"], list):
            raise ValueError("manifest: must hold a recipe and models")
        return cls(
            **head | {"models": models_from(head["models"])},
            rows=tuple(map(Row.from_dict, files)),
            gaps=tuple(map(Gap.from_dict, gaps)),
        )

    def to_csv(self) -> str:
        text = io.StringIO()
        table = _table(text)
        for row in self.rows:
            table.writerow(_cells(row))
        return text.getvalue()


def _table(stream: TextIO) -> "csv.DictWriter[str]":
    names = [name for name in disk_fields(Row) if name not in _NOT_IN_TABLE]
    table = csv.DictWriter(stream, names, lineterminator="\n")
    table.writeheader()
    return table


def _cells(row: Row) -> dict[str, Any]:
    cells = {name: value for name, value in plain(row).items() if name not in _NOT_IN_TABLE}
    return cells | {"broken": " ".join(row.quality.broken)}


def _write_json(stream: TextIO, head: Head, rows: Iterable[Row], gaps: Iterable[Gap]) -> None:
    pack = {field.name: getattr(head, field.name) for field in fields(Head)}
    pack["models"] = [asdict(model) for model in head.models]
    stream.write(json.dumps({"format": FORMAT, "pack": pack}, indent=2)[:-2])
    lists: tuple[tuple[str, Iterable[Row | Gap]], ...] = (("files", rows), ("gaps", gaps))
    for name, entries in lists:
        stream.write(f',\n  "{name}": [')
        for index, entry in enumerate(entries):
            stream.write(("," if index else "") + "\n    " + json.dumps(plain(entry)))
        stream.write("\n  ]")
    stream.write("\n}\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a pack folder; raises ValueError where there is none or it is damaged."""
    try:
        return Manifest.from_json((folder / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder}: holds no {MANIFEST}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{folder}: {MANIFEST} is not text") from None


def write_manifest(
    folder: Path, head: Head, rows: Iterable[Row], gaps: Iterable[Gap], *, texts: dict[str, str]
) -> None:
    """Write the extra `texts` (file name to text), the table, the checksums and, last, the manifest: where it stands,
    all is there. The rows are gone through once; texts that are already in place are named with an empty text."""
    for name, text in texts.items():
        if text:
            write_atomic(folder / name, text.encode("utf-8"))
    with ExitStack() as stack:
        # the last to be entered is the first to get its name: the manifest is entered first
        manifest = stack.enter_context(replacing(folder / MANIFEST))
        sums = stack.enter_context(replacing(folder / CHECKSUMS))
        with replacing(folder / TABLE) as table_stream:
            table = _table(table_stream)

            def passed() -> Iterator[Row]:
                for row in rows:
                    table.writerow(_cells(row))
                    sums.write(checksum_text((digest, name) for name, digest in row.sums.items()))
                    yield row

            _write_json(manifest, head, passed(), gaps)
        sums.write(checksum_text((sha256_of(folder / name), name) for name in sorted({*texts, TABLE})))


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
