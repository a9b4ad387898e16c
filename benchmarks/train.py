"""What a training step costs: `python -m benchmarks.train [--config studio] [--threads 1]`.

For every stage: seconds, arithmetic and peak memory of one step, its share of the matrix rate that this machine
reaches at the same moment, and how long the stage takes in full. Data are random, as arithmetic does not ask what
it adds up. `--profile` says where the time of a generator step goes.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import click
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from musika_daw.instrument.models import ModelConfig, config_named
from training.autoencoder.trainer import AutoencoderTrainer
from training.generator.excerpts import ANCHORS, Batch
from training.generator.gan import GanTrainer
from training.runs.recipes import PAPER_AUTOENCODER, PAPER_GAN, AutoencoderSettings, GanSettings

# steps of a full run: the paper's, and those after which ours are usable
PAPER_STEPS = {"1.1": 1_000_000, "1.2": 1_000_000, "2.1": 400_000, "2.2": 400_000, "gan": 1_500_000}
# fp32 with TF32 matrix units, dense, as its maker gives it; half of the share a CPU reaches is assumed of it
GPU_NAME, GPU_TFLOPS = "NVIDIA A100 (TF32)", 156.0


class Arithmetic(TorchDispatchMode):
    """Counts the operations of matrix products and convolutions, forward and backward.

    (PyTorch's own counter also follows modules, and stumbles over the gradient of an input.)
    """

    def __init__(self) -> None:
        super().__init__()
        self.flop = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if (count := flop_registry.get(func._overloadpacket)) is not None:
            self.flop += count(*args, **(kwargs or {}), out_val=out)
        return out


def stages(config: ModelConfig) -> dict[str, Callable[[], tuple[Any, Callable[[], Any]]]]:
    """Each stage's trainer and step by name (`level.phase`, or gan)."""
    paper = config.name.startswith("paper")
    levels = ("1", "2") if paper else ("both",)
    made: dict[str, Callable[[], tuple[Any, Callable[[], Any]]]] = {}
    for level in levels:
        for phase in (1, 2):
            made[f"{level}.{phase}"] = partial(autoencoder_step, config, level, phase, paper)
    made["gan"] = partial(generator_step, config, paper)
    return made


def autoencoder_step(config: ModelConfig, level: str, phase: int, paper: bool) -> tuple[Any, Callable[[], Any]]:
    """A trainer of one stage and a call that takes a step."""
    settings = PAPER_AUTOENCODER if paper else AutoencoderSettings()
    trainer = AutoencoderTrainer(config.autoencoder, settings, level, phase)
    wave = 0.1 * torch.randn(settings.batch, 2, trainer.excerpt_frames)
    return trainer, lambda: trainer.step(wave)


def generator_step(config: ModelConfig, paper: bool) -> tuple[Any, Callable[[], Any]]:
    """A generator's trainer and a call that takes a step with the adversary at work."""
    settings = PAPER_GAN if paper else dataclasses.replace(GanSettings(), adversary_from_step=0)
    trainer = GanTrainer(config.generator, settings)
    frames = config.generator.seq_len * (2 if config.generator.kind == "fastgan" else 1)
    batch = Batch(
        torch.randn(settings.batch, frames, config.generator.channels),
        torch.randn(settings.batch, frames, config.generator.told),
        torch.full((settings.batch, frames, ANCHORS), 1 / ANCHORS),
    )

    def step() -> None:
        trainer.step(batch)
        trainer.steps += 1

    return trainer, step


def measure(name: str, config_name: str, threads: int, runs: int) -> dict[str, float]:
    """Figures of one stage; run in a process of its own for its peak memory."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    trainer, step = stages(config_named(config_name))[name]()
    modules = [m for m in vars(trainer).values() if isinstance(m, torch.nn.Module)]
    parameters = sum(p.numel() for p in {p for m in modules for p in m.parameters()})
    # penalties come every few steps: count and time whole rounds of them
    round_length = getattr(trainer.settings, "r1_every", 1)
    with Arithmetic() as counter:
        for _ in range(round_length):
            step()
    gflop = counter.flop / round_length / 1e9
    # processor seconds, so that a busy machine does not count; with several threads only the clock tells
    clock = time.process_time if threads == 1 else time.perf_counter
    seconds, shares, rates = [], [], []
    for _ in range(runs):
        rates.append(_rate(clock))
        begin = clock()
        for _ in range(round_length):
            step()
        seconds.append((clock() - begin) / round_length)
        shares.append(gflop / seconds[-1] / rates[-1])
    return {
        "parameters": parameters,
        "gflop": gflop,
        "seconds": statistics.median(seconds),
        "matmul": statistics.median(rates),
        "share": statistics.median(shares),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _rate(clock: Callable[[], float]) -> float:
    """The machine's fp32 matrix rate now."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    a @ b
    begin = clock()
    for _ in range(6):
        a @ b
    return 12 * 1024**3 / (clock() - begin) / 1e9


def alone(*arguments: Any) -> dict[str, float]:
    """`measure` in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def profile(config: ModelConfig) -> str:
    """Where the time of a generator step goes, by operation."""
    _, step = stages(config)["gan"]()
    step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        for _ in range(8):
            step()
    return str(seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=16, max_name_column_width=50))


@click.command()
@click.option("--config", "config_name", default="studio", show_default=True)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1))
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@click.option("--stage", "only", multiple=True, help="Only these stages; repeatable.")
@click.option("--profile", "profiled", is_flag=True, help="Profile the generator step instead.")
def main(config_name: str, threads: int, runs: int, only: tuple[str, ...], profiled: bool) -> None:
    """Measure and print a table."""
    config = config_named(config_name)
    if profiled:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)
        click.echo(profile(config))
        return
    click.echo(f"config {config_name}, {threads} threads, torch {torch.__version__}")
    click.echo("stage   parameters  GFLOP/step  s/step  GFLOP/s  matmul GFLOP/s  share  peak MB")
    for name in only or stages(config):
        got = alone(name, config_name, threads, runs)
        click.echo(
            f"{name:7s} {got['parameters'] / 1e6:9.2f}M {got['gflop']:11.1f} {got['seconds']:7.3f} "
            f"{got['gflop'] / got['seconds']:8.1f} {got['matmul']:15.1f} {got['share']:6.2f} {got['memory_mb']:8.0f}"
        )
        if name in PAPER_STEPS and config_name.startswith("paper"):
            hours = PAPER_STEPS[name] * got["gflop"] / (GPU_TFLOPS * 1000 * got["share"] / 2) / 3600
            days = PAPER_STEPS[name] * got["seconds"] / 86_400
            click.echo(
                f"        {PAPER_STEPS[name]} steps: {days:.0f} days here, estimated {hours:.0f} h on one {GPU_NAME}"
            )


if __name__ == "__main__":
    main()
