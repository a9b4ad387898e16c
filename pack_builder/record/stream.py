"""Reading a manifest line by line, in the memory of one row: its head, its rows and its gaps.

`manifest.json` has one file a line (see `manifest`). One that another program wrote in another form is read as a whole.
"""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TextIO

from pack_builder.record.manifest import MANIFEST, Head, Manifest, read_manifest
from pack_builder.record.rows import Gap, Row

_FILES, _GAPS, _END = '  "files": [', '  "gaps": [', "  ]"
_HEAD_LIMIT_LINES = 10_000


def read_head(folder: Path) -> Head:
    """The head of a pack's manifest; raises ValueError where there is no manifest or it is damaged."""
    with _open(folder) as stream:
        head = _head(stream)
    return _only_head(read_manifest(folder)) if head is None else head


def iter_rows(folder: Path) -> Iterator[Row]:
    """The rows of a pack's manifest, one at a time; raises ValueError where it turns out to be damaged."""
    for entry in _entries(folder, gaps=False):
        assert isinstance(entry, Row)
        yield entry


def iter_gaps(folder: Path) -> Iterator[Gap]:
    """The files that were given up, one at a time; raises ValueError where the manifest is damaged."""
    for entry in _entries(folder, gaps=True):
        if isinstance(entry, Gap):
            yield entry


def _only_head(manifest: Manifest) -> Head:
    return Head(**{field.name: getattr(manifest, field.name) for field in fields(Head)})


def _open(folder: Path) -> TextIO:
    try:
        return (folder / MANIFEST).open(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"{folder}: holds no {MANIFEST}") from None


def _lines(stream: TextIO) -> Iterator[str]:
    try:
        for line in stream:
            yield line.rstrip("\n")
    except UnicodeDecodeError:
        raise ValueError(f"{MANIFEST} is not text") from None


def _head(stream: TextIO) -> Head | None:
    """What stands before the files; the stream goes on with them. None where the form is not ours."""
    text: list[str] = []
    for line, _ in zip(_lines(stream), range(_HEAD_LIMIT_LINES)):
        if line.startswith(_FILES):
            return _only_head(Manifest.from_json("\n".join([*text, '"files": [], "gaps": []}'])))
        text.append(line)
    return None


def _section(lines: Iterator[str]) -> Iterator[str]:
    """The entries of a list as texts; the lines go on behind its end."""
    for line in lines:
        if line.startswith(_END):
            return
        yield line.removesuffix(",")
    raise ValueError("manifest: cut short")


def _parsed(texts: Iterator[str]) -> Iterator[Any]:
    for text in texts:
        try:
            yield json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            raise ValueError("manifest: not valid json") from None


def _entries(folder: Path, gaps: bool) -> Iterator[Row | Gap]:
    with _open(folder) as stream:
        if _head(stream) is None:
            whole = read_manifest(folder)
            yield from (whole.gaps if gaps else whole.rows)
            return
        lines = _lines(stream)
        if not gaps:
            yield from map(Row.from_dict, _parsed(_section(lines)))
            return
        for _ in _section(lines):
            pass
        if next(lines, "") != _GAPS:
            raise ValueError("manifest: cut short")
        yield from map(Gap.from_dict, _parsed(_section(lines)))
