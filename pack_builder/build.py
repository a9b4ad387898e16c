"""A pack from options: plan, render on the workers, keep a journal, close with manifest and texts.

A build may stop at any moment (Ctrl-C, a full disk, a power cut): every file that stands under its own name is
whole, and `resume` goes on to the same bytes that an undisturbed build would have written.
"""

import errno
import os
import shutil
import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from pack_builder.files import PART_SUFFIX
from pack_builder.journal import JOURNAL, Journal, State, read_state
from pack_builder.manifest import LICENCE_FILE, README, Manifest, Model, Row, write_manifest
from pack_builder.options import BuildOptions, duration_s
from pack_builder.plan import Job, plan
from pack_builder.render import RenderError, describe, render_job, software
from pack_builder.source import MUSIKA, EngineSource
from pack_builder.texts import licence_text, readme_text
from pack_builder.workers import Workers


class BuildError(Exception):
    """A build that could not go on; the message is one line for the user."""


class Observer(Protocol):
    """Hears how a build comes along."""

    def loading(self, models: int) -> None: ...

    def started(self, files: int, kept: int, jobs: int) -> None: ...

    def finished(self, row: Row) -> None: ...


@dataclass(frozen=True)
class Result:
    """A whole pack and how it came about; `rendered` files were made now, the others found finished."""

    manifest: Manifest
    rendered: int
    seconds: float
    audio_seconds: float


def build(options: BuildOptions, observer: Observer, source: EngineSource = MUSIKA) -> Result:
    """Build or finish a pack in `options.out`.

    Raises ValueError for a wrong option, folder or model, before anything is written, and BuildError where
    rendering has to stop: a full disk, a lost worker, an engine that gives silence. KeyboardInterrupt passes
    through; what is finished stays.
    """
    began = time.monotonic()
    jobs = plan(options)
    found = _state_in(options)
    if found and found.complete and not options.resume:
        return _as_found(options, found)
    _check_space(options)
    try:
        with Workers(min(options.jobs, len(jobs))) as workers:
            observer.loading(len(options.kinds))
            models = choose_models(options, workers, source)
            state = _begin(options, found, tuple(models[kind][1] for kind in options.kinds))
            rows = dict(state.rows)
            left = [job for job in jobs if job.key not in rows]
            observer.started(len(jobs), len(rows), workers.jobs)
            made = _render(options, state, left, workers, source, models, observer)
    finally:
        if (options.out / JOURNAL).is_file():
            remove_parts(options.out)  # what the workers had in hand when the build was stopped
    manifest = _manifest(options, state, [*rows.values(), *made], jobs)
    _close(options, manifest)
    seconds = time.monotonic() - began
    return Result(manifest, len(made), seconds, sum(row.frames / row.sample_rate_hz for row in made))


def _begin(options: BuildOptions, found: State | None, models: tuple[Model, ...]) -> State:
    if found is None:
        return State(options.recipe(), models, now(), {}, False)
    if found.models != models:
        raise ValueError(f"--out {options.out}: holds a pack made with other weights; name an empty folder")
    return State(found.recipe, models, found.created, found.valid_rows(options.out), False)


def now() -> str:
    """This moment, or the one that SOURCE_DATE_EPOCH names, in UTC."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.isoformat(timespec="seconds")


def choose_models(
    options: BuildOptions, workers: Workers, source: EngineSource
) -> dict[str, tuple[str, Model]]:
    """The model of each kind: the one given for it, else the shipped one of its name.

    Models are loaded by a worker, so with several workers the main process never loads torch.
    """
    chosen: dict[str, tuple[str, Model]] = {}
    for text in options.models:
        model = _described(f"--model {text}", text, workers, source)
        if model.kind not in options.kinds:
            allowed = ", ".join(options.kinds)
            raise ValueError(f"--model {text}: its weights are of kind {model.kind!r}, asked for is {allowed}")
        if model.kind in chosen:
            raise ValueError(f"--model {text}: second model of kind {model.kind!r}, allowed is one a kind")
        chosen[model.kind] = text, model
    for kind in options.kinds:
        if kind not in chosen:
            chosen[kind] = kind, _described(f"--kind {kind}", kind, workers, source)
            if chosen[kind][1].kind != kind:
                raise ValueError(f"--kind {kind}: the model of that name is of kind {chosen[kind][1].kind!r}")
    return chosen


def _described(option: str, text: str, workers: Workers, source: EngineSource) -> Model:
    try:
        return workers.call(describe, source, text)
    except (ValueError, OSError) as error:
        raise ValueError(f"{option}: {str(error).removeprefix('model: ')}") from None


def _state_in(options: BuildOptions) -> State | None:
    """The pack that is already in the folder, None for a new or empty one; ValueError for anything else."""
    out = options.out
    try:
        names = sorted(os.listdir(out))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"--out {out}: {(error.strerror or str(error)).lower()}, must be a folder") from None
    if not names:
        return None
    try:
        state = read_state(out)
    except ValueError as error:
        raise ValueError(f"--out {out}: {error}, must be a new or empty folder") from None
    if state is None:
        raise ValueError(f"--out {out}: holds something else ({names[0]}), must be a new or empty folder")
    recipe = options.recipe()
    for name in recipe:
        if state.recipe.get(name) != recipe[name]:
            raise ValueError(
                f"--out {out}: holds a pack with {name.replace('_', ' ')} {state.recipe.get(name)!r}, "
                f"not {recipe[name]!r}; must be a new or empty folder"
            )
    if not state.complete and not options.resume:
        raise ValueError(f"--out {out}: holds an unfinished pack; add --resume to go on, or name an empty folder")
    return state


def _as_found(options: BuildOptions, state: State) -> Result:
    manifest = Manifest(
        options.label, options.name, state.created, software(), state.recipe, state.models, tuple(state.rows.values())
    )
    return Result(manifest, 0, 0.0, 0.0)


def _check_space(options: BuildOptions) -> None:
    need = int(duration_s(options) * options.sample_rate_hz * 6)
    place = options.out.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if need > free and not options.resume:
        raise ValueError(f"--out {options.out}: needs {need / 1e6:.0f} MB, {free / 1e6:.0f} MB are free on that disk")


def _render(
    options: BuildOptions, state: State, left: list[Job], workers: Workers, source: EngineSource,
    models: dict[str, tuple[str, Model]], observer: Observer,
) -> list[Row]:  # fmt: skip
    made: list[Row] = []
    journal: Journal | None = None
    calls = ((source, models[job.kind][0], job, options) for job in left)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        remove_parts(options.out)
        journal = Journal(options.out, state)
        for row in workers.each(render_job, calls):
            journal.add(row)
            made.append(row)
            observer.finished(row)
    except OSError as error:
        raise BuildError(_why(options, error, len(state.rows) + len(made))) from None
    except BrokenProcessPool:
        raise BuildError("a worker was ended from outside (memory?): go on with --resume, maybe --jobs 1") from None
    except RenderError as error:
        raise BuildError(str(error)) from None
    finally:
        if journal:
            journal.close()
    return made


def _why(options: BuildOptions, error: OSError, done: int) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"--out {options.out}: the disk is full; {done} files are finished, free some space and add --resume"
    return f"--out {options.out}: {(error.strerror or str(error)).lower()}; {done} files are finished"


def remove_parts(folder: Path) -> None:
    """Remove the unfinished files that a killed build left in a pack."""
    for path in folder.rglob(f"*.wav{PART_SUFFIX}"):
        if path.is_file():
            path.unlink()


def _manifest(options: BuildOptions, state: State, rows: list[Row], jobs: list[Job]) -> Manifest:
    by_job = {row.job: row for row in rows}
    ordered = tuple(by_job[job.key] for job in jobs)
    return Manifest(options.label, options.name, state.created, software(), state.recipe, state.models, ordered)


def _close(options: BuildOptions, manifest: Manifest) -> None:
    texts = {
        README: readme_text(manifest),
        LICENCE_FILE: licence_text(options.label, options.name),
    }
    try:
        write_manifest(options.out, manifest, texts)
        (options.out / JOURNAL).unlink()
    except OSError as error:
        raise BuildError(_why(options, error, len(manifest.rows))) from None


