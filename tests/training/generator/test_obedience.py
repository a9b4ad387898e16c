"""What makes a generator obey: a reader of conditions, and excerpts of every density."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from musika_daw.instrument.models import TINY
from musika_daw.score.conditioning import CHANNELS, group_slices, phase_channels
from training.autoencoder.losses import advance_error, tonality_error
from training.generator.discriminator import ConditionReader, without_drums
from training.generator.excerpts import Batch, LatentExcerpts
from training.generator.gan import GanTrainer
from training.latents.encode import LatentSong
from training.runs.recipes import GanSettings

SIZES = TINY.generator


def told(batch: int, density: torch.Tensor) -> torch.Tensor:
    """Conditions in which density alone is given, `[B, T, CHANNELS]`."""
    conditions = torch.zeros(batch, SIZES.seq_len, CHANNELS)
    part = group_slices()["density"]
    conditions[..., part.start] = density
    conditions[..., part.stop - 1] = 1
    return conditions


def test_groups_that_are_not_given_are_not_judged() -> None:
    reader = ConditionReader(SIZES)
    latents = torch.randn(2, SIZES.seq_len, SIZES.channels)
    assert reader.error(latents, torch.zeros(2, SIZES.seq_len, CHANNELS)).item() == 0
    assert reader.error(latents, told(2, torch.tensor(0.5))).item() > 0


def test_a_generator_learns_to_be_read_as_what_was_asked() -> None:
    """The density is the level of the latents; samples from the prior must follow it after a few steps."""
    settings = GanSettings(
        batch=8,
        warmup_steps=1,
        anneal=0,
        adversary_from_step=0,
        discriminator_width=16,
        learning_rate=2e-3,
        lambda_obey=1.0,
    )
    trainer = GanTrainer(SIZES, settings)
    errors = []
    for step in range(60):
        torch.manual_seed(step)
        density = torch.rand(8, 1) * 2 - 1
        latents = density[..., None] + 0.3 * torch.randn(8, SIZES.seq_len, SIZES.channels)
        weights = torch.full((8, SIZES.seq_len, 4), 0.25)
        losses = trainer.step(Batch(latents, told(8, density), weights))
        errors.append((float(losses["reader"]), float(losses["obey"])))
    first, last = np.mean(errors[:10], 0), np.mean(errors[-10:], 0)
    assert (last < 0.5 * first).all(), (first, last)


def test_without_drums_only_what_changes_from_beat_to_beat_is_left() -> None:
    frames = torch.arange(88)
    beats = (frames % 11 == 0).float()  # struck on every beat of 11 latents
    chord = (frames // 44 % 2).float()  # changes at the bar line
    latents = torch.stack([beats, chord], -1).expand(2, -1, -1)
    heard = without_drums(latents, torch.tensor([True, False]), 11)
    assert torch.equal(heard[1], latents[1])
    assert heard[0, 5:-5, 0].std() < 1e-6
    middle = heard[0, :, 1]
    assert (middle[:38] == 0).all()
    assert (middle[49:83] == 1).all()
    assert (middle[38:50].diff() >= 0).all()


def test_a_reader_may_learn_from_more_than_the_others() -> None:
    settings = GanSettings(
        batch=2,
        reader_batches=3,
        reader_without_drums=0.5,
        bar_weight=4.0,
        discriminator_width=16,
        adversary_from_step=0,
        warm_start=False,
    )
    trainer = GanTrainer(SIZES, settings)
    seen: dict[str, list[int]] = {"reader": [], "generator": []}
    assert trainer.reader is not None
    trainer.reader.register_forward_hook(lambda _m, told, _out: seen["reader"].append(len(told[0])))
    trainer.generator.register_forward_hook(lambda _m, told, _out: seen["generator"].append(len(told[0])))
    latents = torch.randn(6, SIZES.seq_len, SIZES.channels)
    trainer.step(Batch(latents, told(6, torch.zeros(6, 1)), torch.full((6, SIZES.seq_len, 4), 0.25)))
    assert seen == {"reader": [6, 2], "generator": [2]}


def test_the_bar_counts_more_where_it_is_told_to() -> None:
    torch.manual_seed(0)
    plain, keen = ConditionReader(SIZES), ConditionReader(SIZES, bar_weight=4.0)
    keen.load_state_dict(plain.state_dict())
    conditions = torch.zeros(1, SIZES.seq_len, CHANNELS)
    conditions[..., group_slices()["phase"].stop - 1] = 1
    off = plain(torch.zeros(1, SIZES.seq_len, SIZES.channels)).detach()
    conditions[..., : group_slices()["phase"].stop - 1] = off[..., : group_slices()["phase"].stop - 1]
    conditions[..., phase_channels(4.0)] += 1  # all else is read rightly
    latents = torch.zeros(1, SIZES.seq_len, SIZES.channels)
    assert keen.error(latents, conditions).item() == pytest.approx(4 * plain.error(latents, conditions).item())


def test_rare_densities_are_drawn_more_often() -> None:
    class Latents:
        songs = (LatentSong("a", "train", 0, 1000, None, None), LatentSong("b", "train", 1000, 200, None, None))
        labels = np.concatenate([np.full((1000, 2), 0.8), np.full((200, 2), 0.1)]).astype(np.float32)

    shares = []
    for power in (0.0, 0.8):
        settings = GanSettings(balance_density=power)
        data = LatentExcerpts(Latents(), SIZES, settings)  # type: ignore[arg-type]
        rng = np.random.default_rng(0)
        shares.append(np.mean([data._place(rng)[0].start == 1000 for _ in range(600)]))
    assert shares[0] < 0.2
    assert shares[1] > 1.8 * shares[0]


def test_a_steady_tone_is_tonal_and_noise_is_not() -> None:
    frames = torch.arange(40.0)[:, None]
    steady = (0.7 * frames).expand(1, 1, 40, 8)
    torch.manual_seed(0)
    jumping = torch.rand(1, 1, 40, 8) * 6.28
    weight, said = torch.ones(1, 1, 40, 8), torch.ones(1, 1, 40, 8)
    assert float(tonality_error(said, steady, weight)) < 0.02
    assert float(tonality_error(said, jumping, weight)) > 0.4
    assert float(advance_error(torch.full((1, 1, 39, 8), 0.7), steady, weight)) < 1e-5
    assert float(advance_error(torch.full((1, 1, 39, 8), 0.7 + torch.pi), steady, weight)) > 1.9


def test_settings_of_older_runs_still_hold() -> None:
    """A run that began without a reader, or with one of another size, resumes with a fresh one."""
    wanted = GanSettings(discriminator_width=16, lambda_obey=0.3)
    for change in ({"lambda_obey": 0.0}, {"reader_width": 96, "reader_blocks": 5}):
        new = GanTrainer(SIZES, wanted)
        assert new.reader is not None
        fresh = {k: v.clone() for k, v in new.reader.state_dict().items()}
        new.restore(GanTrainer(SIZES, dataclasses.replace(wanted, **change)).state())
        assert all(torch.equal(v, fresh[k]) for k, v in new.reader.state_dict().items())
    same = GanTrainer(SIZES, dataclasses.replace(wanted, seed=1))
    new.restore(same.state())
    assert same.reader is not None
    assert all(torch.equal(v, new.reader.state_dict()[k]) for k, v in same.reader.state_dict().items())
