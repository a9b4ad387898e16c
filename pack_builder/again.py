"""Making a pack again from its own record, in whole or in part, and adding to it."""

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from pack_builder.plan.options import BuildOptions, Extension
from pack_builder.plan.recipe import options_from
from pack_builder.record.journal import read_state
from pack_builder.record.manifest import MANIFEST
from pack_builder.record.rows import Model, Row
from pack_builder.record.stream import iter_rows, read_head


def options_again(manifest_path: str, only: tuple[str, ...], **outside: Any) -> tuple[BuildOptions, Path]:
    """Options that make the pack of a manifest (a folder or its `manifest.json`) again, and the folder it lies in.

    `only` names files: a name or path, its word, its job, or a pattern with `*`. Raises ValueError where the
    manifest cannot be read or nothing in it has that name.
    """
    path = Path(manifest_path)
    folder = path.parent if path.name == MANIFEST else path
    head = read_head(folder)
    jobs: list[str] = []
    for name in only:
        found = [row.job for row in iter_rows(folder) if _named(row, name)]
        if not found:
            raise ValueError(f"--only {name!r}: must name a file of {folder / MANIFEST}, a word of one or a pattern")
        jobs += [job for job in found if job not in jobs]
    options = options_from(head.recipe, weights=_weights(head.models), **outside)
    return (replace(options, only=tuple(jobs)) if jobs else options), folder


def _named(row: Row, name: str) -> bool:
    path = PurePosixPath(row.file)
    return any(fnmatchcase(text, name) for text in (row.file, path.name, path.stem, row.word, row.job))


def _weights(models: tuple[Model, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((model.kind, model.weights_sha256) for model in models)


def differences(folder: Path, made: Path) -> list[str]:
    """Files of the pack in `made` that are not what the manifest in `folder` says, by name."""
    said = {row.job: row.sha256 for row in iter_rows(folder)}
    return [row.file for row in iter_rows(made) if said.get(row.job) != row.sha256]


def options_extended(folder: str, loops: int, takes: int, resume: bool, **outside: Any) -> BuildOptions:
    """Options of the pack in a folder with `loops` and `takes` more; with `resume`, as an extension left it.

    Raises ValueError where the folder holds no whole pack, or the pack has no such kind.
    """
    place = Path(folder)
    state = read_state(place) if place.is_dir() else None
    if state is None:
        raise ValueError(f"{folder}: holds no pack")
    options = options_from(state.recipe, out=place, resume=resume, weights=_weights(state.models), **outside)
    if options.only:
        raise ValueError(f"{folder}: holds part of a pack (--only), must be a whole one")
    if not state.complete:
        if not resume:
            raise ValueError(f"{folder}: holds an unfinished pack; add --resume to go on")
        return options
    if loops and not options.loop_kinds:
        raise ValueError(f"--loops {loops}: the pack has no kind of loops, allowed is 0")
    if takes and "piano" not in options.kinds:
        raise ValueError(f"--takes {takes}: the pack has no kind of takes, allowed is 0")
    if not loops and not takes:
        if resume:
            return options
        raise ValueError("--loops 0 with --takes 0: at least one must be added")
    return replace(options, extensions=(*options.extensions, Extension(loops, takes)), resume=True)
