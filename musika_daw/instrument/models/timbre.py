"""What a style does to the sound of each voice, by the time since it was struck."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.score import part_roll
from musika_daw.score.parts import DRUMS, KIND_OF

TIMES = len(part_roll.TIMES)
# a strike as soft as this restarts a voice as a loud one does
_SOFT = 0.3
KINDS = tuple(dict.fromkeys(KIND_OF.values()))
VOICES = len(KINDS) + len(part_roll.PITCHED)


class Timbre(nn.Module):
    """A matrix for each voice and time since its strike, from style to latents.

    Which voice sounds, for how long already, and what its style makes of it is a product of three. A network that is
    told all three had learned next to nothing of it after 800 steps; with the product given, a straight line explains
    most of what sets songs apart (`training.generator.styles`), and training begins with it.
    """

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(VOICES * TIMES * style, channels, bias=False)
        nn.init.zeros_(self.linear.weight)
        self._slices = part_roll.slices()
        kinds = [KINDS.index(kind) for kind in KIND_OF.values()]
        self.register_buffer("_kinds", F.one_hot(torch.tensor(kinds), len(KINDS)).float(), persistent=False)

    def forward(self, told: Tensor, style: Tensor) -> Tensor:
        """Roll `[B, T, part_roll.CHANNELS]` and style `[B, S]` (or `[B, T, S]`) to latents `[B, T, C]`."""
        if style.dim() == 3:
            return self.linear(self.features(told, style))
        # of one style the matrices come to one, which costs a thirtieth of the product at every latent
        matrices = self.linear.weight.unflatten(1, (VOICES * TIMES, -1))
        return self.since(told) @ torch.einsum("cvs,bs->bvc", matrices, style)

    def features(self, told: Tensor, style: Tensor) -> Tensor:
        """Style where each voice is at each time since its strike, `[B, T, VOICES * TIMES * S]`."""
        since = self.since(told)
        return (since[..., None] * style[:, :, None]).flatten(2)

    def since(self, told: Tensor) -> Tensor:
        """How far each voice is at each time since its last strike, `[B, T, VOICES * TIMES]` in 0..1.

        Drums are a kit, of which what was struck last sounds; what `part_roll` does not tell is nowhere.
        """
        drums = told[..., self._slices["drums"]][..., : 2 * len(DRUMS)].unflatten(-1, (2, len(DRUMS))).sum(-2)
        struck = _struck(drums @ self.get_buffer("_kinds"))
        out = [_times(struck, struck.sum(-1, keepdim=True).clamp(max=1))]
        for part in part_roll.PITCHED:
            of_part, keys = told[..., self._slices[part]], part_roll.KEYS
            struck = _struck(of_part[..., 3 * keys : 3 * keys + part_roll.PLACES].sum(-1, keepdim=True))
            times = _times(struck, struck)
            rest = of_part[..., 2 * keys : 3 * keys].amax(-1, keepdim=True).sign() * (1 - times.sum(-1)).clamp(min=0)
            times = torch.cat([times[..., :-1], rest[..., None]], -1)
            out.append(times)
        return torch.cat([times.flatten(2) for times in out], -1)


def _struck(strength: Tensor) -> Tensor:
    return (strength / _SOFT).clamp(max=1)


def _times(struck: Tensor, restart: Tensor) -> Tensor:
    """`[B, T, voices]` and what ends them `[B, T, 1]` to `[B, T, voices, TIMES]`."""
    frames = struck.shape[1]
    going, out, total = struck, [], torch.zeros_like(struck)
    for since in range(part_roll.TIMES[-1]):
        if since in part_roll.TIMES and since:
            out.append(total)
            total = torch.zeros_like(struck)
        total = total + going
        going = F.pad(going, (0, 0, 1, 0))[:, :frames] * (1 - restart)
    return torch.stack([*out, total, torch.zeros_like(struck)], -1)
