"""An older commit against this working tree, in turn: `python -m benchmarks.against [--commit TAG]`.

Both run in this Python environment, the older one from a git worktree in a temporary folder. Of each thing measured a
pair of runs gives a ratio, so that what else the machine does takes from both; the table has the median of these and
how far they lie apart. Where one thread computes, processor seconds are counted.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parents[1]
BEFORE = "ca6b285"  # the last commit before networks had a precision
BPM, SEED = 128, 1
_MARK = "= "
# what is measured: the call that makes its work, what of it, and the precision that is forced on it
KINDS: dict[str, tuple[str, str, str | None]] = {
    "loop-techno": ("loop", "techno", None),
    "loop-techno-32": ("loop", "techno", "32"),
    "loop-parts": ("loop", "parts", None),
    "loop-parts-32": ("loop", "parts", "32"),
    "step-generator": ("generator", "studio", None),
    "step-autoencoder": ("autoencoder", "ears", None),
    "pack": ("pack", "", None),
}
Work = Callable[[], dict[str, float]]


def timed(call: Callable[[], object]) -> Work:
    """Processor seconds of a call on one thread."""

    def work() -> dict[str, float]:
        begin = time.process_time()
        call()
        return {"s": time.process_time() - begin}

    return work


def loop(model: str, small: bool) -> Work:
    """A loop of eight bars."""
    from musika_daw.instrument.engine import Engine
    from musika_daw.score.controls import Controls

    engine = Engine.load(model)
    return timed(lambda: engine.loop(BPM, 1 if small else 8, Controls(SEED)))


def generator(config: str, small: bool) -> Work:
    """Steps of a generator's training with the adversary at work, as many as lie between two penalties."""
    import dataclasses

    import torch

    from musika_daw.instrument.models import config_named
    from training.generator.excerpts import ANCHORS, Batch
    from training.generator.gan import GanTrainer
    from training.runs.recipes import GanSettings

    settings, sizes = dataclasses.replace(GanSettings(), adversary_from_step=0), config_named(config).generator
    trainer = GanTrainer(sizes, settings)
    told, shape = sizes.told, (2 if small else settings.batch, sizes.seq_len)
    batch = Batch(
        torch.randn(*shape, sizes.channels), torch.randn(*shape, told), torch.full((*shape, ANCHORS), 1 / ANCHORS)
    )

    def step() -> Any:
        made = trainer.step(batch)
        trainer.steps += 1
        return made

    return _trained(trainer, step, 1 if small else settings.r1_every)


def autoencoder(config: str, small: bool) -> Work:
    """A step of the first phase of an autoencoder's training."""
    import torch

    from musika_daw.instrument.models import config_named
    from training.autoencoder.trainer import AutoencoderTrainer
    from training.runs.recipes import AutoencoderSettings

    settings = AutoencoderSettings()
    trainer = AutoencoderTrainer(config_named(config).autoencoder, settings, "both", 1)
    wave = 0.1 * torch.randn(1 if small else settings.batch, 2, trainer.excerpt_frames)
    return _trained(trainer, lambda: trainer.step(wave), 1)


def _trained(trainer: Any, step: Callable[[], Any], steps: int) -> Work:
    """Steps as `musika-train` takes them where nothing is said of a precision."""
    from training.runs import parallel

    try:
        processes = parallel.launch(1, "cpu", "auto")
    except ValueError:  # the older one has no other default than this
        processes = parallel.launch(1, "cpu", "32")
    processes.join(trainer)
    update = getattr(processes, "update", lambda call: call())

    def work() -> None:
        for _ in range(steps):
            update(step)

    return timed(work)


def pack(_: str, small: bool) -> Work:
    """The build of `make pack`, as a command: the clock's seconds, the processor's, and MB of the largest process."""
    asked = ["--bpm", "128", "--bars", "1", "--takes", "0"] if small else ["--bpm", "120-160"]
    # a fresh interpreter between us and the tool: a child's peak begins at its parent's size
    watch = "import json, resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
    watch += "r = resource.getrusage(resource.RUSAGE_CHILDREN); "
    watch += "print(json.dumps({'cpu_s': r.ru_utime + r.ru_stime, 'mb': r.ru_maxrss / 1024}))"
    tool = [sys.executable, "-P", "-c", "from pack_builder.cli import cli; cli()", "build", *asked]

    def work() -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            command = [sys.executable, "-P", "-c", watch, *tool, "--out", f"{folder}/pack"]
            told = subprocess.run(command, check=True, capture_output=True, text=True)
            return {"s": time.perf_counter() - begin, **json.loads(told.stdout)}

    return work


MAKERS: dict[str, Callable[[str, bool], Work]] = {
    "loop": loop,
    "generator": generator,
    "autoencoder": autoencoder,
    "pack": pack,
}


def serve(kind: str, small: bool) -> None:
    """In a process of one tree: a run for each line that comes in, its figures as a line that goes out."""
    import torch

    import musika_daw

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    maker, what, _ = KINDS[kind]
    work = MAKERS[maker](what, small)
    if maker != "pack":  # whose runs are whole processes anyway
        work()
    print(_MARK + json.dumps({"tree": str(Path(str(musika_daw.__file__)).parents[1])}), flush=True)
    for _ in sys.stdin:
        print(_MARK + json.dumps(work()), flush=True)


class Tree:
    """A process that measures one kind in one tree of sources."""

    def __init__(self, sources: Path, kind: str, small: bool) -> None:
        env = {**os.environ, "PYTHONPATH": str(sources), "OMP_NUM_THREADS": "1"}
        if (precision := KINDS[kind][2]) is not None:
            env["MUSIKA_PRECISION"] = precision
        command = [sys.executable, "-P", __file__, "--serve", kind, *(["--small"] if small else [])]
        self.process = subprocess.Popen(command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.sources = sources

    def begun(self) -> Tree:
        """Once it is ready; RuntimeError where it measures other sources than asked."""
        tree = self._read()["tree"]
        if Path(tree).resolve() != self.sources.resolve():
            raise RuntimeError(f"sources of {tree} were imported, must be those of {self.sources}")
        return self

    def run(self) -> dict[str, float]:
        """Figures of one run."""
        assert self.process.stdin is not None
        print(file=self.process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(_MARK):
                return dict(json.loads(line.removeprefix(_MARK)))
        raise RuntimeError(f"the process of {self.sources} ended with code {self.process.wait()}")

    def end(self) -> None:
        """Waits for the process, which ends with its input."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


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
    "  python -m benchmarks.against --commit v0.9 --only pack --pairs 3"
)
@click.option("--commit", default=BEFORE, show_default=True, help="What to compare with: a commit, tag or branch.")
@click.option("--only", multiple=True, type=click.Choice(list(KINDS)), help="Only these; repeatable.")
@click.option("--pairs", default=5, show_default=True, type=click.IntRange(1), help="Runs of each of the two.")
@click.option("--small", is_flag=True, help="The smallest work there is, to see that everything runs.")
@click.option("--serve", "serve_kind", hidden=True, type=click.Choice(list(KINDS)))
def main(commit: str, only: tuple[str, ...], pairs: int, small: bool, serve_kind: str | None) -> None:
    """Measure an older commit and this working tree in turn; a ratio above 1 says that this one needs less."""
    if serve_kind is not None:
        serve(serve_kind, small)
        return
    with checked_out(commit) as before:
        click.echo(f"{commit} against this tree, {pairs} pairs")
        click.echo("what              figure    before       now   ratio   spread")
        for kind in only or KINDS:
            for line in measure(before, kind, pairs, small):
                click.echo(line)


if __name__ == "__main__":
    main()
