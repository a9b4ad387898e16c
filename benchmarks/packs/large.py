"""Memory and time of a pack of 100,000 loops, by its record: `python -m benchmarks.packs.large [--loops 1000,100000]`.

One loop of a bar is built for real. Its row and its card of the page then stand, under the names of their own jobs, for
as many loops as asked, whose files are hard links to it; all that a build, `--resume`, `extend` and `verify` do with
their record is the program's own code, each in a process of its own whose largest resident memory and time are printed:

* record: journal entries as a build adds them, each on disk before the next, then SIGKILL
* resume: the journal read again and every file's hash checked
* close: texts, presets, projects, preview pages, table, checksums, manifest
* extend: the manifest read, an extension planned, up to the first new loop
* verify: manifest and checksums gone through, without the sound of the files
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from musika_daw.sound.sounds import read_sound
from pack_builder.plan.jobs import file_of, jobs_of
from pack_builder.plan.options import BuildOptions
from pack_builder.plan.recipe import recipe_of
from pack_builder.publish.closing import close
from pack_builder.publish.page import EMBEDDED_S, card
from pack_builder.record.journal import Journal, State, read_state
from pack_builder.record.manifest import Head
from pack_builder.record.rows import Row, plain
from pack_builder.record.stream import iter_rows, read_head
from pack_builder.render.labels import software
from pack_builder.run.build import now

LINKS = 50_000  # of one file; more are refused by common file systems
STEPS = ("record", "resume", "close", "extend", "verify")


def options_of(out: Path, loops: int) -> BuildOptions:
    """Loops of one bar at nine tempi."""
    return BuildOptions.parse(
        kinds=("techno",),
        bpm="120-160",
        loops_per_bpm=str(-(-loops // 9)),
        bars="1",
        jobs="1",
        out=str(out),
        resume=True,
    )


def real_loop(folder: Path) -> Row:
    """Build one loop; returns its row."""
    command = [
        sys.executable,
        "-m",
        "pack_builder.cli",
        "build",
        "--kind",
        "techno",
        "--bpm",
        "120",
        "--bars",
        "1",
        "--loops-per-bpm",
        "1",
        "--jobs",
        "1",
        "--out",
        str(folder),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(iter_rows(folder))


def rows_of(options: BuildOptions, row: Row, file: Path) -> Iterator[Row]:
    """A row for every job of a pack, with a link to the file in its place."""
    for number, job in enumerate(jobs_of(options.music)):
        assert job.bpm is not None
        name = file_of(job, options)
        place = options.place.out / name
        place.parent.mkdir(parents=True, exist_ok=True)
        copy = file.with_name(f"{number // LINKS}.wav")
        if not copy.exists():
            shutil.copy(file, copy)
        os.link(copy, place)
        own = {"job": job.key, "word": job.word, "file": name, "bpm": float(job.bpm), "bpm_exact": str(job.bpm)}
        yield Row.from_dict(plain(row) | own)


def record(options: BuildOptions, seed: Path) -> None:
    """Add entries as a build does, and be killed."""
    row = next(iter_rows(seed))
    head = read_head(seed)
    samples, _ = read_sound(seed / row.file)
    heard, seen = (card(row, samples, sound) for sound in (True, False))
    options.place.out.mkdir()
    state = State(options.place.out, recipe_of(options), head.models, now(), False)
    journal = Journal(options.place.out, state)
    begun_s = 0.0
    for entry in rows_of(options, row, seed / row.file):
        journal.add(entry, heard if begun_s < EMBEDDED_S else seen)
        begun_s += entry.seconds
    report()
    os.kill(os.getpid(), signal.SIGKILL)


def resume(options: BuildOptions, seed: Path) -> None:
    """Read the journal as a resumed build does."""
    state = read_state(options.place.out)
    assert state is not None
    with Journal(options.place.out, state, state.intact()) as journal:
        missing = sum(job.key not in journal for job in jobs_of(options.music))
        if missing:
            raise click.ClickException(f"{missing} entries were lost")
        report()


def finish(options: BuildOptions, seed: Path) -> None:
    """Close the pack as a build does."""
    state = read_state(options.place.out)
    assert state is not None
    head = Head(options.label.label, options.label.name, state.created, software(), state.recipe, state.models)
    with Journal(options.place.out, state, state.entries()) as journal:

        def rows() -> Iterator[Row]:
            for job in jobs_of(options.music):
                entry = journal.read(job.key)
                assert isinstance(entry, Row)
                yield entry

        close(options, head, rows, lambda: iter(()), lambda row: journal.card(row.job))
        journal.remove()
    report()


def extend(options: BuildOptions, seed: Path) -> None:
    """Plan an extension, up to its first loop."""
    from pack_builder.again import options_extended

    longer = options_extended(100, 0, options.place)
    known = {row.job for row in iter_rows(options.place.out)}
    new = sum(job.key not in known for job in jobs_of(longer.music))
    if new != 100:
        raise click.ClickException(f"{new} new loops, asked for 100")
    report()


def verify(options: BuildOptions, seed: Path) -> None:
    """Go through manifest and checksums."""
    from pack_builder.record.manifest import read_checksums

    sums = read_checksums(options.place.out)
    wrong = sum(sums[row.file] != row.sound.sha256 for row in iter_rows(options.place.out))
    if wrong:
        raise click.ClickException(f"{wrong} checksums differ")
    report()


def report() -> None:
    """The largest resident memory of this process, as a line."""
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, flush=True)


@click.command()
@click.option("--loops", default="1000,10000,100000", show_default=True)
@click.option("--step", type=click.Choice(STEPS), hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
def main(loops: str, step: str | None, folder: Path | None) -> None:
    """Measure and print."""
    steps: dict[str, Callable[[BuildOptions, Path], None]] = dict(zip(STEPS, (record, resume, finish, extend, verify)))
    if step is not None and folder is not None:
        steps[step](options_of(folder / loops, int(loops)), folder / "seed")
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        real_loop(place / "seed")
        for count in loops.split(","):
            told = []
            for part in STEPS:
                command = [sys.executable, "-m", "benchmarks.packs.large", "--loops", count, "--step", part]
                command += ["--folder", name]
                begin_s = time.perf_counter()
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
                if done.returncode not in (0, -signal.SIGKILL):
                    raise click.ClickException(f"{part} ended with {done.returncode}")
                told.append(f"{part} {float(done.stdout):.0f} MB {time.perf_counter() - begin_s:.1f} s")
            size = sum(p.stat().st_size for p in (place / count).glob("manifest.*")) / 1e6
            click.echo(f"{count} loops: {', '.join(told)}; manifest and table {size:.0f} MB")
            shutil.rmtree(place / count)


if __name__ == "__main__":
    main()
