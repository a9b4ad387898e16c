"""Whether the stems of a loop are what the manifest says, and add up to it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from musika_daw.sound.sounds import FORMATS, Format, read_any_header, read_sound
from musika_daw.system.atomic import inside
from pack_builder.record.rows import Row
from pack_builder.render.stems.stems import tolerance


def check_sum(folder: Path, row: Row) -> Iterator[str]:
    """What differs between a loop and the sum of its stems, where all of them can be read."""
    if row.stems is None:
        return
    try:
        loop = read_sound(inside(folder, row.file))[0]
        parts = [read_sound(inside(folder, stem.file))[0] for stem in row.stems.files]
    except (ValueError, OSError):
        return  # said of that file
    written = format_of(row)
    if written is None or any(part.shape != loop.shape for part in parts) or not len(loop):
        return
    together = np.sum(parts, axis=0, dtype=np.float64)
    off = float(np.abs(together - loop * 10 ** (row.stems.gain_db / 20)).max())
    allowed = tolerance(written, len(parts), max(float(np.abs(part).max()) for part in parts))
    if not off <= allowed:
        yield f"its stems add up to it but for {20 * np.log10(off):.1f} dBFS, allowed are {20 * np.log10(allowed):.1f}"


def check_part(folder: Path, row: Row, stem: Row) -> Iterator[str]:
    """Where a stem says of itself that it is another part, or one of another loop."""
    try:
        said = json.loads(read_any_header(inside(folder, stem.file)).tags.info.get("ICMT", "{}"))
        found = (said.get("stem"), said.get("loop"))
    except (ValueError, OSError, AttributeError):
        return  # said of that file
    wanted = (stem.music.role, Path(row.file).name)
    if found != wanted:
        yield f"says that it is {found[0]} of {found[1]}, manifest says {wanted[0]} of {wanted[1]}"


def format_of(row: Row) -> Format | None:
    """The format that a file of a pack was written in; None for bits that no such file has."""
    suffix = Path(row.file).suffix
    return next((form for form in FORMATS.values() if (form.suffix, form.bits) == (suffix, row.sound.bits)), None)
