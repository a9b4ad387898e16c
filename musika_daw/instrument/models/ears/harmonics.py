"""Tones where a score has them: what is told of long frames is brought to the partials of the notes that sound.

A network that learned by regression tells means of what could be. So it is never silent between two partials, a tone of
a chord is louder than another for no reason, and a peak lies beside its pitch:

    told          . - + = - . - = * = - .      what lies between partials becomes softer,
    partials              |         |          tones of a chord as loud as each other,
    sharpened     . . . . * . . . . * . .      and peaks lie on their pitch

Whoever knows the notes knows better, as with the deep band (`DeepBand.tuned`). All is done frame by frame, so a sample
depends on no more than before. What lies near a partial, a second voice a little out of tune, stays as it was told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from musika_daw.instrument.models.phase import joined
from musika_daw.instrument.models.spectrum import LOG_SCALE, pieces

_DB = math.log(10) / 20
# so far from each partial, in bins of a long frame or as a share of its frequency, all stays as it is told; what is
# twice as far is softer by so much
_NEAR_BINS, _NEAR_SHARE = 1.0, 2 ** (25 / 1200) - 1
_SOFTER_DB = 20.0
# peaks up to the first distance in bins from a partial are brought to it, from the second on none
_TUNED, _OTHER = 0.75, 1.5
# tones of a chord are compared by their lowest partials, above the deep band, that no other tone comes near (bins)
_COMPARED, _LOWEST_HZ, _APART = 4, 180.0, 2.0
# a tone is made louder or softer by no more than this, within so many bins of its partials; the low ones say nothing of
# those above the second frequency, which would leap with them
_MOST_DB, _REACH, _LEVEL_HZ = 8.0, 2.5, (1500.0, 3000.0)
# long frames of a piece that a processor's cache holds
_FRAMES = 32


@dataclass(frozen=True)
class Pitches:
    """What is known of the notes that sound while steps are heard.

    `deep_hz` `[B, points]` is the pitch of the deep band, NaN where none is known. Of each long frame,
    `[B, n, voices]`: `hz` are the notes that sound, NaN where there are fewer; `chord` numbers those struck together;
    `held` is 1 while a note is held and falls as it dies away; 0 where none sounds.
    """

    deep_hz: Tensor
    hz: Tensor
    chord: Tensor
    held: Tensor


def sharpened(tones: Tensor, pitches: Pitches, bin_hz: float) -> tuple[Tensor, Tensor]:
    """Normalised log-magnitudes `[B, C, n, bins]` of long frames with level tones of chords, and softer between
    partials; and how far above each bin the nearest partial lies, `[B, 1, n, bins]`, infinite where no note sounds."""
    whole, none = _LEVEL_HZ
    levelled = ((none - bin_hz * torch.arange(tones.shape[-1])) / (none - whole)).clamp(0, 1)
    rows, off = [], []
    for row, of_row in enumerate(tones):
        hz = pitches.hz[row]
        # as many as sound at once anywhere: those that do not change nothing
        voices = int((~hz.isnan()).sum(-1).max()) if len(hz) else 0
        at = (hz[:, :voices] / bin_hz).nan_to_num(nan=math.inf)
        louder = _louder(joined(of_row[None])[0, 0], at, pitches.chord[row, :, :voices], _LOWEST_HZ / bin_hz)
        held = pitches.held[row, :, :voices]
        louder *= held
        # as the last note dies away, what lies between comes back: at once it would be a sound of its own
        softer = _SOFTER_DB * _DB * F.pad(held, (0, 1)).amax(-1, keepdim=True)
        parts = [_near(at[some], louder[some], softer[some], levelled) for some in pieces(len(hz), _FRAMES)]
        gain, beside = (torch.cat(each) for each in zip(*parts))
        rows.append(of_row + gain / LOG_SCALE)
        off.append(beside)
    return torch.stack(rows), torch.stack(off)[:, None]


def tuned(above: Tensor, off: Tensor) -> Tensor:
    """How far above each bin its sine lies, `[B, 1, n, bins]` in bins, brought to partials `off` above if these are
    near."""
    by = off[..., : above.shape[-1]] - above
    share = ((_OTHER - by.abs()) / (_OTHER - _TUNED)).clamp(0, 1)
    return above + torch.where(share > 0, by * share, 0.0)


def _near(at: Tensor, louder: Tensor, softer: Tensor, levelled: Tensor) -> tuple[Tensor, Tensor]:
    """Gains in nepers of bins, `[n, bins]`, and how far above each the nearest partial of notes `at` `[n, voices]` lies
    (infinite where none sounds), in bins of which so much is `levelled`."""
    bin_ = torch.arange(len(levelled), dtype=torch.float32)
    nearest = torch.full((len(at), len(levelled)), math.inf)
    off, gain = nearest.clone(), torch.zeros_like(nearest)
    for pitch, more in zip(at.unbind(1), louder.unbind(1)):
        turns = bin_ / pitch[:, None]
        beside = (torch.round(turns) - turns) * pitch[:, None]
        distance = beside.abs()
        nearer = distance < nearest
        nearest = torch.where(nearer, distance, nearest)
        off = torch.where(nearer, beside, off)
        gain = torch.where(nearer, more[:, None], gain)
    gain *= (1 - nearest / _REACH).clamp(min=0) * levelled
    near = (_NEAR_SHARE * bin_).clamp(min=_NEAR_BINS)
    far = (nearest / near - 1).clamp(0, 1)
    return gain - softer * torch.where(nearest.isfinite(), far, 0.0), off


def _louder(low: Tensor, at: Tensor, chord: Tensor, lowest: float) -> Tensor:
    """By how many nepers each tone of a chord is to be louder, `[n, voices]`, heard from bin `lowest` on."""
    partials = at[..., None] * torch.arange(1, _COMPARED + 1)
    alone = (partials >= lowest) & (partials < low.shape[-1] - 3)
    for voice in range(at.shape[1]):
        turns = partials / at[:, voice, None, None]
        distance = (turns - torch.round(turns)).abs() * at[:, voice, None, None]
        distance[:, voice] = math.inf
        alone &= ~(distance <= _APART)
    place = torch.where(alone, partials, 2.0).round().long()
    power = torch.zeros_like(partials)
    for beside in (-1, 0, 1):
        power += torch.exp(2 * LOG_SCALE * low.gather(1, (place + beside).flatten(1)).view_as(partials))
    heard = alone.any(-1)
    level = torch.log(torch.where(alone, power, 0.0).sum(-1) + 1e-12) / 2
    together = (chord[:, :, None] == chord[:, None, :]) & heard[:, None, :]
    count = together.sum(-1)
    mean = torch.where(together, level[:, None, :], 0.0).sum(-1) / count.clamp(min=1)
    louder = (mean - level).clamp(-_MOST_DB * _DB, _MOST_DB * _DB)
    return torch.where(heard & (count > 1), louder, 0.0)
