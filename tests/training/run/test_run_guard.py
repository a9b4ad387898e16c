"""Losses and weights that are not finite: back to the last good checkpoint, said so, and given up in time."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from musika_daw.instrument.models import TINY, Encoder
from tests.training.run.conftest import Stages
from tests.training.run.tiny import QUICK, QUICK_GAN
from training.autoencoder.trainer import train_autoencoder
from training.generator.gan import train_gan
from training.latents.encode import encode_corpus
from training.runs.loop import train
from training.runs.run import NanGuard, Run, all_finite
from training.weights import encoder_of


class Counter:
    """A trainer of one number that goes up by one a step; `broken` says in which steps it turns to NaN."""

    networks: ClassVar[list[torch.nn.Module]] = []
    optimizers: ClassVar[list[torch.optim.Optimizer]] = []

    def __init__(self, broken: set[int], loss_broken: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.steps, self.value = 0, torch.zeros(1)
        self.broken, self.loss_broken = broken, loss_broken
        self.batches: list[int] = []

    def update(self, batch: int, factor: float) -> dict[str, Tensor]:
        self.batches.append(batch)
        if batch in self.broken:
            self.value = self.value * float("nan")
        self.value = self.value + 1
        total = self.value.sum() if batch not in self.loss_broken else torch.tensor(float("inf"))
        return {"total": total}

    def state(self) -> dict[str, Any]:
        return {"value": self.value, "steps": self.steps}

    def restore(self, state: dict[str, Any]) -> None:
        self.value, self.steps = state["value"].clone(), state["steps"]


class Settings:
    warmup_steps, anneal, log_every, save_every_s = 1, 0.0, 1, 1e9


def run_counter(folder: Path, counter: Counter, steps: int, save_every_s: float = 1e9, resume: bool = False) -> Run:
    settings = Settings()
    settings.save_every_s = save_every_s
    run = Run(folder, {"stage": "count"}, resume=resume)
    train(run, counter, counter.update, settings, minutes=1, max_steps=steps)
    return run


def test_broken_weights_roll_back_and_say_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counter = Counter({5})
    with caplog.at_level(logging.WARNING, "training"):
        run = run_counter(tmp_path, counter, 20)
    assert "losses were not finite at step 8: back to the weights of step 0" in caplog.text
    state = run.load()
    assert state is not None
    # three steps noticed it, the weights began anew, the data went on
    assert (float(state["value"]), state["steps"]) == (12, 20)
    assert counter.batches == list(range(20))


def test_the_rollback_reaches_the_last_checkpoint_only(tmp_path: Path) -> None:
    run_counter(tmp_path, Counter(set()), 10)
    run = run_counter(tmp_path, Counter({12}), 20, resume=True)
    state = run.load()
    assert state is not None
    assert float(state["value"]) == 15


def test_one_bad_batch_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = run_counter(tmp_path, Counter(set(), {3}), 6)
    state = run.load()
    assert state is not None
    assert float(state["value"]) == 6
    assert "back to" not in caplog.text
    assert (tmp_path / "log.csv").read_text().count("\n") == 6


def test_broken_weights_are_never_saved(tmp_path: Path) -> None:
    counter = Counter({4})
    run = run_counter(tmp_path, counter, 12, save_every_s=0.0)
    state = run.load()
    assert state is not None
    assert all_finite(state)
    assert state["steps"] == 12


def test_endless_trouble_is_given_up_and_the_checkpoint_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not finite again after 3 rollbacks"):
        run_counter(tmp_path, Counter(set(range(2, 1000))), 100)
    state = Run(tmp_path, {}, resume=True).load()
    assert state is not None
    assert all_finite(state)


def test_trouble_after_a_good_checkpoint_is_new_trouble() -> None:
    guard = NanGuard(rollbacks=1)
    guard.roll_back()
    guard.saved()
    guard.roll_back()
    with pytest.raises(ValueError, match="after 1 rollbacks"):
        guard.roll_back()


def test_the_log_of_a_killed_run_is_cut_to_its_checkpoint(tmp_path: Path) -> None:
    run = run_counter(tmp_path, Counter(set()), 4)
    with (tmp_path / "log.csv").open("a") as file:
        file.write("5,1.0,5\n6,1.0,6\n7,1")
    run_counter(tmp_path, Counter(set()), 8, resume=True)
    rows = run.folder.joinpath("log.csv").read_text().splitlines()[1:]
    assert [int(r.split(",")[0]) for r in rows] == list(range(1, 9))


def test_all_finite_looks_everywhere() -> None:
    assert all_finite({"a": [torch.zeros(1), {"b": torch.ones(2)}], "c": 1, "d": torch.tensor([1 << 40])})
    assert not all_finite({"a": [torch.zeros(1), {"b": torch.tensor([1.0, float("inf")])}]})


def test_a_checkpoint_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match="not written by this program"):
        Run(tmp_path, {}, resume=True).load()


def test_a_time_box_ends_a_session_and_the_next_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("training.runs.run.time.monotonic", lambda: now)

    class Slow(Counter):
        def update(self, batch: int, factor: float) -> dict[str, Tensor]:
            nonlocal now
            now += 10
            return super().update(batch, factor)

    for session, minutes in enumerate((1.0, 0.5)):
        run = Run(tmp_path, {"stage": "count"}, resume=session > 0)
        counter = Slow(set())
        train(run, counter, counter.update, Settings(), minutes=minutes)
        state = run.load()
        assert state is not None
        assert (state["steps"], state["seconds"]) == ((6, 60.0), (9, 90.0))[session]


def test_what_is_refused_leaves_a_run_and_its_latents_as_they_were(
    stages: Stages, corpus_path: Path, tmp_path: Path
) -> None:
    run, latents = tmp_path / "ae", tmp_path / "z"
    shutil.copytree(stages.autoencoder, run)
    shutil.copytree(stages.latents, latents)
    before = {path: path.read_bytes() for folder in (run, latents) for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=r"run: .* is a run of autoencoder, not of gan"):
        train_gan(latents, run, TINY.generator, settings=QUICK_GAN, max_steps=9, resume=True)
    with pytest.raises(ValueError, match="resume: the run is level both phase 1, asked for level both phase 2"):
        train_autoencoder([corpus_path], run, TINY.autoencoder, settings=QUICK, phase=2, max_steps=9, resume=True)
    with pytest.raises(ValueError, match=r"out: .* holds latents of another autoencoder; give another folder"):
        encode_corpus(corpus_path, Encoder(TINY.autoencoder).eval(), latents)
    elsewhere = tmp_path / "corpus"
    shutil.copytree(corpus_path, elsewhere)
    with pytest.raises(ValueError, match=r"out: .* holds latents of corpus .*; give another folder"):
        encode_corpus(elsewhere, encoder_of(run), latents)
    assert {path: path.read_bytes() for path in before} == before
    (run / "run.json").unlink()  # even where a run does not say what it is
    with pytest.raises(ValueError, match=r"run: .* its checkpoint is of another kind, without 'generator_config'"):
        train_gan(latents, run, TINY.generator, settings=QUICK_GAN, max_steps=9, resume=True)
