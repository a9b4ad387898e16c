"""What a decoder of two ears is taught: to tell what was heard (phase 1), and as sound is (phase 2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from musika_daw.instrument.models.ears import EarsDecoder, EarsEncoder
from musika_daw.instrument.models.spectrum import LOG_SCALE
from training.autoencoder.adversary import Adversary
from training.autoencoder.discriminators import TellingDiscriminator
from training.autoencoder.losses import bin_weights_hz
from training.autoencoder.principal import fit_decoder, fit_encoder
from training.runs.recipes import AutoencoderSettings

# each part's share of what is learned
SHARES = {
    "tones": 1.0,
    "peaks": 2.0,
    "bands": 1.5,
    "attack": 0.6,
    "balance": 0.2,
    "level": 0.3,
    "advance": 3.0,
    "start": 1.0,
    "peak": 0.2,
    "tonality": 0.3,
}
# magnitudes to this power: peaks of partials count more than the valleys between them, quiet ones a little
_COMPRESSION = 0.4
# how much mid and side count: a record's side lies 10 dB below its mid, and has much the same spectrum
_SIDES = (1.4, 0.6)
# a band strikes that rises by more than so much within two frames, and counts by how much more, up to the second
_STRIKES, _MOST_RISE = 0.25, 2.0


def weights_of_bins(decoder: EarsDecoder) -> Tensor:
    """Weights `[bins + 1]` of tones, mean 1, as dense as the ear's bands."""
    spectrum, bins = decoder.synthesis.long, decoder.synthesis.layout.bins + 1
    return bin_weights_hz(torch.arange(bins) * decoder.config.sample_rate_hz / spectrum.fft)


def telling_losses(told: dict[str, Tensor], wanted: dict[str, Tensor], bins: Tensor) -> dict[str, Tensor]:
    """How far told parts (`Layout.split`) are from what was heard (`Ears.told`), by name; `bins` weigh the tones'."""
    tones, heard = told["tones"], wanted["tones"]
    # both relative to the loudest bin of the frame, so that calm frames count as loud ones do
    top = heard.amax((1, 3), keepdim=True)
    power = _COMPRESSION * LOG_SCALE
    made, real = (torch.exp(power * (x - top).clamp(max=1.0)) for x in (tones, heard))
    loud = real[..., :-1].amax(1, keepdim=True) * bins[:-1]
    sides = _sides(tones)
    weight = wanted["weight"]
    deep = weight.sum() + 1e-6
    pairs = torch.minimum(weight, F.pad(weight[:, 1:], (0, 1)))
    losses = {
        "tones": ((tones - heard).abs() * bins * sides).mean(),
        "peaks": ((made - real).abs() * bins * sides).mean() / (real * bins * sides).mean(),
        "bands": ((told["bands"] - wanted["bands"]).abs() * sides).mean(),
        "attack": _attack(told["bands"], wanted["bands"], sides),
        "level": F.l1_loss(told["level"], wanted["level"]),
        "advance": ((1 - torch.cos(told["advance"] - wanted["advance"])) * pairs).sum() / (pairs.sum() + 1e-6),
        "start": ((told["start"] - wanted["start"]).square().sum(-1) * weight).sum() / deep,
        "peak": F.l1_loss(told["peak"], wanted["peak"]),
        "tonality": ((told["tonality"] - wanted["tonality"]).square() * loud).sum() / (loud.sum() + 1e-9),
    }
    if "balance" in told:
        losses["balance"] = F.mse_loss(told["balance"], wanted["balance"])
    return losses


def _sides(like: Tensor) -> Tensor:
    """How much each channel counts, `[1, channels, 1, 1]`, mean 1."""
    weights = _SIDES if like.shape[1] == 2 else (1.0,)
    return like.new_tensor(weights)[None, :, None, None]


def _attack(bands: Tensor, wanted: Tensor, sides: Tensor) -> Tensor:
    """How far bands `[B, channels, frames, bands]` are from those wanted where these strike, in level and in rise."""
    rise = (wanted[:, :, 2:] - wanted[:, :, :-2] - _STRIKES).clamp(0, _MOST_RISE) * sides
    level = (bands - wanted)[:, :, 1:-1].abs()
    risen = (bands.diff(dim=2) - wanted.diff(dim=2))[:, :, :-1].abs()
    return ((level + risen) * rise).sum() / (rise.sum() + 1e-3)


class EarsObjective:
    """Losses of what a decoder makes of level-1 latents."""

    def __init__(self, encoder: EarsEncoder, decoder: EarsDecoder, settings: AutoencoderSettings) -> None:
        self.encoder, self.decoder, self.settings = encoder, decoder, settings
        self.bins = weights_of_bins(decoder)

    @torch.no_grad()
    def hear(self, wave: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What the encoder reads of excerpts `[B, C, t]`, and what should be told of the part that is decoded."""
        encoder, frames = self.encoder, self.decoder.synthesis.layout.frames
        read, told = encoder.ears.both(wave)
        cut = (encoder.context - encoder.ears.context) // encoder.config.r_time_1
        inner = {}
        for name, part in told.items():
            axis = 2 if name in ("tones", "bands", "tonality") else 1
            edge = cut if name in ("tones", "tonality", "balance", "peak") else cut * frames
            inner[name] = part.narrow(axis, edge, part.shape[axis] - 2 * edge)
        return read, inner

    def losses(
        self, heard: dict[str, Tensor], latents_1: Tensor, losses: dict[str, Tensor], first: int
    ) -> tuple[Tensor, Tensor]:
        """The weighted loss against what was heard, each part also put into `losses`; and the steps told."""
        step = self.decoder.level1(latents_1)[0]
        parts = telling_losses(self.decoder.synthesis.layout.split(step), heard, self.bins)
        losses |= parts
        total = torch.stack([SHARES[name] * loss for name, loss in parts.items()]).sum()
        losses["rec"] = total
        return total, step

    def adversary(self) -> Adversary:
        layout = self.decoder.synthesis.layout
        return Adversary(TellingDiscriminator(layout.channels, self.settings.discriminator_width), self.settings)

    def judged(
        self, wave: Tensor, heard: dict[str, Tensor], told: Tensor, losses: dict[str, Tensor], first: int
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """Nothing besides; what is told is judged, and what should be."""
        return told.new_zeros(()), self.decoder.synthesis.layout.split(told), heard

    @torch.no_grad()
    def start_from_components(self, waves: Tensor) -> None:
        """Begin with principal components: of what is heard of example waves `[N, C, t]`, then of level-1 latents."""
        ears, layout = self.encoder.ears, self.decoder.synthesis.layout
        heard, told = [], []
        for some in waves.split(8):
            read, wanted = ears.both(some)
            heard.append(read)
            told.append(layout.join({name: wanted[name] for name in layout.parts if name in wanted}))
        weights = self._weights()
        latents_1 = fit_encoder(self.encoder.level1, torch.cat(heard), weights[: layout.heard].sqrt())
        fit_decoder(self.decoder.level1, latents_1, torch.cat(told))
        effect = (self.decoder.level1.shortcut.weight.square() * weights[:, None]).sum(0).sqrt()
        stride = self.encoder.config.level2.stride
        count = latents_1.shape[1] // stride
        patches = latents_1[:, : count * stride].unflatten(1, (count, stride)).flatten(2)
        latents_2 = fit_encoder(self.encoder.level2, patches, effect.repeat(stride))
        fit_decoder(self.decoder.level2, latents_2, torch.atanh(patches.clamp(-0.999, 0.999)))

    def _weights(self) -> Tensor:
        """How much each number of a step counts, `[layout.told]`."""
        parts = dict(self.decoder.synthesis.layout.parts)
        weights = []
        for name, size in parts.items():
            share = SHARES[name] * (2.0 if name == "tones" else 1.0)
            each = torch.full((size,), share / max(size, 1))
            if name == "tones":
                each *= self.bins.repeat(size // len(self.bins))
            weights.append(each)
        return torch.cat(weights)
