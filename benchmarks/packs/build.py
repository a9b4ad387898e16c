"""What finishing, checking, labels, files and the preview page cost: `python -m benchmarks.packs.build [--loops 200]`.

The speed of `musika-pack build --jobs 2` over that of the raw generator: two processes that do nothing but
`Engine.loop` for the same loops. Both in one run, raw before and after, so that the machine is the same. What the gate
draws again counts against the build, and so does, in the first figure, the start of the program and its workers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from pack_builder.plan.jobs import Job, plan
from pack_builder.plan.options import BuildOptions
from pack_builder.record.manifest import read_manifest

TEMPI = 9  # of 120-160 in steps of 5
_engine: Any = None


def _load() -> None:
    global _engine
    from pack_builder.render.source import load_musika

    _engine = load_musika("techno")


def _raw(job: Job) -> float:
    """Seconds of audio made."""
    from pack_builder.render.draw import raw_sound
    from pack_builder.render.source import MUSIKA

    return len(raw_sound(MUSIKA, _engine, job, 44_100, attempt=0)) / 44_100


def raw_speed(jobs: list[Job], processes: int) -> float:
    """Times real time of processes that only generate, once they are warm."""
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_load) as pool:
        list(pool.map(_raw, jobs[: 2 * processes]))
        begin_s = time.perf_counter()
        audio_s = sum(pool.map(_raw, jobs, chunksize=4))
        return audio_s / (time.perf_counter() - begin_s)


def build_speed(arguments: list[str], out: str) -> tuple[float, float, float]:
    """Times real time of the whole command and of what follows its start, and attempts a file."""
    command = [sys.executable, "-m", "pack_builder.cli", "build", *arguments, "--out", out, "--progress", "json"]
    begin_s = time.perf_counter()
    started_s = begin_s
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "started":
                started_s = time.perf_counter()
    end_s = time.perf_counter()
    if process.returncode:
        raise click.ClickException(f"the build ended with {process.returncode}")
    manifest = read_manifest(Path(out))
    audio_s = sum(row.seconds for row in manifest.rows)
    attempts = (
        sum(row.quality.attempts for row in manifest.rows) + sum(len(gap.tried) for gap in manifest.gaps)
    ) / len(manifest.rows)
    return audio_s / (end_s - begin_s), audio_s / (end_s - started_s), attempts


@click.command()
@click.option("--loops", default=200, show_default=True)
@click.option("--bars", default=4, show_default=True)
@click.option("--jobs", default=2, show_default=True)
@click.option("--finish", default="clean", show_default=True)
def main(loops: int, bars: int, jobs: int, finish: str) -> None:
    """Measure and print."""
    texts = {
        "bpm": "120-160",
        "loops_per_bpm": str(max(1, round(loops / TEMPI))),
        "bars": str(bars),
        "jobs": str(jobs),
        "finish": finish,
    }
    with tempfile.TemporaryDirectory() as folder:
        jobs_ = plan(BuildOptions.parse(kinds=("techno",), out=f"{folder}/plan", **texts))
        arguments = ["--kind", "techno", "--model", "techno"]
        for name, text in texts.items():
            arguments += [f"--{name.replace('_', '-')}", text]
        before = raw_speed(jobs_, jobs)
        whole, rendering, attempts = build_speed(arguments, f"{folder}/pack")
        raw = (before + raw_speed(jobs_, jobs)) / 2
    click.echo(f"{len(jobs_)} loops of {bars} bars, {jobs} jobs: generator alone {raw:.1f}x real time")
    click.echo(f"build {whole:.1f}x, {whole / raw:.0%}; without its start {rendering:.1f}x, {rendering / raw:.0%}")
    click.echo(f"{attempts:.2f} attempts a file")


if __name__ == "__main__":
    main()
