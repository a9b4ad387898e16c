"""How much sound `Engine.loop` makes on two cores, by threads and by jobs, beside the original's networks.

A part of `benchmarks.against`. All sides run in turn, in one run: so many times as fast as real time by the clock, and
of one core. Threads wait asleep, as in our programs, or spinning, as by themselves: with `busy` two programs compute
beside all sides all the time, which is when the latter lose most.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.sides.original import lacking
from benchmarks.sides.served import Served
from musika_daw.system.threads import SETTINGS

ROOT = Path(__file__).parents[2]
BPM, BARS, SEED = 128, 8, 1
CORES = 2
MODELS = ("techno", "parts")
KINDS = {f"sound-{model}": model for model in MODELS}
HEADER = "what            side          x real time   of a core"


@dataclass(frozen=True)
class Original:
    """Where a checkout of the original lies, and a Python that has TensorFlow."""

    checkout: Path
    python: Path


def original_in(checkout: Path | None, python: Path | None) -> Original | None:
    """The original that two options name, None where neither does; click.ClickException where they do not fit."""
    if checkout is None and python is None:
        return None
    if checkout is None or python is None:
        raise click.ClickException("--original and --original-python go together")
    if lacks := lacking(checkout):
        raise click.ClickException(f"--original: {str(checkout)!r}, must be a checkout that has {', '.join(lacks)}")
    if shutil.which(python) is None:
        raise click.ClickException(f"--original-python: {str(python)!r}, must be a program")
    return Original(checkout, python)


def serve(model: str, threads: int, small: bool) -> None:
    """In a process of its own: loops on so many threads."""
    import torch

    from musika_daw.instrument.engine import Engine
    from musika_daw.score.controls import Controls

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    engine = Engine.load(model, "auto")

    def run() -> dict[str, float]:
        clock, cpu = time.perf_counter(), time.process_time()
        wave = engine.loop(BPM, 1 if small else BARS, Controls(SEED))
        spent = {"s": time.perf_counter() - clock, "cpu_s": time.process_time() - cpu}
        return {"sound_s": len(wave) / engine.sample_rate_hz, **spent}

    run()
    print(json.dumps({"threads": torch.get_num_threads()}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(run()), flush=True)


class Side:
    """One or more processes that work at the same time."""

    def __init__(self, name: str, processes: list[Served]) -> None:
        self.name, self.processes = name, processes

    def run(self) -> tuple[float, float]:
        """Seconds of sound per second by the clock, and per second of the processor."""
        began = time.perf_counter()
        for process in self.processes:
            process.start()
        told = [process.figures() for process in self.processes]
        spent = time.perf_counter() - began
        sound_s = sum(each["sound_s"] for each in told)
        return sound_s / spent, sound_s / sum(each["cpu_s"] for each in told)


@contextmanager
def sides(model: str, original: Original | None, small: bool) -> Iterator[list[Side]]:
    """All that is measured of a model, ready."""
    with ExitStack() as stack:

        def side(name: str, commands: list[list[str]], threads: int, **settings: str) -> Side:
            env = {"OMP_NUM_THREADS": str(threads), **settings}
            processes = [Served(name, command, env) for command in commands]
            for process in processes:
                stack.callback(process.end)
            return Side(name, processes)

        here = {"PYTHONPATH": str(ROOT)}
        asleep = here | SETTINGS

        def loops(threads: int) -> list[str]:
            small_too = ["small"] if small else []
            return [sys.executable, "-P", "-m", "benchmarks.sides.beside", model, str(threads), *small_too]

        found = [
            side("1 thread", [loops(1)], 1, **asleep),
            side(f"{CORES} threads", [loops(CORES)], CORES, **asleep),
            side(f"{CORES} spinning", [loops(CORES)], CORES, **here),
            side(f"{CORES} jobs", [loops(1)] * CORES, 1, **asleep),
        ]
        if original is not None:
            script = [str(original.python), str(Path(__file__).with_name("original.py"))]
            found.append(side("original", [[*script, str(original.checkout), str(CORES)]], CORES))
        for each in found:
            for process in each.processes:
                process.begun()
        yield found


@contextmanager
def busy(programs: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many programs that compute all the time."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        yield running
    finally:
        for program in running:
            program.kill()
            program.wait()


def measure(kind: str, rounds: int, original: Original | None, *, small: bool, disturbed: bool) -> Iterator[str]:
    """Lines of the table: each side's medians, then what `CORES` jobs reach against each, round by round."""
    with busy(CORES if disturbed else 0), sides(KINDS[kind], original, small) as found:
        rates: dict[str, list[tuple[float, float]]] = {side.name: [] for side in found}
        for number in range(rounds):
            for side in found if number % 2 else reversed(found):  # who goes first changes
                rates[side.name].append(side.run())
    for name, told in rates.items():
        clock, core = (statistics.median(each) for each in zip(*told, strict=True))
        yield f"{kind:15s} {name:12s} {clock:12.1f} {core:11.1f}"
    best = f"{CORES} jobs"
    for name in (name for name in rates if name != best):
        ratios = [a[0] / b[0] for a, b in zip(rates[best], rates[name], strict=True)]
        yield f"{kind:15s} {best} / {name}: {statistics.median(ratios):.2f}, {min(ratios):.2f} .. {max(ratios):.2f}"


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["small"])
