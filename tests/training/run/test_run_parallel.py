"""Two CPU processes train as one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from musika_daw.instrument.models import TINY, TINY_EARS, ModelConfig
from tests.training.run.conftest import Stages
from training.autoencoder.trainer import AutoencoderTrainer
from training.runs import parallel
from training.runs.parallel import FabricProcesses, Processes, launch
from training.runs.recipes import AutoencoderSettings
from training.runs.run import load_checkpoint


class Exchange:
    """Stands for the fabric of two threads: sums and gathers what both give."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(2, timeout=20)
        self.values: list[Any] = [None, None]

    def all(self, rank: int, value: Tensor) -> list[Tensor]:
        self.values[rank] = value.clone()
        self.barrier.wait()
        out = list(self.values)
        self.barrier.wait()
        return out


class ThreadFabric:
    device, world_size = torch.device("cpu"), 2

    def __init__(self, exchange: Exchange, rank: int) -> None:
        self.exchange, self.global_rank = exchange, rank

    def all_reduce(self, value: Tensor, reduce_op: str) -> Tensor:
        assert reduce_op == "sum"
        return torch.stack(self.exchange.all(self.global_rank, value)).sum(0)

    def all_gather(self, value: Tensor) -> Tensor:
        return torch.stack(self.exchange.all(self.global_rank, value))


class Line:
    """A trainer of one weight towards its batch; a batch of NaN is left out, as the real trainers do."""

    networks: ClassVar[list[torch.nn.Module]] = []

    def __init__(self) -> None:
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.optimizer = torch.optim.SGD([self.weight], 0.5)
        self.optimizers = [self.optimizer]
        self.steps = 0

    def step(self, target: float) -> dict[str, Tensor]:
        total = (self.weight - target).square().sum() / 2
        if torch.isfinite(total):
            self.optimizer.zero_grad()
            total.backward()
            self.optimizer.step()
        return {"total": total.detach()}


def in_two(trainers: list[Any], batches: list[tuple[Any, Any]]) -> None:
    exchange = Exchange()

    def work(rank: int) -> None:
        together = FabricProcesses(ThreadFabric(exchange, rank))
        together.join(trainers[rank])
        for batch in batches:
            together.update(lambda: trainers[rank].step(batch[rank]))  # noqa: B023 - called at once

    threads = [threading.Thread(target=work, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_gradients_are_averaged() -> None:
    first, second = trainers = [Line(), Line()]
    in_two(trainers, [(1.0, 3.0)])
    torch.testing.assert_close(first.weight, torch.full((2,), 1.0))
    assert torch.equal(first.weight, second.weight)


def test_one_bad_batch_neither_blocks_nor_parts_them() -> None:
    first, second = trainers = [Line(), Line()]
    in_two(trainers, [(1.0, 3.0), (2.0, float("nan")), (float("nan"), float("nan")), (0.0, 1.0)])
    assert torch.equal(first.weight, second.weight)
    assert torch.isfinite(first.weight).all()
    # (1 + 2) / 2 after the second, unchanged by the third, half way to 0.5 after the fourth
    torch.testing.assert_close(first.weight, torch.full((2,), 1.0))


def test_the_judge_of_the_second_phase_learns_from_both() -> None:
    """Its optimiser is not the trainer's own."""
    settings = AutoencoderSettings(batch=2, latents=6, discriminator_width=8)
    trainers = [AutoencoderTrainer(TINY.autoencoder, settings, "both", 2) for _ in range(2)]
    frames = trainers[0].excerpt_frames
    waves = [0.1 * torch.randn(2, 2, frames, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    before = {name: value.clone() for name, value in trainers[0].networks[-1].state_dict().items()}
    in_two(trainers, [(waves[0], waves[1])])
    for networks in zip(*(trainer.networks for trainer in trainers)):
        first, second = (network.state_dict() for network in networks)
        assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(before[name], value) for name, value in first.items())


@pytest.mark.parametrize("stage", ["autoencoder", "gan"])
def test_two_processes_train_resume_and_write_one_run(stage: str, stages: Stages, tmp_path: Path) -> None:
    source = stages.corpus if stage == "autoencoder" else stages.latents
    command = [
        str(Path(sys.executable).with_name("musika-train")),
        stage,
        str(source),
        "--out",
        str(tmp_path / "run"),
        "--config",
        "tiny",
        "--devices",
        "2",
        "--accelerator",
        "cpu",
        "--threads",
        "1",
        "--set",
        "batch=2",
        "--set",
        "log_every=1",
        "--set",
        "discriminator_width=8",
    ]
    if stage == "autoencoder":
        command += ["--set", "latents=6", "--set", "components_from=2"]
    else:
        command += ["--set", "adversary_from_step=1"]
    environment = {k: v for k, v in os.environ.items() if k not in ("LOCAL_RANK", "MASTER_PORT")}
    for steps in (2, 4):
        done = subprocess.run(
            [*command, "--steps", str(steps), "--resume"],
            capture_output=True,
            text=True,
            env=environment,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert load_checkpoint(tmp_path / "run")["steps"] == steps
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert [r.split(",")[0] for r in rows] == ["step", "1", "2", "3", "4"]
    assert (tmp_path / "run" / "report.html").exists()


def losses_of_gan(stages: Stages, out: Path, precision: str) -> dict[str, float]:
    from musika_daw.instrument.models import TINY
    from tests.training.run.tiny import QUICK_GAN
    from training.generator.gan import train_gan

    parallel.use(Processes(precision=precision))
    try:
        return train_gan(stages.latents, out, TINY.generator, settings=QUICK_GAN, max_steps=4)
    finally:
        parallel.use(Processes())


def test_a_generator_learns_the_same_in_mixed_precision(stages: Stages, tmp_path: Path) -> None:
    whole, mixed = (losses_of_gan(stages, tmp_path / name, name) for name in ("32", "bf16"))
    assert whole.keys() == mixed.keys()
    assert whole != mixed
    for name in ("total", "rec", "reader", "discriminator"):
        assert mixed[name] == pytest.approx(whole[name], rel=0.02), name
    assert load_checkpoint(tmp_path / "bf16")["generator"]["inward.conv.weight"].dtype == torch.float32


@pytest.mark.parametrize("config", [TINY, TINY_EARS])
@pytest.mark.parametrize("phase", [1, 2])
def test_an_autoencoder_learns_the_same_in_mixed_precision(config: ModelConfig, phase: int) -> None:
    settings = AutoencoderSettings(batch=2, latents=6, discriminator_width=8)
    losses: dict[str, dict[str, Tensor]] = {}
    for name in ("32", "bf16"):
        trainer = AutoencoderTrainer(config.autoencoder, settings, "both", phase)
        Processes(precision=name).join(trainer)
        wave = 0.1 * torch.randn(2, 2, trainer.excerpt_frames, generator=torch.Generator().manual_seed(1))
        for _ in range(3):
            losses[name] = trainer.step(wave)
    assert losses["32"].keys() == losses["bf16"].keys()
    assert losses["32"]["total"] != losses["bf16"]["total"]
    for key in ("total", "rec", "discriminator") if phase == 2 else ("total", "rec"):
        torch.testing.assert_close(losses["bf16"][key], losses["32"][key], rtol=0.02, atol=0.01)
        assert losses["bf16"][key].dtype == torch.float32


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="precision: '8', must be one of auto, 32, bf16"):
        Processes(precision="8")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="accelerator: 'gpu'"):
            launch(1, "gpu")
