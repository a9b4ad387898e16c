"""Kill workers while a pack builds: `python -m benchmarks.pack_cluster [--loops 1000] [--kills 20]`.

Builds one pack in this process and one on a local Ray cluster of two workers of which one is killed (SIGKILL) every
few seconds, and compares them byte for byte. The sound comes from the tests' stand-in engine, so that the run is
about the builder: it needs no weights, and a thousand loops take minutes.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import click

STAND_IN = Path(__file__).parents[1] / "tests" / "pack_builder"


class Quiet:
    """An observer that counts and watches memory."""

    def __init__(self) -> None:
        self.files = 0
        self.memory_mb: list[float] = []

    def loading(self, models: int) -> None:
        self.files = 0

    def started(self, files: int, kept: int, jobs: int) -> None:
        self.files = kept

    def finished(self, row: Any) -> None:
        self.files += 1
        if self.files % 100 == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.memory_mb.append(pages * resource.getpagesize() / 1e6)
            click.echo(f"  {self.files} files, {self.memory_mb[-1]:.0f} MB")

    def gave_up(self, gap: Any) -> None:
        self.files += 1


def busy_workers() -> list[int]:
    """Ray workers at work on a file."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(b"ray::make"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@click.command()
@click.option("--loops", default=1000, show_default=True)
@click.option("--kills", default=20, show_default=True)
def main(loops: int, kills: int) -> None:
    """Build twice, kill, compare."""
    sys.path.insert(0, str(STAND_IN))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(STAND_IN), str(STAND_IN.parents[1])])
    import ray
    from pack_stand_in import SOURCE

    from pack_builder.build import build
    from pack_builder.options import BuildOptions

    with tempfile.TemporaryDirectory() as folder:

        def options(name: str, cluster: str | None = None) -> BuildOptions:
            return BuildOptions.parse(
                bpm="160", bars="1", kinds=("techno",), loops_per_bpm=str(loops), finish="none", jobs="1",
                out=f"{folder}/{name}", cluster=cluster,
            )  # fmt: skip

        start = time.monotonic()
        click.echo("undisturbed, in this process")
        build(options("plain"), Quiet(), SOURCE)
        plain_s = time.monotonic() - start
        ray.init(
            num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=10**8,
            runtime_env={"env_vars": {"PYTHONPATH": os.environ["PYTHONPATH"]}},
        )  # fmt: skip
        killed: list[int] = []
        done = threading.Event()

        def kill() -> None:
            draw = random.Random(7)
            while not done.wait(draw.uniform(0.5, 0.9 * plain_s / max(1, kills))) and len(killed) < kills:
                if pids := busy_workers():
                    killed.append(draw.choice(pids))
                    os.kill(killed[-1], signal.SIGKILL)

        thread = threading.Thread(target=kill, daemon=True)
        click.echo("on Ray, two workers")
        start = time.monotonic()
        thread.start()
        build(options("cluster", "auto"), Quiet(), SOURCE)
        cluster_s = time.monotonic() - start
        done.set()
        ray.shutdown()
        files = [path.relative_to(f"{folder}/plain") for path in Path(folder, "plain").rglob("*") if path.is_file()]
        differ = [
            str(path) for path in files
            if path.name != "manifest.json"
            and Path(folder, "plain", path).read_bytes() != Path(folder, "cluster", path).read_bytes()
        ]  # fmt: skip
        click.echo(
            f"{loops} loops, {len(killed)} workers killed: {len(files)} files compared, {len(differ)} differ; "
            f"{cluster_s / plain_s:.2f} of the time of one process"
        )


if __name__ == "__main__":
    main()
