"""The files of stems: their place beside the loop, their labels, their bytes."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import PurePosixPath

from musika_daw.sound.sounds import FORMATS, encode
from musika_daw.sound.tags import ACID_ROOT_SET, Tags
from pack_builder.plan.names import path_of_stem
from pack_builder.plan.options import BuildOptions
from pack_builder.record.beside import WITHOUT_KEY, FileStem, FileStems
from pack_builder.render.finish import measure
from pack_builder.render.stems.stems import Stems


def stem_files(stems: Stems, loop: str, tags: Tags, options: BuildOptions) -> tuple[FileStems, tuple[bytes, ...]]:
    """What the manifest says of the stems of a loop with these tags, and the bytes of each."""
    rows, data = [], []
    for role, samples in stems.parts.items():
        file = path_of_stem(loop, role)
        said = tags_of_stem(tags, PurePosixPath(loop).name, PurePosixPath(file).stem, role, gain_db=stems.gain_db)
        data.append(encode(samples, options.finish.sample_rate_hz, said, FORMATS[options.finish.format]))
        level = measure(samples, options.finish.sample_rate_hz, loops=True)
        digest = hashlib.sha256(data[-1]).hexdigest()
        rows.append(FileStem(role, file, digest, _short(level.loudness_lufs), _short(level.true_peak_dbtp)))
    return FileStems(stems.gain_db, tuple(rows)), tuple(data)


def tags_of_stem(tags: Tags, loop: str, name: str, role: str, *, gain_db: float) -> Tags:
    """The loop's tags for one of its parts: which one, and of which loop."""
    facts = json.loads(tags.info["ICMT"]) | {"stem": role, "loop": loop}
    if gain_db:
        facts["stems_gain_db"] = gain_db
    key = None if role in WITHOUT_KEY else tags.key
    acid = tags.acid
    if key is None:
        facts.pop("key", None)
        if acid is not None:
            acid = replace(acid, flags=acid.flags & ~ACID_ROOT_SET, root_note=60)
    return replace(tags, info=tags.info | {"INAM": name, "ICMT": json.dumps(facts)}, key=key, acid=acid)


def _short(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
