"""A pack from options: plan, render on the workers, keep a journal, close with manifest, presets, page and texts.

A build may stop at any moment (Ctrl-C, a full disk, a power cut): every file that stands under its own name is
whole, and `resume` goes on to the same bytes that an undisturbed build would have written.
"""

import contextlib
import errno
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from musika_daw.sound.sounds import FORMATS
from musika_daw.system.folders import alone_in
from musika_daw.system.refusal import refused
from musika_daw.system.workers import WorkerDiedError
from pack_builder.plan.chain import Chain
from pack_builder.plan.jobs import Job, plan
from pack_builder.plan.music import Spread
from pack_builder.plan.options import BuildOptions
from pack_builder.plan.recipe import recipe_of
from pack_builder.publish import page
from pack_builder.publish.closing import close
from pack_builder.record.journal import JOURNAL, Journal, State
from pack_builder.record.manifest import Head, Manifest, read_manifest
from pack_builder.record.rows import Gap, Model, Row
from pack_builder.record.stream import iter_gaps
from pack_builder.render.draw import RenderError
from pack_builder.render.effects import check_chain
from pack_builder.render.labels import software
from pack_builder.render.source import MUSIKA, EngineSource
from pack_builder.run.diverse import spread_of
from pack_builder.run.folder import as_found, check_space, remove_parts, state_in
from pack_builder.run.models import choose_models
from pack_builder.run.pool import Pool
from pack_builder.run.pools import pool_for
from pack_builder.run.scored import scored_kinds


class BuildError(Exception):
    """A build that could not go on; the message is one line for the user.

    BuildError        1   a lost worker, an engine whose sound cannot be used, nothing within the limits
    DiskFullError     2   free some space and go on
    """

    exit_code = 1


class DiskFullError(BuildError):
    """The disk has no room for the next file."""

    exit_code = 2


class Observer(Protocol):
    """Hears how a build comes along."""

    def loading(self, models: int) -> None: ...

    def drew(self, done: int, loops: int) -> None:
        """The draws of so many of the loops that `--diverse` chooses from are made."""

    def started(self, files: int, kept: int, jobs: int) -> None: ...

    def finished(self, row: Row) -> None: ...

    def gave_up(self, gap: Gap) -> None: ...


@dataclass(frozen=True)
class Result:
    """A whole pack and how it came about; `rendered` files were made now, the others found finished.

    `gaps` are files that were asked for and given up, now or before, out of `files`.
    """

    folder: Path
    files: int
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
    """Build or finish a pack in `options.place.out`.

    Raises ValueError for a wrong option, folder or model, before anything is written, and BuildError where
    rendering has to stop: a full disk, a lost worker, an engine whose sound cannot be used, a pack of which nothing
    kept to the limits. KeyboardInterrupt passes through; what is finished stays.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(alone_in(options.place.out, wait=False))
        except BlockingIOError:
            why = "is being written by another program, must be a folder of its own"
            raise refused("--out", options.place.out, why) from None
        return _build(options, observer, source)


def _build(options: BuildOptions, observer: Observer, source: EngineSource) -> Result:
    began = time.monotonic()
    options = as_found(options)
    found = state_in(options)
    jobs = plan(options)
    if found and found.complete and not options.place.resume and found.recipe == recipe_of(options):
        return Result(options.place.out, len(jobs), 0, sum(1 for _ in iter_gaps(options.place.out)), 0.0, 0.0)
    check_space(options)
    try:
        with pool_for(options.place, len(jobs)) as workers:
            observer.loading(len(options.music.kinds))
            source = _in_precision(options, found, source)
            models = choose_models(options, workers, source, found.models if found else ())
            if options.place.cluster is not None:  # its machines may differ: all do as the first one
                source = replace(source, precision=next(iter(models.values()))[1].precision)
            _check_chains(options, workers)
            if options.music.scored is None:
                options = options.changed(scored=scored_kinds(options, workers, source, models))
                jobs = plan(options)
            if options.music.diverse and options.music.spread is None:
                draws = _spread(options, jobs, workers, source=source, models=models, drew=observer.drew)
                options = options.changed(spread=draws)
                jobs = plan(options)
            state = _begin(options, found, tuple(models[kind][1] for kind in options.music.kinds))
            with _journal(options, state, found) as journal:
                observer.started(len(jobs), len(journal), workers.jobs)
                tally = _render(options, jobs, journal, workers, source=source, models=models, observer=observer)
                gaps = _close(options, jobs, state, journal)
    except WorkerDiedError as error:
        raise BuildError(_death(error)) from None
    finally:
        if (options.place.out / JOURNAL).is_file():
            remove_parts(options.place.out)  # what the workers had in hand when the build was stopped
    return Result(options.place.out, len(jobs), tally.rendered, gaps, time.monotonic() - began, tally.audio_s)


def _spread(options: BuildOptions, jobs: list[Job], workers: Pool, **rest: Any) -> Spread:
    try:
        return spread_of(options, jobs, workers, **rest)
    except RenderError as error:
        raise BuildError(str(error)) from None


def _in_precision(options: BuildOptions, found: State | None, source: EngineSource) -> EngineSource:
    """The source in the precision of a pack that is gone on with, added to or made again."""
    recorded = found.models[-1].precision if found and found.models else options.place.precision
    return source if recorded is None else replace(source, precision=recorded)


def _begin(options: BuildOptions, found: State | None, models: tuple[Model, ...]) -> State:
    if found is None:
        return State(options.place.out, recipe_of(options), models, now(), False)
    if found.models != models:
        had = ", ".join(f"{model.name} {model.weights_sha256[:12]} in {model.precision}" for model in found.models)
        raise refused(
            "--out", options.place.out, f"holds a pack made with {had}; name these by --model, or an empty folder"
        )
    return replace(found, recipe=recipe_of(options))


def _journal(options: BuildOptions, state: State, found: State | None) -> Journal:
    try:
        options.place.out.mkdir(parents=True, exist_ok=True)
        remove_parts(options.place.out)
        return Journal(options.place.out, state, found.intact() if found else ())
    except OSError as error:
        remove_parts(options.place.out)
        raise _stopped(options, error, 0) from None


def now() -> str:
    """This moment, or the one that SOURCE_DATE_EPOCH names, in UTC."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.isoformat(timespec="seconds")


def _check_chains(options: BuildOptions, workers: Pool) -> None:
    """Load all effects once, before anything is written: a VST3 may not be one, a system library may be missing."""
    for _, chain in options.finish.chains:
        if chain.effects:
            workers.call(check_chain, chain)


def _render(
    options: BuildOptions,
    jobs: Sequence[Job],
    journal: Journal,
    workers: Pool,
    *,
    source: EngineSource,
    models: dict[str, tuple[str, Model]],
    observer: Observer,
) -> _Tally:
    tally = _Tally()

    def left() -> Iterator[tuple[EngineSource, str, Job, BuildOptions, bool]]:
        begun_s, suffix = 0.0, FORMATS[options.finish.format].suffix
        for job in jobs:
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
        raise _stopped(options, error, len(journal)) from None
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
    memory = " (memory?)" if error.was_killed else ""
    return f"{error}{at}{memory}: go on with --resume, maybe --jobs 1"


def _stopped(options: BuildOptions, error: OSError, done: int) -> BuildError:
    where, kept = f"--out {options.place.out}", f"{done} files are finished"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"{where}: the disk is full; {kept}, free some space and add --resume")
    return BuildError(f"{where}: {(error.strerror or str(error)).lower()}; {kept}")


def _close(options: BuildOptions, jobs: Sequence[Job], state: State, journal: Journal) -> int:
    """Write everything but the audio; the number of gaps."""
    gaps: list[str] = []
    for job in jobs:
        if isinstance(journal.read(job.key), Gap):
            gaps.append(job.key)
    if len(gaps) == len(jobs):
        gap = journal.read(gaps[0])
        assert isinstance(gap, Gap)
        why = ", ".join(gap.reasons)
        raise BuildError(
            f"nothing kept to the limits in {options.finish.attempts} attempts each ({why}); "
            "more --attempts, or --keep-best"
        )

    def rows() -> Iterator[Row]:
        for job in jobs:
            entry = journal.read(job.key)
            if isinstance(entry, Row):
                yield entry

    def given_up() -> Iterator[Gap]:
        return (gap for key in gaps if isinstance(gap := journal.read(key), Gap))

    head = Head(options.label.label, options.label.name, state.created, software(), state.recipe, state.models)
    try:
        close(options, head, rows, given_up, lambda row: journal.card(row.job))
        journal.remove()
    except OSError as error:
        raise _stopped(options, error, len(jobs) - len(gaps)) from None
    return len(gaps)
