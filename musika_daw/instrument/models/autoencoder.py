"""The two-level autoencoder: log-magnitudes in, magnitudes and phases out (paper, sections 3.1 and 4.1).

```
wave --STFT--> log-magnitude --encoder 1--> c1 --encoder 2--> c2      (encoders unpadded, tanh bottlenecks)
wave <-iSTFT-- magnitude, phase <-decoder 1-- c1' <-decoder 2-- c2
```
Frequency bins are channels and all convolutions run over time. Encoders need real context on both sides
(`Encoder.context` samples); decoders are padded, so whoever decodes a piece gives `Decoder.context_before`
and `context_after` latents more and cuts them off.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor, nn

from musika_daw.instrument.models.blocks import ConvNeXtBlock, FrameConv
from musika_daw.instrument.models.config import AutoencoderConfig, LevelConfig
from musika_daw.instrument.models.gain import GainCurve
from musika_daw.instrument.models.noise import NoiseTable
from musika_daw.instrument.models.phase import MEMORY_SAMPLES, DecodedSpectrum, PhaseTracker
from musika_daw.instrument.models.precision import Network, in_own_precision
from musika_daw.instrument.models.spectrum import Spectrum, mid_side

_CACHED_FRAMES = 128


class LevelEncoder(Network):
    """`[B, T, C]` to `[B, (T / stride) - 2 * trim, latent]` in -1..1: a linear map plus what blocks add to it."""

    def __init__(self, inputs: int, level: LevelConfig) -> None:
        super().__init__()
        self.stride = level.stride
        self.trim = level.encoder_blocks * (level.encoder_kernel - 1) // 2
        self.inward = nn.Linear(inputs * level.stride, level.width)
        self.norm = nn.LayerNorm(level.width)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(level.width, level.ratio, level.encoder_kernel, same=False)
            for _ in range(level.encoder_blocks)
        )
        self.outward = _silent_head(level.width, level.latent)
        self.shortcut = nn.Linear(inputs * level.stride, level.latent)

    @in_own_precision
    def before_tanh(self, x: Tensor) -> Tensor:
        """What the bottleneck squashes; training keeps it small so that latents do not stick at the ends."""
        batch, time, channels = x.shape
        x = x.reshape(batch, time // self.stride, channels * self.stride)
        direct = self.shortcut(x)[:, self.trim : x.shape[1] - self.trim]
        x = self.norm(self.inward(x))
        for block in self.blocks:
            x = block(x)
        return direct + self.outward(x)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.before_tanh(x))


class LevelDecoder(Network):
    """`[B, T, latent]` to `[B, T * stride, outputs]`, zeros assumed outside: a linear map plus the blocks' part.

    `advice` further numbers `[B, T, advice]` of each step come from the blocks alone.
    """

    def __init__(self, level: LevelConfig, outputs: int, advice: int = 0) -> None:
        super().__init__()
        self.stride, self.outputs = level.stride, outputs
        self.context = 1 + level.decoder_blocks * (level.decoder_kernel - 1) // 2
        self.inward = FrameConv(level.latent, level.width, 3)
        self.norm = nn.LayerNorm(level.width)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(level.width, level.ratio, level.decoder_kernel, same=True)
            for _ in range(level.decoder_blocks)
        )
        self.outward = _silent_head(level.width, outputs * level.stride + advice)
        self.shortcut = nn.Linear(level.latent, outputs * level.stride)

    @in_own_precision
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        batch, time, _ = x.shape
        direct = self.shortcut(x)
        x = self.norm(self.inward(x))
        for block in self.blocks:
            x = block(x)
        out = self.outward(x)
        main = direct + out[..., : direct.shape[2]]
        return main.reshape(batch, time * self.stride, self.outputs), out[..., direct.shape[2] :]


def _silent_head(width: int, outputs: int) -> nn.Sequential:
    """Norm and linear map that start at zero, so that training starts from the linear shortcut alone."""
    linear = nn.Linear(width, outputs)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return nn.Sequential(nn.LayerNorm(width), linear)


class Encoder(nn.Module):
    """Wave to latents, both levels."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.spectrum = Spectrum(config.fft, config.hop)
        self.level1 = LevelEncoder(config.bins * config.channels, config.level1)
        self.level2 = LevelEncoder(config.level1.latent, config.level2)

    @property
    def context_1(self) -> int:
        """Samples of context a side that level 1 needs."""
        return self.spectrum.context + self.level1.trim * self.config.r_time_1

    @property
    def context(self) -> int:
        """Samples of context a side that both levels need."""
        return self.context_1 + self.level2.trim * self.config.r_time

    def analyse(self, wave: Tensor) -> Tensor:
        """`[B, channels, t]` left/right samples to the complex STFT `[B, channels, n, bins]` that is coded."""
        return self.spectrum.analyse(mid_side(wave) if self.config.channels == 2 else wave)

    def log_magnitude(self, wave: Tensor) -> Tensor:
        """`[B, channels, t]` left/right samples to `[B, n, channels * bins]`."""
        return self.spectrum.normalised(self.analyse(wave)).transpose(1, 2).flatten(2)

    def hear(self, wave: Tensor) -> Tensor:
        """What level 1 reads of samples."""
        return self.log_magnitude(wave)

    def forward(self, wave: Tensor) -> Tensor:
        """`[B, channels, context + n*r_time + context]` samples to `[B, n, latent]`."""
        return self.level2(self.level1(self.hear(wave)))


def _upgrade(decoder: Decoder, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Of weights from before partials (and before gain curves) what they say of tones (and gains) is kept."""
    assert decoder.tracker is not None
    channels, t = decoder.sizes.channels, decoder.tracker
    spectra = decoder.level1.outputs * decoder.level1.stride
    told, gains = channels * ((t.stride + 2) * t.tracked + t.bands), channels * decoder.curve.advice
    for name in ("weight", "bias"):
        key = f"{prefix}level1.outward.1.{name}"
        old, wanted = state.get(key), spectra + t.advice + gains
        if old is None or len(old) == wanted or len(old) not in (spectra + told, spectra + told + gains):
            continue
        new = old.new_zeros(wanted, *old.shape[1:])
        new[:spectra] = old[:spectra]
        by_channel = old[spectra : spectra + told].unflatten(0, (channels, -1))
        tonality = by_channel[:, (t.stride + 1) * t.tracked : (t.stride + 2) * t.tracked]
        new[spectra:].narrow(0, t.place("tonality"), channels * t.tracked).copy_(tonality.flatten(0, 1))
        if len(old) == spectra + told + gains:
            new[-gains:] = old[-gains:]
        state[key] = new


class Decoder(nn.Module):
    """Latents to wave, both levels."""

    gain: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config, sizes = config, config.of_decoder()
        self.sizes = sizes
        self.spectrum = Spectrum(sizes.fft, sizes.hop)
        self.tracker = PhaseTracker(sizes) if sizes.tracked_bins else None
        self.level2 = LevelDecoder(sizes.level2, sizes.level1.latent)
        spectra = sizes.bins * sizes.channels
        if self.tracker is None:
            self.level1 = LevelDecoder(sizes.level1, 2 * spectra)
        else:
            self.curve = GainCurve(sizes)
            advice = self.tracker.advice + self.curve.advice * sizes.channels
            self.level1 = LevelDecoder(sizes.level1, spectra, advice)
            # set after training, so that what is decoded is as loud as what was encoded
            self.register_buffer("gain", torch.ones(sizes.channels, sizes.bins))
            self.register_load_state_dict_pre_hook(_upgrade)

    @cached_property
    def noise(self) -> NoiseTable:
        """What sounds where nothing is tonal."""
        return NoiseTable(self.spectrum, self.config.channels)

    @property
    def context_after(self) -> int:
        """Latents after a decoded latent on which its samples depend (rounded up)."""
        inner = self.level1.context + -(-self.spectrum.context // self.config.r_time_1) + 1
        return self.level2.context + -(-inner // self.config.level2.stride)

    @property
    def context_before(self) -> int:
        """Latents before a decoded latent on which its samples depend: phases remember longer than they foresee."""
        return self.context_after + self.memory

    @property
    def memory(self) -> int:
        """Latents that are decoded for phases to remember, and need no samples."""
        return 0 if self.tracker is None else -(-MEMORY_SAMPLES // self.config.r_time)

    def analyse(self, wave: Tensor) -> Tensor:
        """`[B, channels, context + n + context]` left/right samples (`spectrum.context`) to the complex STFT
        `[B, channels, frames, bins]` that the decoder would have to make for the n in the middle."""
        return self.spectrum.analyse(mid_side(wave) if self.config.channels == 2 else wave)

    def decode_2(self, latents: Tensor) -> Tensor:
        """`[B, n, latent]` to level-1 latents `[B, n * stride, latent1]` in -1..1."""
        return torch.tanh(self.level2(latents)[0])

    def spectra(self, latents_1: Tensor, first: int = 0, ring: int | None = None) -> DecodedSpectrum:
        """Level-1 latents to what sounds in every frame; `first` and `ring` as in `forward`, in level-1 latents."""
        out, advice = self.level1(latents_1)
        out = out.unflatten(2, (-1, self.config.channels, self.sizes.bins)).permute(2, 0, 3, 1, 4)
        carrier = self.spectrum.carrier(out.shape[3])
        if self.tracker is None:
            return DecodedSpectrum(out[0], out[1] + carrier)
        stride = self.sizes.level1.stride
        chance = self.noise.angles(first * stride, out.shape[3], None if ring is None else ring * stride)
        phases, gains = advice.split([self.tracker.advice, self.curve.advice * self.config.channels], -1)
        tracked = self.tracker(out[0], phases, chance, first * stride)
        phase = tracked.phase + carrier[:, : self.sizes.tracked_bins]
        return DecodedSpectrum(out[0], phase, tracked, self.curve(gains))

    def synthesise(self, spectrum: DecodedSpectrum, noise: Tensor | None = None) -> Tensor:
        """Left/right samples `[B, channels, frames * hop]`; `noise` `[channels, frames, bins]` from `self.noise`."""
        frames = spectrum.log_magnitude.shape[2]
        # in pieces that a processor's cache holds; training has to keep everything anyway
        size = frames if torch.is_grad_enabled() else _CACHED_FRAMES
        low: list[Tensor] = []

        def pieces() -> Iterator[Tensor]:
            for start in range(0, frames, size):
                part = None if noise is None else noise[:, start : start + size]
                bins = self._bins(spectrum.part(start, start + size), part)
                if spectrum.gains is not None:
                    low.append(bins[..., : self.curve.low_bins])
                yield bins

        wave = self.spectrum.overlap_add(pieces(), frames)
        if spectrum.gains is not None:
            deep = self.spectrum.overlap_add(low, frames)
            below, above = spectrum.gains.unbind(2)
            wave = wave * above + deep * (below - above)
        return mid_side(wave) if self.config.channels == 2 else wave

    def _bins(self, spectrum: DecodedSpectrum, noise: Tensor | None) -> Tensor:
        """The complex STFT `[B, channels, frames, bins]`."""
        magnitude = self.spectrum.magnitude(spectrum.log_magnitude)
        if spectrum.tracked is None:
            return torch.polar(magnitude, spectrum.phase)
        assert noise is not None
        magnitude = magnitude * self.gain[:, None]
        # how tonal a sound is, is learned from its phases; what it then sounds like must not bend that
        tonality = spectrum.tracked.tonality.detach()
        # a share of the energy; rather clear than half-half, as a breath on every tone is heard first
        share = torch.maximum(tonality.square() * (3 - 2 * tonality), spectrum.tracked.attack)
        count = share.shape[-1]
        tonal = torch.polar(magnitude[..., :count] * share.sqrt(), spectrum.phase)
        gain = torch.cat([magnitude[..., :count] * torch.sqrt(1 - share), magnitude[..., count:]], -1)
        # real times complex would first make the real number complex
        bins = torch.view_as_complex(torch.view_as_real(noise) * gain[..., None])
        return torch.cat([bins[..., :count] + tonal, bins[..., count:]], -1)

    def forward(self, latents: Tensor, first: int = 0, ring: int | None = None, unheard: int = 0) -> Tensor:
        """`[B, n, latent]` to `[B, channels, (n - unheard) * r_time]` samples; latent 0 is number `first` of an endless
        piece, or of a circle of `ring` latents, and the first `unheard` are there to be remembered."""
        steps, stride = self.sizes.level2.stride, self.sizes.level1.stride
        first, ring = first * steps, None if ring is None else ring * steps
        skip = unheard * steps * stride
        spectra = self.spectra(self.decode_2(latents), first, ring).since(skip, skip * self.sizes.hop)
        noise = None
        if self.tracker is not None:
            count = spectra.log_magnitude.shape[2]
            noise = self.noise.frames(first * stride + skip, count, None if ring is None else ring * stride)
        return self.synthesise(spectra, noise)
