"""A generator of parts begins with what a straight line from the score explains."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from musika_daw.instrument.models.blocks import FrameConv
from musika_daw.instrument.models.config import TINY_EARS
from musika_daw.instrument.models.generator import ResNetGenerator
from musika_daw.instrument.models.timbre import Timbre
from musika_daw.score import conditioning, part_roll
from musika_daw.score.roll import ROLES, sorted_notes
from training.generator.excerpts import ANCHORS, Batch
from training.generator.regression import solve, solve_timbre

CHANNELS = 5


class Drawn:
    """Latents that follow from three frames of the score by `line`, with noise of a tenth."""

    def __init__(self, line: FrameConv) -> None:
        self.line = line

    def batch(self, step: int, size: int) -> Batch:
        noise = torch.Generator().manual_seed(step % 1000)
        score = (torch.rand(size, 40, part_roll.CHANNELS, generator=noise) > 0.9).float()
        latents = self.line(score) + 0.1 * torch.randn(size, 40, CHANNELS, generator=noise)
        conditions = torch.cat([torch.randn(size, 40, conditioning.CHANNELS, generator=noise), score], -1)
        return Batch(latents.detach(), conditions, torch.zeros(size, 40, ANCHORS))


@torch.no_grad()
def left(line: FrameConv, batch: Batch) -> float:
    """Share of the latents' variance that a line leaves."""
    wanted = batch.latents[:, 1:-1]
    made: Tensor = line(batch.conditions[..., conditioning.CHANNELS :])[:, 1:-1]
    return float((made - wanted).square().sum() / (wanted - wanted.mean((0, 1))).square().sum())


def test_a_line_is_found_and_holds_for_what_was_not_seen() -> None:
    torch.manual_seed(0)
    truth, found = (FrameConv(part_roll.CHANNELS, CHANNELS, 3) for _ in range(2))
    data = Drawn(truth)
    unseen = data.batch(7, 8)
    before = left(found, unseen)
    solve(found, data, 40, 8)
    noise = 0.01 / float(unseen.latents.var())
    assert left(found, unseen) < 0.6 * before
    assert left(found, unseen) < noise + 0.35


class Coloured:
    """Latents in which a drawn `Timbre` does what styles do, beside what the generator makes without one."""

    def __init__(self, generator: ResNetGenerator, truth: Timbre) -> None:
        self.generator, self.truth = generator, truth

    @torch.no_grad()
    def batch(self, step: int, size: int) -> Batch:
        rng, config = np.random.default_rng(step % 1000), self.generator.config
        rows = []
        for _ in range(size):
            notes = [
                (float(at), at + 4.0, int(rng.integers(30, 60)), 0.9, ROLES.index("bass")) for at in range(0, 40, 6)
            ]
            rows.append(part_roll.part_roll(sorted_notes(notes), 40))
        told = torch.from_numpy(np.stack(rows))
        style = torch.from_numpy(rng.normal(size=(size, 1, config.style))).float().expand(-1, 40, -1)
        conditions = torch.cat([torch.zeros(size, 40, conditioning.CHANNELS), told], -1)
        nowhere = torch.zeros(size, 40, config.coordinate)
        plain = self.generator(nowhere, torch.zeros(size, config.style), conditions)
        return Batch(plain + self.truth(told, style), conditions, torch.zeros(size, 40, ANCHORS), style)


def test_what_styles_do_is_found_beside_what_the_generator_does() -> None:
    torch.manual_seed(0)
    generator = ResNetGenerator(TINY_EARS.generator)
    assert generator.timbre is not None
    truth = Timbre(TINY_EARS.generator.style, TINY_EARS.generator.channels)
    torch.nn.init.normal_(truth.linear.weight)
    data = Coloured(generator, truth)
    solve_timbre(generator, generator.timbre, data, 40, 8)
    unseen = data.batch(7, 8)
    assert unseen.style is not None
    with torch.no_grad():
        made, wanted = (
            t(unseen.conditions[..., conditioning.CHANNELS :], unseen.style) for t in (generator.timbre, truth)
        )
    assert float((made - wanted).square().sum() / wanted.square().sum()) < 0.05
