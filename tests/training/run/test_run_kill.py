"""`kill -9` at random moments of every stage: what was saved is whole, and the run ends as if nothing had been."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from musika_daw.instrument.models import TINY
from tests.training.folder.music import FORMATS, beat_song, write
from tests.training.run.conftest import Stages
from tests.training.run.tiny import QUICK, QUICK_GAN
from training.autoencoder.trainer import train_autoencoder
from training.corpus.folder import build_folder, prepare
from training.corpus.folder.prepare import NO_GRID
from training.generator.gan import train_gan
from training.latents.encode import encode_corpus
from training.runs.examples import Examples
from training.runs.run import load_checkpoint
from training.weights import encoder_of

MOMENTS = 3  # ten for every stage, by its real command: benchmarks/train_kill.py
STEPS = 16
Work = Callable[[Path], None]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without examples and grids, so that the kills fit into seconds; on one thread, as a child has no others."""
    torch.set_num_threads(1)
    monkeypatch.setattr(Examples, "make", lambda self, step: None)
    monkeypatch.setattr(prepare, "hear", lambda audio, rate: NO_GRID)


def in_a_child(work: Work, folder: Path) -> int:
    """Process id of a child that does the work and leaves without a trace of this one."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(folder)
            status = 0
        finally:
            os._exit(status)
    return child


def killed_and_finished(work: Work, folder: Path, check: Callable[[Path], int]) -> None:
    """Do the work in a child (in `whole`), and again (in `killed`) in children that are killed at random moments; what
    `check` counts must never shrink. Then finish it."""
    rng = random.Random(5)
    begin = time.perf_counter()
    _, status = os.waitpid(in_a_child(work, folder / "whole"), 0)
    whole_s = time.perf_counter() - begin
    assert status == 0
    reached = 0
    for _ in range(MOMENTS):
        child = in_a_child(work, folder / "killed")
        time.sleep(rng.uniform(0, 0.6) * whole_s)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        now = check(folder / "killed")
        assert now >= reached
        reached = now
    work(folder / "killed")


def steps_of(run: Path) -> int:
    return int(load_checkpoint(run)["steps"]) if (run / "checkpoint.pt").exists() else 0


def lines_of(name: str) -> Callable[[Path], int]:
    def count(folder: Path) -> int:
        path = folder / name
        return path.read_text().count("\n") if path.exists() else 0

    return count


def same_weights(first: Path, second: Path, parts: tuple[str, ...]) -> None:
    a, b = load_checkpoint(first), load_checkpoint(second)
    assert a["steps"] == b["steps"] == STEPS
    for part in parts:
        for name, value in a[part].items():
            assert torch.equal(value, b[part][name]), f"{part}.{name}"
    # one row every second step, none twice
    rows = (second / "log.csv").read_text().splitlines()[1:]
    assert [int(r.split(",")[0]) for r in rows] == list(range(2, STEPS + 1, 2))


@pytest.mark.parametrize("phase", [1, 2])
def test_the_autoencoder(phase: int, stages: Stages, tmp_path: Path) -> None:
    def work(folder: Path) -> None:
        train_autoencoder(
            [stages.corpus],
            folder,
            TINY.autoencoder,
            settings=QUICK,
            phase=phase,
            max_steps=STEPS,
            resume=True,
            init_from=stages.autoencoder if phase == 2 else None,
        )

    killed_and_finished(work, tmp_path, steps_of)
    same_weights(tmp_path / "whole", tmp_path / "killed", ("encoder", "decoder", "ema"))


def test_the_generator(stages: Stages, tmp_path: Path) -> None:
    def work(folder: Path) -> None:
        train_gan(stages.latents, folder, TINY.generator, settings=QUICK_GAN, max_steps=STEPS, resume=True)

    killed_and_finished(work, tmp_path, steps_of)
    same_weights(tmp_path / "whole", tmp_path / "killed", ("generator", "discriminator", "ema"))


def test_encoding(stages: Stages, tmp_path: Path) -> None:
    encoder = encoder_of(stages.autoencoder)

    def work(folder: Path) -> None:
        encode_corpus(stages.corpus, encoder, folder)

    killed_and_finished(work, tmp_path, lines_of("rows.jsonl"))
    for name in ("latents.f16", "labels.f32", "latents.json", "rows.jsonl"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_folder_of_music(tmp_path: Path) -> None:
    source = tmp_path / "music"
    for number in range(6):
        write(source / f"{number}.wav", beat_song(100 + 9 * number, 10.2, number), FORMATS[0])

    def work(folder: Path) -> None:
        build_folder(source, folder)

    killed_and_finished(work, tmp_path, lines_of("files.jsonl"))
    for name in ("audio.i16", "onsets.i64", "songs.jsonl", "files.jsonl"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not list((tmp_path / "killed").glob("scratch*"))
