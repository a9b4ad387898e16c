"""A pack from options: plan, render on the workers, keep a journal, close with manifest, presets, page and texts.

A build may stop at any moment (Ctrl-C, a full disk, a power cut): every file that stands under its own name is
whole, and `resume` goes on to the same bytes that an undisturbed build would have written.
"""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from musika_daw.sound.sounds import FORMATS
from musika_daw.system.atomic import PART_SUFFIX
from pack_builder.plan.chain import VST3, Chain
from pack_builder.plan.jobs import Job, jobs_of
from pack_builder.plan.options import BuildOptions, duration_s
from pack_builder.publish import page
from pack_builder.publish.closing import close
from pack_builder.record.journal import JOURNAL, Journal, State, read_state
from pack_builder.record.manifest import Head, Manifest, read_manifest
from pack_builder.record.rows import Gap, Model, Row
from pack_builder.record.stream import iter_gaps
from pack_builder.render.attempts import RenderError
from pack_builder.render.effects import check_chain
from pack_builder.render.render import describe, software
from pack_builder.render.source import MUSIKA, EngineSource
from pack_builder.run.pool import Pool, pool_for
from pack_builder.run.workers import WorkerDiedError


class BuildError(Exception):
    """A build that could not go on; the message is one line for the user."""


class Observer(Protocol):
    """Hears how a build comes along."""

    def loading(self, models: int) -> None: ...

    def started(self, files: int, kept: int, jobs: int) -> None: ...

    def finished(self, row: Row) -> None: ...

    def gave_up(self, gap: Gap) -> None: ...


@dataclass(frozen=True)
class Result:
    """A whole pack and how it came about; `rendered` files were made now, the others found finished.

    `gaps` are files that were asked for and given up, now or before.
    """

    folder: Path
    rendered: int
    gaps: int
    seconds: float
    audio_seconds: float

    @property
    def manifest(self) -> Manifest:
        """The pack's manifest, read from its folder."""
        return read_manifest(self.folder)


@dataclass
class _Tally:
    rendered: int = 0
    audio_s: float = 0.0


def build(options: BuildOptions, observer: Observer, source: EngineSource = MUSIKA) -> Result:
    """Build or finish a pack in `options.out`.

    Raises ValueError for a wrong option, folder or model, before anything is written, and BuildError where
    rendering has to stop: a full disk, a lost worker, an engine whose sound cannot be used, a pack of which nothing
    kept to the limits. KeyboardInterrupt passes through; what is finished stays.
    """
    began = time.monotonic()
    found = _state_in(options)
    if found and found.complete and not options.resume and found.recipe == options.recipe():
        return Result(options.out, 0, sum(1 for _ in iter_gaps(options.out)), 0.0, 0.0)
    _check_space(options)
    try:
        with pool_for(options) as workers:
            observer.loading(len(options.kinds))
            models = choose_models(options, workers, source)
            _check_chains(options, workers)
            state = _begin(options, found, tuple(models[kind][1] for kind in options.kinds))
            with _journal(options, state, found) as journal:
                observer.started(options.files, len(journal), workers.jobs)
                tally = _render(options, journal, workers, source, models, observer)
                gaps = _close(options, state, journal)
    except WorkerDiedError as error:
        raise BuildError(_death(error)) from None
    finally:
        if (options.out / JOURNAL).is_file():
            remove_parts(options.out)  # what the workers had in hand when the build was stopped
    return Result(options.out, tally.rendered, gaps, time.monotonic() - began, tally.audio_s)


def _begin(options: BuildOptions, found: State | None, models: tuple[Model, ...]) -> State:
    if found is None:
        return State(options.out, options.recipe(), models, now(), False)
    if found.models != models:
        raise ValueError(f"--out {options.out}: holds a pack made with other weights; name an empty folder")
    return replace(found, recipe=options.recipe())


def _journal(options: BuildOptions, state: State, found: State | None) -> Journal:
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        remove_parts(options.out)
        return Journal(options.out, state, found.intact() if found else ())
    except OSError as error:
        remove_parts(options.out)
        raise BuildError(_why(options, error, 0)) from None


def now() -> str:
    """This moment, or the one that SOURCE_DATE_EPOCH names, in UTC."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.isoformat(timespec="seconds")


def choose_models(options: BuildOptions, workers: Pool, source: EngineSource) -> dict[str, tuple[str, Model]]:
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
    for kind, weights in options.weights:
        if kind in chosen and chosen[kind][1].weights_sha256 != weights:
            have = chosen[kind][1].weights_sha256
            raise ValueError(
                f"--model: the pack was made with {kind} weights {weights[:12]}, these are {have[:12]}; "
                "name the ones it was made with"
            )
    return chosen


def _described(option: str, text: str, workers: Pool, source: EngineSource) -> Model:
    try:
        model = workers.call(describe, source, text)
    except (ValueError, OSError) as error:
        raise ValueError(f"{option}: {str(error).removeprefix('model: ')}") from None
    assert isinstance(model, Model)
    return model


def _check_chains(options: BuildOptions, workers: Pool) -> None:
    """Load the user's VST3s once, before anything is written."""
    for _, chain in options.chains:
        if any(effect.use == VST3 for effect in chain.effects):
            workers.call(check_chain, chain)


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
        if name == "extensions" and state.complete and _adds_to(recipe[name], state.recipe.get(name)):
            continue
        if state.recipe.get(name) != recipe[name]:
            raise ValueError(
                f"--out {out}: holds a pack with {name.replace('_', ' ')} {state.recipe.get(name)!r:.80}, "
                f"not {recipe[name]!r:.80}; must be a new or empty folder"
            )
    if not state.complete and not options.resume:
        raise ValueError(f"--out {out}: holds an unfinished pack; add --resume to go on, or name an empty folder")
    return state


def _adds_to(new: object, old: object) -> bool:
    return isinstance(new, list) and isinstance(old, list) and len(new) == len(old) + 1 and new[:-1] == old


def _check_space(options: BuildOptions) -> None:
    need = int(duration_s(options) * options.sample_rate_hz * 6)
    place = options.out.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if need > free and not options.resume:
        raise ValueError(f"--out {options.out}: needs {need / 1e6:.0f} MB, {free / 1e6:.0f} MB are free on that disk")


def _render(
    options: BuildOptions,
    journal: Journal,
    workers: Pool,
    source: EngineSource,
    models: dict[str, tuple[str, Model]],
    observer: Observer,
) -> _Tally:
    tally = _Tally()

    def left() -> Iterator[tuple[EngineSource, str, Job, BuildOptions, bool]]:
        begun_s, suffix = 0.0, FORMATS[options.format].suffix
        for job in jobs_of(options):
            if job.key not in journal:
                yield source, models[job.kind][0], job, options, page.heard(begun_s, suffix)
            begun_s += 0.0 if job.shape == "shot" else page.embedded_s(float(job.frames_exact(1)), job.loops)

    try:
        for made in workers.render(left()):
            journal.add(made.entry, made.card)
            entry = made.entry
            if isinstance(entry, Gap):
                observer.gave_up(entry)
                continue
            tally.rendered += 1
            tally.audio_s += entry.seconds
            observer.finished(entry)
    except OSError as error:
        raise BuildError(_why(options, error, len(journal))) from None
    except RenderError as error:
        raise BuildError(str(error)) from None
    return tally


def _death(error: WorkerDiedError) -> str:
    at = ""
    for value in error.values or ():
        if isinstance(value, Job):
            at = f" while it made {value.key} ({value.word})"
        elif isinstance(value, Chain):  # loaded before anything is rendered
            at = f" while it loaded the chain {value.name}"
    memory = " (memory?)" if "SIGKILL" in error.how else ""
    return f"{error}{at}{memory}: go on with --resume, maybe --jobs 1"


def _why(options: BuildOptions, error: OSError, done: int) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"--out {options.out}: the disk is full; {done} files are finished, free some space and add --resume"
    return f"--out {options.out}: {(error.strerror or str(error)).lower()}; {done} files are finished"


def remove_parts(folder: Path) -> None:
    """Remove the unfinished files that a killed build left in a pack."""
    for path in folder.rglob(f"*{PART_SUFFIX}"):
        if path.is_file():
            path.unlink()


def _close(options: BuildOptions, state: State, journal: Journal) -> int:
    """Write everything but the audio; the number of gaps."""
    gaps: list[str] = []
    for job in jobs_of(options):
        if isinstance(journal.read(job.key), Gap):
            gaps.append(job.key)
    if len(gaps) == options.files:
        gap = journal.read(gaps[0])
        assert isinstance(gap, Gap)
        why = ", ".join(gap.reasons)
        raise BuildError(
            f"nothing kept to the limits in {options.attempts} attempts each ({why}); more --attempts, or --keep-best"
        )

    def rows() -> Iterator[Row]:
        for job in jobs_of(options):
            entry = journal.read(job.key)
            if isinstance(entry, Row):
                yield entry

    def given_up() -> Iterator[Gap]:
        return (gap for key in gaps if isinstance(gap := journal.read(key), Gap))

    head = Head(options.label, options.name, state.created, software(), state.recipe, state.models)
    try:
        close(options, head, rows, given_up, lambda row: journal.card(row.job))
        journal.remove()
    except OSError as error:
        raise BuildError(_why(options, error, options.files - len(gaps))) from None
    return len(gaps)
