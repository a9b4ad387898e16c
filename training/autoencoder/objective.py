"""What a decoder of one ear is taught: magnitudes, how phases run from frame to frame and bin to bin, and its sound."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from musika_daw.instrument.models import Decoder, Encoder
from training.autoencoder.adversary import Adversary, Sample
from training.autoencoder.discriminators import WaveDiscriminator
from training.autoencoder.losses import (
    MultiResolutionLoss,
    MultiScaleSpectralDistance,
    advance_error,
    bin_weights,
    one_view,
    phase_derivatives,
    relative_error,
    tonality_error,
)
from training.autoencoder.principal import start_from_components
from training.runs.recipes import AutoencoderSettings

Losses = dict[str, Tensor]
# STFTs of waves that the adversary sees, (fft, hop)
SIZES = ((2048, 512), (1024, 256), (512, 128))
PAPER_SIZES = ((6 * 256, 256),)


class Objective(Protocol):
    """What the trainer asks of an objective; what is `heard` and `told` is its own affair."""

    def hear(self, wave: Tensor) -> tuple[Tensor, Any]:
        """What the encoder reads of excerpts `[B, C, t]`, and what the decoder should tell of them."""

    def losses(self, heard: Any, latents_1: Tensor, losses: Losses, first: int) -> tuple[Tensor, Any]:
        """The weighted loss of what is made of level-1 latents, its parts also put into `losses`; and what was told.
        `first` is the position of the excerpts in the endless piece."""

    def adversary(self) -> Adversary:
        """What judges what was made in the second phase."""

    def judged(self, wave: Tensor, heard: Any, told: Any, losses: Losses, first: int) -> tuple[Tensor, Sample, Sample]:
        """What the second phase learns besides, its parts also put into `losses`; and what its adversary compares,
        made and real."""

    def start_from_components(self, waves: Tensor) -> None:
        """Begin with principal components of example waves `[N, C, t]`."""


class SpectralObjective:
    """The objective of one ear: the decoder's own STFT of the excerpt."""

    def __init__(self, encoder: Encoder, decoder: Decoder, settings: AutoencoderSettings) -> None:
        self.encoder, self.decoder, self.settings = encoder, decoder, settings
        self.bin_weights = torch.ones(decoder.sizes.bins) if settings.paper_losses else bin_weights(decoder.sizes)
        self.wave_loss: nn.Module = MultiScaleSpectralDistance() if settings.paper_losses else MultiResolutionLoss()

    def hear(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder.hear(wave), wave

    def losses(self, heard: Tensor, latents_1: Tensor, losses: Losses, first: int) -> tuple[Tensor, Any]:
        s = self.settings
        made = self.decoder.spectra(latents_1, first)
        frames, count = made.log_magnitude.shape[2], made.phase.shape[3]
        margin = self.encoder.context - self.decoder.spectrum.context
        spectrum = self.decoder.analyse(heard[..., margin : heard.shape[-1] - margin])
        target_log = self.decoder.spectrum.normalised(spectrum)
        losses["rec"] = ((made.log_magnitude - target_log).abs() * self.bin_weights).mean()
        total = s.lambda_rec * losses["rec"]
        if not s.lambda_phase:
            return total, made
        target = spectrum[..., :count]
        # powers below 1 bring the quieter partials in; the ear's bands keep the top octave from ruling
        loud = target.abs() ** s.loudness * self.bin_weights[:count]
        angles = target.angle()
        losses["phase"] = phase_derivatives(made.phase, angles, loud)
        total = total + s.lambda_phase * losses["phase"]
        if made.tracked is not None:
            wanted = angles - self.decoder.spectrum.carrier(frames)[:, :count]
            losses["advance"] = advance_error(made.tracked.advance, wanted, loud)
            losses["tonality"] = tonality_error(made.tracked.tonality, wanted, loud)
            total = total + s.lambda_advance * losses["advance"] + s.lambda_tonality * losses["tonality"]
            if made.tracked.relative is not None:
                losses["relative"] = relative_error(made.tracked.relative, target, s.loudness)
                total = total + s.lambda_relative * losses["relative"]
        return total, made

    def adversary(self) -> Adversary:
        sizes = PAPER_SIZES if self.settings.paper_losses else SIZES
        return Adversary(WaveDiscriminator(sizes, self.settings.discriminator_width), self.settings)

    def judged(self, wave: Tensor, heard: Any, told: Any, losses: Losses, first: int) -> tuple[Tensor, Sample, Sample]:
        noise = None
        if self.decoder.tracker is not None:
            noise = self.decoder.noise.frames(first, told.log_magnitude.shape[2])
        margin = self.encoder.context
        made = self.decoder.synthesise(told, noise)
        sound, wanted = one_view(made, wave[..., margin : wave.shape[-1] - margin])
        losses["wave"] = self.wave_loss(sound, wanted)
        return self.settings.lambda_wave * losses["wave"], sound, wanted

    def start_from_components(self, waves: Tensor) -> None:
        if self.encoder.config.channels == 1:
            waves = waves.flatten(0, 1)[:, None]
        start_from_components(self.encoder, self.decoder, waves, even=self.settings.paper_losses)
