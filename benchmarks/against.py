"""An older commit against this working tree, in turn: `python -m benchmarks.against [--commit TAG]`.

Both run in this Python environment, the older one from a git worktree in a temporary folder. Of each thing measured a
pair of runs gives a ratio, so that what else the machine does takes from both; the table has the median of these and
how far they lie apart. Where one thread computes, processor seconds are counted.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from benchmarks.sides import beside
from benchmarks.sides.served import Served
from benchmarks.sides.works import KINDS

ROOT = Path(__file__).parents[1]
BEFORE = "ca6b285"  # the last commit before networks had a precision
WORKS = Path(__file__).parent / "sides" / "works.py"


class Tree(Served):
    """A process that measures one kind in one tree of sources."""

    def __init__(self, sources: Path, kind: str, small: bool) -> None:
        env = {"PYTHONPATH": str(sources), "OMP_NUM_THREADS": "1"}
        if (precision := KINDS[kind][2]) is not None:
            env["MUSIKA_PRECISION"] = precision
        command = [sys.executable, "-P", str(WORKS), kind, *(["small"] if small else [])]
        super().__init__(str(sources), command, env)
        self.sources = sources

    def begun(self) -> Tree:
        """Once it is ready; RuntimeError where it measures other sources than asked."""
        tree = str(super().begun().told["tree"])
        if Path(tree).resolve() != self.sources.resolve():
            raise RuntimeError(f"sources of {tree} were imported, must be those of {self.sources}")
        return self


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A git worktree of a commit in a temporary folder; click.ClickException where there is no such commit."""
    with tempfile.TemporaryDirectory() as folder:
        place, git = Path(folder) / "before", ["git", "-C", str(ROOT)]
        made = subprocess.run(
            [*git, "worktree", "add", "--detach", str(place), commit], capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise click.ClickException(f"--commit: {commit!r}, must be a commit of {ROOT}: {made.stderr.strip()}")
        try:
            yield place
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(place)], capture_output=True, check=True)


def measure(before: Path, kind: str, pairs: int, small: bool) -> Iterator[str]:
    """Lines of the table: for each figure the medians of both trees, and median and spread of the pairs' ratios."""
    with ExitStack() as stack:
        trees = [Tree(sources, kind, small) for sources in (before, ROOT)]
        for tree in trees:
            stack.callback(tree.end)
        old, new = (tree.begun() for tree in trees)
        found: list[tuple[dict[str, float], dict[str, float]]] = []
        for number in range(pairs):
            if number % 2:  # who goes first changes
                later = new.run()
                found.append((old.run(), later))
            else:
                found.append((old.run(), new.run()))
    for name in found[0][0]:
        ratios = [a[name] / b[name] for a, b in found]
        medians = [statistics.median(each[name] for each in side) for side in zip(*found)]
        yield (
            f"{kind:17s} {name:6s} {medians[0]:9.3f} {medians[1]:9.3f} {statistics.median(ratios):7.2f} "
            f"{min(ratios):7.2f} ..{max(ratios):6.2f}"
        )


@click.command(
    epilog="\b\nExamples:\n"
    "  python -m benchmarks.against\n"
    "  python -m benchmarks.against --only loop-techno --only loop-parts --pairs 9\n"
    "  python -m benchmarks.against --commit v0.9 --only pack --pairs 3\n"
    "  python -m benchmarks.against --only sound-techno --original ~/musika --original-python ~/tf/bin/python\n"
    "  python -m benchmarks.against --only sound-techno --only sound-parts --busy"
)
@click.option("--commit", default=BEFORE, show_default=True, help="What to compare with: a commit, tag or branch.")
@click.option("--only", multiple=True, type=click.Choice([*KINDS, *beside.KINDS]), help="Only these; repeatable.")
@click.option("--pairs", default=5, show_default=True, type=click.IntRange(1), help="Runs of each.")
@click.option("--small", is_flag=True, help="The smallest work there is, to see that everything runs.")
@click.option("--busy", is_flag=True, help="With two programs that compute beside `sound-...` all the time.")
@click.option(
    "--original",
    "checkout",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A checkout of marcoppasini/musika, measured beside `sound-...`.",
)
@click.option(
    "--original-python",
    "python",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A Python with TensorFlow and tf_keras, for --original.",
)
def main(
    commit: str, only: tuple[str, ...], pairs: int, small: bool, busy: bool, checkout: Path | None, python: Path | None
) -> None:
    """Measure an older commit and this working tree in turn; a ratio above 1 says that this one needs less.

    `sound-...` is this tree alone, on one thread, on two and in two jobs.
    """
    original = beside.original_in(checkout, python)
    older = [kind for kind in only or KINDS if kind in KINDS]
    if older:
        with checked_out(commit) as before:
            click.echo(f"{commit} against this tree, {pairs} pairs")
            click.echo("what              figure    before       now   ratio   spread")
            for kind in older:
                for line in measure(before, kind, pairs, small):
                    click.echo(line)
    for number, kind in enumerate(kind for kind in only or beside.KINDS if kind in beside.KINDS):
        if not number:
            click.echo(beside.HEADER)
        for line in beside.measure(kind, pairs, original, small=small, disturbed=busy):
            click.echo(line)


if __name__ == "__main__":
    main()
