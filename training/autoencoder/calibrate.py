"""Sets a decoder's levels right: what it makes is as loud, bin for bin, as what it was given."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from musika_daw.instrument.models import Decoder, Encoder

# gains are smooth over this many bins, and no correction is larger than this; gain curves are free to lie some 7 dB
# below 1 in the mean, which is to be made up for here
_SMOOTH_BINS, _LARGEST = 9, 8.0


@torch.inference_mode()
def level_gains(encoder: Encoder, decoder: Decoder, waves: Tensor) -> Tensor:
    """Amplitude gains `[channels, bins]` that give the round trip of `[N, 2, t]` samples the power of its input.

    Log-magnitudes learned by their median, and frames whose phases do not quite agree where they overlap, lose
    some 2 dB, most where attacks are.
    """
    power = torch.zeros(2, decoder.sizes.channels, decoder.sizes.bins)
    for part in waves.split(4):
        made = decoder(encoder(part))
        wanted = part[..., encoder.context : encoder.context + made.shape[-1]]
        for total, wave in zip(power, (made, wanted)):
            total += decoder.analyse(wave).abs().square().mean((0, 2))
    smooth = F.avg_pool1d(F.pad(power, (_SMOOTH_BINS // 2,) * 2, mode="replicate"), _SMOOTH_BINS, 1)
    floor = 1e-9 * smooth[1].max()
    gains = ((smooth[1] + floor) / (smooth[0] + floor)).sqrt()
    return gains.clamp(1 / _LARGEST, _LARGEST)


@torch.no_grad()
def calibrate(encoder: Encoder, decoder: Decoder, waves: Tensor) -> Tensor:
    """Set the decoder's gains, in place and whatever they were before; returns them.

    ValueError for a decoder that gives phases itself: those are levelled by its adversary.
    """
    if decoder.tracker is None:
        raise ValueError("decoder: only one whose phases are tracked can be calibrated")
    decoder.gain.fill_(1)
    decoder.gain.copy_(level_gains(encoder, decoder, waves))
    return decoder.gain
