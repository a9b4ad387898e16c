"""`scripts/train_on_gpu` on the CPU, at the smallest size: music, training, export, and going on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from training.evaluate.codec import Codec
from training.runs.run import load_checkpoint

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts/train_on_gpu"
TINY = (
    "--hours",
    "0.003",
    "--config",
    "tiny-ears",
    "--batch",
    "2",
    "--accelerator",
    "cpu",
    "--set",
    "components_from=2",
)


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, env=environment, timeout=600)


@pytest.mark.limit_s(600)
def test_it_trains_exports_and_goes_on(tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "out"), "--corpus", str(tmp_path / "corpus"))
    first = call("run", "--minutes", "0.02", *TINY, *out)
    assert first.returncode == 0, first.stderr
    steps = load_checkpoint(tmp_path / "out/run")["steps"]
    assert steps > 0
    again = call("run", "--minutes", "0.06", *TINY, *out)
    assert again.returncode == 0, again.stderr
    assert load_checkpoint(tmp_path / "out/run")["steps"] > steps
    assert Codec.load(tmp_path / "out").decoder.config.ears is not None


@pytest.mark.parametrize("wrong", [("run", "--hour", "1"), ("run", "--minutes")])
def test_a_slip_is_told_in_one_line(wrong: tuple[str, ...]) -> None:
    made = call(*wrong)
    assert made.returncode == 2
    assert made.stderr.startswith("train_on_gpu: --")
    assert len(made.stderr.splitlines()) == 1
