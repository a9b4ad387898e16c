"""A generator of parts begins with what a straight line from the score explains."""

from __future__ import annotations

import torch
from torch import Tensor

from musika_daw.instrument.models.blocks import FrameConv
from musika_daw.score import conditioning, part_roll
from training.generator.excerpts import ANCHORS, Batch
from training.generator.regression import solve

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
