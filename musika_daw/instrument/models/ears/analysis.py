"""What two ears hear of a wave: the numbers that an encoder reads, and that a decoder is taught to tell.

Nothing here is learned. Sound is cut into the deep band and the rest by a filter of constant delay:

    wave --+-- deep band (mid only) --> points: level, advance, start
           +-- the rest --+-- long frames --> tones, balance, tonality
                          +-- short frames --> bands
           +-- loudest sample of every step --> peak
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models.config import AutoencoderConfig
from musika_daw.instrument.models.ears.bands import band_shapes
from musika_daw.instrument.models.ears.deep import LEVEL_FLOOR, TAPS, DeepBand
from musika_daw.instrument.models.ears.layout import Layout
from musika_daw.instrument.models.spectrum import LOG_FLOOR, LOG_MEAN, LOG_SCALE, Spectrum, mid_side

# a band of noise reads about as loud as a sine of its power; sines read 0 at full scale
_QUIET = LOG_FLOOR**2
# phases turn evenly over so many frames where a tone is; noise seems to by the first share, tones do by the last
_TONAL_FRAMES, _BY_CHANCE, _TONAL = 5, 0.4, 0.85
# below this amplitude phases of deep points are no matter
_FAINT = 0.01


class Ears(nn.Module):
    """`[B, channels, context + n * r_time_1 + context]` left/right samples to what is heard in n steps."""

    short_shapes: Tensor
    long_shapes: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        assert config.ears is not None
        self.config, self.layout = config, Layout.of(config)
        self.step = config.r_time_1
        self.long = Spectrum(config.fft * config.ears.long, config.hop * config.ears.long)
        self.short = Spectrum(config.fft, config.hop)
        if self.long.hop != self.step:
            raise ValueError(f"ears: long frames are {self.long.hop} samples apart, must be a step of {self.step}")
        self.deep = DeepBand(config.ears.deep_hz, config.hop, config.sample_rate_hz)
        shapes = (band_shapes(config.ears.bands, s.fft, config.sample_rate_hz) for s in (self.short, self.long))
        for name, shape in zip(("short_shapes", "long_shapes"), shapes):
            self.register_buffer(name, shape, persistent=False)

    @property
    def context(self) -> int:
        """Samples needed either side: of the long frames, and of the filter that takes the deep band out of them."""
        return self.long.context + TAPS // 2

    def forward(self, wave: Tensor) -> Tensor:
        """What an encoder reads, `[B, n, layout.heard]`."""
        return self._read(self._parts(wave))

    def both(self, wave: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What an encoder reads, and what a decoder should tell (`Layout.split`) with `weight` `[B, points]`, how far
        a deep point counts."""
        parts, spectrum = self._parts(wave)
        told = {name: parts[name] for name in self.layout.parts if name in parts}
        told["tonality"] = self._tonality(spectrum[..., : self.layout.bins])
        # a phase that nobody hears is 0 rather than anything
        loud = parts["size"] > _FAINT / 10
        told["weight"] = parts["size"] ** 0.7 * loud
        told["advance"] = told["advance"] * loud
        told["start"] = told["start"] * loud[..., None]
        return self._read((parts, spectrum)), told

    def _read(self, analysed: tuple[dict[str, Tensor], Tensor]) -> Tensor:
        parts = analysed[0]
        gate = (parts["size"] / _FAINT).clamp(max=1)
        begins = gate * (parts["rise"] / 0.5).clamp(0, 1)
        read = {name: parts[name] for name in self.layout.parts if name in parts}
        read["advance"] = parts["advance"] * gate
        read["start"] = parts["start"] * begins[..., None]
        return self.layout.join(read)

    def _parts(self, wave: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Every part but tonality, `size` and `rise` of deep points, and the long frames' STFT."""
        sides = mid_side(wave) if self.config.channels == 2 else wave
        reach = TAPS // 2
        rest = sides[..., reach:-reach].clone()
        rest[:, 0] -= self.deep.low(sides[:, 0])
        spectrum = self.long.analyse(rest)
        margin = self.long.context - self.short.context
        inner = rest[..., margin : rest.shape[-1] - margin]
        parts = {
            "tones": self.long.normalised(spectrum[..., : self.layout.bins + 1]),
            "bands": self._bands(inner),
            "peak": self._peak(wave),
        }
        if self.config.channels == 2:
            parts["balance"] = self._balance(spectrum)
        return parts | self._points(sides[:, 0]), spectrum

    def _bands(self, rest: Tensor) -> Tensor:
        return log_energy(energies(self.short.analyse(rest), self.short_shapes), self.short.full_scale)

    def _balance(self, spectrum: Tensor) -> Tensor:
        """Correlation of mid and side in each band, -1 (all is right) to 1 (all is left)."""
        mid, side = spectrum[:, 0], spectrum[:, 1]
        shared = (mid.real * side.real + mid.imag * side.imag) @ self.long_shapes.T
        powers = [_power(x) @ self.long_shapes.T for x in (mid, side)]
        return shared / (torch.sqrt(powers[0] * powers[1]) + 1e-6)

    def _peak(self, wave: Tensor) -> Tensor:
        """Loudest sample of a step, of all channels, on the scale of log-magnitudes."""
        inner = wave[..., self.context : wave.shape[-1] - self.context].abs().amax(1)
        return log_level(inner.unflatten(1, (-1, self.step)).amax(2))

    def _points(self, mid: Tensor) -> dict[str, Tensor]:
        # one point more on either side: levels rise from the point before, phases advance to the next
        margin = self.context - self.deep.hop
        span = self.deep.context
        points = self.deep.points(mid[:, margin - span : mid.shape[1] - margin + span])
        size = points.abs()
        # what rings of the filter before a sound begins was never there
        near = mid[:, margin : mid.shape[1] - margin]
        there = near.abs().unflatten(1, (-1, self.deep.hop)).amax(2)
        there = F.max_pool1d(there[:, None], 3, 1, 1)[:, 0]
        level = log_level(torch.minimum(size, 2 * there))
        turned = points[:, 2:] * points[:, 1:-1].conj()
        advance = torch.remainder(turned.angle() + math.pi - self.deep.middle, 2 * math.pi) - math.pi
        return {
            "level": level[:, 1:-1],
            "advance": advance,
            "size": size[:, 1:-1],
            "start": torch.view_as_real(points[:, 1:-1] / (size[:, 1:-1] + 1e-9)),
            "rise": (level[:, 1:-1] - level[:, :-2]) * LOG_SCALE,
        }

    @staticmethod
    def _tonality(spectrum: Tensor) -> Tensor:
        """How evenly phases turn around each frame, 0 (as in noise) to 1 (a tone), `[B, 1, n, bins]`."""
        frames, pairs = spectrum.shape[2], _TONAL_FRAMES - 1
        a, b = torch.view_as_real(spectrum[:, :, 1:]).unbind(-1), torch.view_as_real(spectrum[:, :, :-1]).unbind(-1)
        turned = torch.stack([(a[0] * b[0] + a[1] * b[1]).sum(1), (a[1] * b[0] - a[0] * b[1]).sum(1)], 1)
        size = turned.square().sum(1, keepdim=True).sqrt()
        parts = torch.cat([turned, size], 1) * torch.rsqrt(size + 1e-9)
        # of neighbours the advance may differ by what a gliding tone does: only the change from pair to pair counts
        parts = F.pad(parts, (0, 0, _TONAL_FRAMES // 2, _TONAL_FRAMES // 2), mode="replicate")
        total = parts[:, :, :frames].clone()
        for k in range(1, pairs):  # pooling would take several times as long
            total += parts[:, :, k : k + frames]
        even = total[:, :2].square().sum(1, keepdim=True).sqrt() / (total[:, 2:] + pairs * 1e-9)
        return ((even - _BY_CHANCE) / (_TONAL - _BY_CHANCE)).clamp(0, 1)


def _power(spectrum: Tensor) -> Tensor:
    return spectrum.real.square() + spectrum.imag.square()


def energies(spectrum: Tensor, shapes: Tensor) -> Tensor:
    """Complex STFT `[..., bins]` to mean powers of bands `[..., bands]`; bands that no bin lies in have none."""
    return (_power(spectrum) @ shapes.T) / shapes.sum(1).clamp(min=1e-6)


def log_energy(energy: Tensor, full_scale: float) -> Tensor:
    """Powers to the scale of normalised log-magnitudes."""
    return (torch.log(energy / full_scale**2 + _QUIET) / 2 - LOG_MEAN) / LOG_SCALE


def energy_of(log: Tensor, full_scale: float) -> Tensor:
    """Inverse of `log_energy`, silence exactly 0."""
    return F.relu(torch.exp(2 * (log * LOG_SCALE + LOG_MEAN).clamp(max=2.0)) - _QUIET) * full_scale**2


def log_level(amplitude: Tensor) -> Tensor:
    """Amplitudes to the scale of normalised log-magnitudes."""
    return (torch.log(amplitude + LEVEL_FLOOR) - LOG_MEAN) / LOG_SCALE


def level_of(log: Tensor) -> Tensor:
    """Inverse of `log_level`."""
    return F.relu(torch.exp((log * LOG_SCALE + LOG_MEAN).clamp(max=2.0)) - LEVEL_FLOOR)
