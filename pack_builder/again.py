"""Making a pack again from its own record, in whole or in part, and adding to it."""

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from musika_daw.system.refusal import refused
from pack_builder.plan.music import Extension
from pack_builder.plan.options import BuildOptions, Place
from pack_builder.plan.recipe import options_from
from pack_builder.record.journal import read_state
from pack_builder.record.manifest import MANIFEST
from pack_builder.record.rows import Model, Row
from pack_builder.record.stream import iter_rows, read_head


def folder_of(manifest_path: str) -> Path:
    """Folder of a pack, given as that or as its `manifest.json`. Raises ValueError where no manifest can be read."""
    path = Path(manifest_path)
    folder = path.parent if path.name == MANIFEST else path
    read_head(folder)
    return folder


def options_again(manifest_path: str, only: tuple[str, ...], place: Place) -> tuple[BuildOptions, Path]:
    """Options that make the pack of a manifest (a folder or its `manifest.json`) again, and the folder it lies in.

    `only` names files: a name or path, its word, its job, or a pattern with `*`. Raises ValueError where the
    manifest cannot be read or nothing in it has that name.
    """
    folder = folder_of(manifest_path)
    head = read_head(folder)
    jobs: list[str] = []
    for name in only:
        found = [row.job for row in iter_rows(folder) if _named(row, name)]
        if not found:
            raise refused("--only", name, f"must name a file of {folder / MANIFEST}, a word of one or a pattern")
        jobs += [job for job in found if job not in jobs]
    options = options_from(head.recipe, _with_models(place, head.models))
    return (options.changed(only=tuple(jobs)) if jobs else options), folder


def _named(row: Row, name: str) -> bool:
    path = PurePosixPath(row.file)
    return any(fnmatchcase(text, name) for text in (row.file, path.name, path.stem, row.source.word, row.job))


def _with_models(place: Place, models: tuple[Model, ...]) -> Place:
    """A place where weights and precision are those of a pack."""
    weights = tuple((model.kind, model.weights_sha256) for model in models)
    return replace(place, weights=weights, precision=models[-1].precision if models else None)


def differences(folder: Path, made: Path) -> list[str]:
    """Files of the pack in `made` that are not what the manifest in `folder` says, by name."""
    said = {row.job: row for row in iter_rows(folder)}
    different = []
    for row in iter_rows(made):
        before = said.get(row.job)
        if before is None or before.sound.sha256 != row.sound.sha256:
            different.append(row.file)
        if row.midi is not None and before is not None and before.midi not in (None, row.midi):
            different.append(row.midi.file)
        if row.stems is not None and before is not None and before.stems is not None:
            was = {stem.file: stem.sha256 for stem in before.stems.files}
            different += [stem.file for stem in row.stems.files if was.get(stem.file) != stem.sha256]
    return different


def other_precision(folder: Path, made: Path) -> str | None:
    """What is to be said where the pack in `made` could not be made in the precision of that in `folder`."""
    said, had = ({model.kind: model.precision for model in read_head(each).models} for each in (folder, made))
    other = next((kind for kind in had if said.get(kind, had[kind]) != had[kind]), None)
    return None if other is None else f"its networks ran in {said[other]}, these in {had[other]}"


def options_extended(loops: int, takes: int, place: Place) -> BuildOptions:
    """Options of the pack in a place with `loops` and `takes` more; with `resume`, as an extension left it.

    Raises ValueError where the folder holds no whole pack, or the pack has no such kind.
    """
    folder, resume = place.out, place.resume
    state = read_state(folder) if folder.is_dir() else None
    if state is None:
        raise refused("DIR", folder, "holds no pack")
    options = options_from(state.recipe, _with_models(place, state.models))
    if options.music.only:
        raise refused("DIR", folder, "holds part of a pack (--only), must be a whole one")
    if not state.complete:
        if not resume:
            raise refused("DIR", folder, "holds an unfinished pack; add --resume to go on")
        return options
    if loops and not options.music.loop_kinds:
        raise refused("--loops", loops, "the pack has no kind of loops, allowed is 0")
    if takes and not options.music.take_kinds:
        raise refused("--takes", takes, "the pack has no kind of takes, allowed is 0")
    if not loops and not takes:
        if resume:
            return options
        raise refused("--loops", 0, "with --takes 0 adds nothing, must be at least 1 of either")
    return options.changed(extensions=(*options.music.extensions, Extension(loops, takes)), resume=True)
