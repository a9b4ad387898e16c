"""Whether the stems of a loop are what the manifest says, and add up to it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from musika_daw.sound.sounds import FORMATS, Format, read_any_header, read_sound
from pack_builder.record.rows import FileStem, Row
from pack_builder.render.stems.stems import tolerance


def row_of_stem(row: Row, stem: FileStem) -> Row:
    """A stem as a row of its own: its loop's in all but its file, its part and its level."""
    return replace(
        row,
        file=stem.file,
        sound=replace(row.sound, sha256=stem.sha256),
        music=replace(row.music, role=stem.role),
        quality=replace(row.quality, loudness_lufs=stem.loudness_lufs, true_peak_dbtp=stem.true_peak_dbtp),
        midi=None,
        stems=None,
    )


def check_sum(folder: Path, row: Row) -> Iterator[str]:
    """What differs between a loop and the sum of its stems, where all of them can be read."""
    if row.stems is None:
        return
    try:
        loop = read_sound(folder / row.file)[0]
        parts = [read_sound(folder / stem.file)[0] for stem in row.stems.files]
    except (ValueError, OSError):
        return  # said of that file
    if any(part.shape != loop.shape for part in parts) or not len(loop):
        return
    together = np.sum(parts, axis=0, dtype=np.float64)
    off = float(np.abs(together - loop * 10 ** (row.stems.gain_db / 20)).max())
    allowed = tolerance(format_of(row), len(parts))
    if not off <= allowed:
        yield f"its stems add up to it but for {20 * np.log10(off):.1f} dBFS, allowed are {20 * np.log10(allowed):.1f}"


def check_part(folder: Path, row: Row, stem: FileStem) -> Iterator[str]:
    """Where a stem says of itself that it is another part, or one of another loop."""
    try:
        said = json.loads(read_any_header(folder / stem.file).tags.info.get("ICMT", "{}"))
        found = (said.get("stem"), said.get("loop"))
    except (ValueError, OSError, AttributeError):
        return  # said of that file
    if found != (stem.role, Path(row.file).name):
        yield f"says that it is {found[0]} of {found[1]}, manifest says {stem.role} of {Path(row.file).name}"


def format_of(row: Row) -> Format:
    """The format that a file of a pack was written in."""
    suffix = Path(row.file).suffix
    return next(form for form in FORMATS.values() if (form.suffix, form.bits) == (suffix, row.sound.bits))
