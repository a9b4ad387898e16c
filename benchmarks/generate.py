"""How much faster than real time the instrument renders: `python -m benchmarks.generate [--model techno]`.

One run measures the machine's own fp32 matrix rate, the arithmetic of a second of audio, generator +
decoder + iSTFT at 1 and 2 threads with one piece and with many at once, the time to the first second of
sound, and the start-up times and peak memory as whole processes; so every figure has its reference.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import torch
from torch.utils.flop_counter import FlopCounterMode

from musika_daw.instrument.engine import Engine
from musika_daw.score.controls import Controls
from musika_daw.score.tempo import TempoMap

PIECE_S = 12.0


def median_s(work: Callable[[], object], runs: int = 7) -> float:
    """Median seconds of `runs` calls after one that is not counted."""
    work()
    spent = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def matmul_gflops() -> float:
    """The machine's fp32 matrix rate at the present thread count."""
    a, b = torch.randn(1536, 1536), torch.randn(1536, 1536)
    return 2 * 1536**3 / median_s(lambda: a @ b) / 1e9


def batch_seconds(engine: Engine, batch: int) -> tuple[Callable[[], object], float]:
    """Work that makes `batch` pieces of about `PIECE_S` at once, and the audio seconds it makes."""
    frames = round(PIECE_S * engine.sample_rate_hz / engine.r_time)
    if engine.config.kind == "fastgan":
        frames = -(-frames // engine.config.seq_len) * engine.config.seq_len
    config = engine.config
    inputs = (
        torch.randn(batch, frames, config.coordinate),
        torch.randn(batch, config.style),
        torch.randn(batch, frames, config.told),
    )

    @torch.inference_mode()
    def work() -> object:
        latents = torch.tanh(engine.generator(*inputs))
        if engine.config.stereo_stack == 2:
            latents = torch.cat(latents.chunk(2, -1))
        return engine.decoder(latents)

    return work, batch * frames * engine.r_time / engine.sample_rate_hz


def process_figures(command: list[str], runs: int = 3) -> float:
    """Median wall seconds of a whole process."""
    spent = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[1:])


@click.command()
@click.option("--model", default="techno", show_default=True, help="Short name, folder or file.")
@click.option("--pack/--no-pack", default=True, help="Also build a small pack for its speed and peak memory.")
def main(model: str, pack: bool) -> None:
    """Measure and print a table."""
    torch.set_flush_denormal(True)
    start = time.perf_counter()
    engine = Engine.load(model)
    load_s = time.perf_counter() - start
    work, audio_s = batch_seconds(engine, 1)
    with FlopCounterMode(display=False) as counter:
        work()
    per_second = counter.get_total_flops() / audio_s / 1e9
    click.echo(f"model {engine.name} {engine.weights_hash[:12]}, {engine.sample_rate_hz} Hz, loaded in {load_s:.2f} s")
    click.echo(f"arithmetic {per_second:.3f} GFLOP per second of audio (generator and decoder, without the iSTFT)")
    click.echo("threads  batch  x real time  GFLOP/s  matmul GFLOP/s  share  x real time at 150 GFLOP/s")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for batch in (1, 8):
            peak = matmul_gflops()
            work, audio_s = batch_seconds(engine, batch)
            speed = audio_s / median_s(work)
            rate = speed * per_second
            click.echo(
                f"{threads:7d} {batch:6d} {speed:12.1f} {rate:8.1f} {peak:15.1f} {rate / peak:6.2f} "
                f"{speed * min(1.0, 150 / peak):12.1f}"
            )
    first_s = median_s(lambda: engine.render(64, 128 / 60, TempoMap.constant(128), Controls(1)))
    click.echo(f"first second of sound {first_s * 1000:.0f} ms after the model is loaded")
    loop_s = median_s(lambda: engine.loop(128, 4, Controls(1)), 3)
    click.echo(f"Engine.loop of 4 bars at 128 bpm: {7.5 / loop_s:.1f} x real time, resampling included")
    click.echo(f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    tool = str(Path(sys.executable).with_name("musika-pack"))
    click.echo(f"musika-pack --help {process_figures([tool, '--help']):.2f} s")
    if pack:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            command = [tool, "build", "--bpm", "120-140", "--takes", "3", "--jobs", "1", "--out", f"{folder}/pack"]
            # a fresh interpreter between us and the tool: a child's peak begins at its parent's size
            watch = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
            watch += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
            told = subprocess.run([sys.executable, "-c", watch, *command], check=True, capture_output=True, text=True)
            spent = time.perf_counter() - start
            click.echo(
                f"pack of 10 loops and 3 takes, one job: {spent:.1f} s, "
                f"largest process {int(told.stdout.splitlines()[-1]) / 1024:.0f} MB"
            )


if __name__ == "__main__":
    main()
