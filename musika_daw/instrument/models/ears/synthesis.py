"""Sound of what two ears were told: long frames carry it, short frames shape it, an oscillator lies below.

```
tones, tonality, balance --> long frames: tones that keep time, noise between --> carrier
carrier --> short frames, each band brought to the energy told --> + oscillator --> limited to the peak told --> wave
```
The carrier has the pitches and cannot have the attacks, since its frames are 93 ms long; short frames have the attacks
and cannot tell two low notes apart. So the one is given the other's energies, band by band, every 128 samples. Where
these hold still for a while, means over 44 ms are compared instead: two notes in one band beat, and with phases of
their own they would be given the beats of the recording beside theirs, which blurs both.

A record went through a limiter, and no sum of tones with other phases has its peaks. So peaks are told as well, and
what is above is bent as a soft clipper does.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models.config import AutoencoderConfig
from musika_daw.instrument.models.ears.analysis import energies, energy_of, level_of
from musika_daw.instrument.models.ears.bands import band_shapes
from musika_daw.instrument.models.ears.deep import DeepBand
from musika_daw.instrument.models.ears.harmonics import Pitches, sharpened
from musika_daw.instrument.models.ears.layout import Layout
from musika_daw.instrument.models.ears.tones import TonePhases
from musika_daw.instrument.models.noise import NoiseTable, random_angles
from musika_daw.instrument.models.spectrum import LOG_SCALE, Spectrum, mid_side, pieces

# frames over which energies are compared where they hold still, and how far in dB the mean of so many bands either
# side may stray and do so: what strikes is heard in all of them, two notes that beat in one
_STILL_FRAMES, _STILL_DB, _STILL_BANDS = 15, 5.0, 4
# a line whose notes are known has no drums in it, so it may stray further
_STILL_DB_OF_LINES = 8.0
_BESIDE = _STILL_FRAMES // 2
_MOST_GAIN = 8.0
# after so many long frames their noise repeats, and after so many their random angles
LONG_PERIOD, _ANGLES = 256, 1024
# share of the peak from which on sound is bent
_KNEE = 0.7
# long frames, short frames and samples of a piece that a processor's cache holds
_LONG_FRAMES, _SHORT_FRAMES, _SAMPLES = 32, 128, 16_384


class Synthesis(nn.Module):
    """Told steps `[B, n, layout.told]` to left/right samples `[B, channels, n * r_time_1]`, nothing learned."""

    short_shapes: Tensor
    long_shapes: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        assert config.ears is not None
        self.layout, self.step = Layout.of(config), config.r_time_1
        self.long = Spectrum(config.fft * config.ears.long, config.hop * config.ears.long)
        self.short = Spectrum(config.fft, config.hop)
        self.bin_hz = config.sample_rate_hz / self.long.fft
        self.deep = DeepBand(config.ears.deep_hz, config.hop, config.sample_rate_hz)
        self.phases = TonePhases(self.long.fft, self.long.hop, self.layout.bins)
        self.noise = NoiseTable(self.long, config.channels, LONG_PERIOD)
        self.angles = random_angles(2 * _ANGLES).to(self.long.window.device).chunk(2)
        self.chances = random_angles(8 * _ANGLES).to(self.long.window.device)
        shapes = (band_shapes(config.ears.bands, s.fft, config.sample_rate_hz) for s in (self.short, self.long))
        for name, shape in zip(("short_shapes", "long_shapes"), shapes):
            self.register_buffer(name, shape, persistent=False)

    @property
    def context(self) -> int:
        """Steps either side on which a step's samples depend, memory of phases apart."""
        return 4

    def forward(
        self, told: Tensor, first: int = 0, ring: int | None = None, pitches: Pitches | None = None, unheard: int = 0
    ) -> Tensor:
        """`first` is the number of the first step of an endless piece, or of a circle of `ring` steps; `pitches` are
        what is known of the notes in these steps. The first `unheard` steps are there for phases to remember, and
        have no samples."""
        parts, off, still_db = self.layout.split(told), None, _STILL_DB
        if pitches is not None:
            parts["advance"] = self.deep.tuned(parts["advance"], pitches.deep_hz)
            parts["tones"], off = sharpened(parts["tones"], pitches, self.bin_hz)
            still_db = _STILL_DB_OF_LINES
        phase = self._phases(parts["tones"], first, ring, off)[:, :, unheard:]
        deep_phase = self.deep_phases(parts, first, ring)[:, unheard * self.layout.frames :]
        heard = {**self.layout.split(told[:, unheard:]), "tones": parts["tones"][:, :, unheard:]}
        sides = self._shaped(self._carrier(heard, phase, first + unheard, ring), heard["bands"], still_db)
        low = self.deep.wave(level_of(heard["level"]), deep_phase)
        sides = torch.cat([sides[:, :1] + low[:, None], sides[:, 1:]], 1)
        wave = mid_side(sides) if self.layout.channels == 2 else sides
        return self._limited(wave, heard["peak"])

    def _phases(self, tones: Tensor, first: int, ring: int | None, off: Tensor | None) -> Tensor:
        """Phases of long frames, `[B, 1, n, bins]`."""
        frames = tones.shape[2]
        angles, tilts = (self._angles(first, frames, ring, table) for table in self.angles)
        phase = self.phases(tones, angles, tilts, first, off)
        return phase + self.long.carrier(frames)[:, : self.layout.bins]

    def _carrier(self, parts: dict[str, Tensor], phase: Tensor, first: int, ring: int | None) -> Tensor:
        tones, count = parts["tones"], self.layout.bins
        frames = tones.shape[2]
        noise = self.noise.frames(first, frames, ring)[None]
        # of the bands of a step, what their frames have in common
        bands = parts["bands"].unflatten(2, (frames, -1)).mean(3)

        def bins(at: slice) -> Tensor:
            balance = parts["balance"][:, at] if self.layout.channels == 2 else None
            return self._bins(
                tones[:, :, at, :count],
                parts["tonality"][:, :, at],
                phase[:, :, at],
                noise=noise[:, :, at],
                bands=bands[:, :, at],
                balance=balance,
            )

        return self.long.overlap_add((bins(at) for at in pieces(frames, _LONG_FRAMES)), frames)

    def _bins(
        self, tones: Tensor, tonality: Tensor, phase: Tensor, *, noise: Tensor, bands: Tensor, balance: Tensor | None
    ) -> Tensor:
        """The complex STFT `[B, channels, n, bins]` of some long frames."""
        count = tones.shape[-1]
        if balance is not None:
            balance = (balance.clamp(-1, 1) @ self.long_shapes)[:, None]
            across = torch.sqrt((1 - balance.square()).clamp(min=0))
            side = _scaled(noise[:, :1], balance) + _scaled(noise[:, 1:], across)
            noise = torch.cat([noise[:, :1].expand(len(tones), -1, -1, -1), side], 1)
            phase = torch.cat([phase, phase + torch.atan2(across, balance)[..., :count]], 1)
        magnitude = self.long.magnitude(tones)
        share = tonality.clamp(0, 1)
        share = share * share * (3 - 2 * share)
        tonal = magnitude * share.sqrt()
        # above the tones there is but noise, about as loud as the bands of the step are
        loud = self.long.magnitude(bands @ self.long_shapes[:, count:])
        out = _scaled(noise, torch.cat([magnitude * (1 - share).sqrt(), loud], -1))
        out[..., :count] += torch.complex(tonal * phase.cos(), tonal * phase.sin())
        return out

    def _shaped(self, carrier: Tensor, bands: Tensor, still_db: float) -> Tensor:
        context, hop, frames = self.short.context, self.short.hop, bands.shape[2]
        padded = F.pad(carrier, (context, context))
        wanted = energy_of(bands, self.short.full_scale)

        def shaped(at: slice) -> Tensor:
            # energies are compared with those of the frames beside, too
            before, after = min(at.start, _BESIDE), min(frames - at.stop, _BESIDE)
            first, stop = at.start - before, at.stop + after
            spectrum = self.short.analyse(padded[..., first * hop : stop * hop + 2 * context])
            has = energies(spectrum, self.short_shapes)
            gain = self._gain(has, wanted[:, :, first:stop], before, after, still_db)
            return _scaled(spectrum[:, :, before : before + at.stop - at.start], gain @ self.short_shapes)

        return self.short.overlap_add((shaped(at) for at in pieces(frames, _SHORT_FRAMES)), frames)

    def _gain(self, has: Tensor, wanted: Tensor, before: int, after: int, still_db: float) -> Tensor:
        """Gains of the frames between those before and after, from energies that are there and that were told."""
        floor = 1e-7 * self.short.full_scale**2
        has, wanted = has + floor, wanted + floor
        inner = slice(before, has.shape[2] - after)
        mean = _mean_of_frames(wanted, before, after)
        still = torch.log(mean / _mean_of_frames(has, before, after))
        has, wanted = has[:, :, inner], wanted[:, :, inner]
        strayed = _mean_of_bands((torch.log(wanted / mean) * (10 / math.log(10))).abs())
        gain = torch.lerp(still, torch.log(wanted / has), torch.sigmoid(strayed - still_db)) / 2
        return torch.exp(gain.clamp(max=math.log(_MOST_GAIN)))

    def deep_phases(self, parts: dict[str, Tensor], first: int, ring: int | None = None) -> Tensor:
        """Phases of the deep band's points, `[B, n * frames]`."""
        level, frames = parts["level"], self.layout.frames
        chance = self._angles(first * frames, level.shape[1], None if ring is None else ring * frames, self.chances)
        advance = parts["advance"] + self.deep.middle
        return self.deep.phases(level * LOG_SCALE, advance, parts["start"], chance, first * frames)

    @staticmethod
    def _angles(first: int, count: int, ring: int | None, table: Tensor) -> Tensor:
        """Random angles of positions first..first+count, of an endless piece or a circle."""
        index = torch.arange(first, first + count)
        return table[(index if ring is None else index % ring) % len(table)]

    def _limited(self, wave: Tensor, peak: Tensor) -> Tensor:
        """Bent where it is above the peak of its step (or of a step beside it, whose peak may lie at the border)."""
        ceiling = F.max_pool1d(level_of(peak)[:, None], 3, 1, 1) + 1e-4
        ceiling = F.interpolate(ceiling, scale_factor=self.step, mode="linear", align_corners=False)

        def bent(at: slice) -> Tensor:
            some, top = wave[..., at], ceiling[..., at]
            size = some.abs() / top
            curve = _KNEE + (1 - _KNEE) * torch.tanh((size - _KNEE) / (1 - _KNEE))
            return torch.where(size > _KNEE, torch.sign(some) * curve * top, some)

        return torch.cat([bent(at) for at in pieces(wave.shape[-1], _SAMPLES)], -1)


def _scaled(bins: Tensor, gain: Tensor) -> Tensor:
    """Complex bins times a real gain, which complex arithmetic would first make complex."""
    return torch.view_as_complex(torch.view_as_real(bins) * gain[..., None])


def _mean_of_bands(strayed: Tensor) -> Tensor:
    """Means over some bands around each `[B, C, frames, bands]`."""
    padded = F.pad(strayed.flatten(0, 1), (_STILL_BANDS, _STILL_BANDS), mode="replicate")
    return F.avg_pool1d(padded, 2 * _STILL_BANDS + 1, 1).view_as(strayed)


def _mean_of_frames(energy: Tensor, before: int, after: int) -> Tensor:
    """Means over some frames around each `[B, C, frames, bands]` but the first and last ones."""
    padded = F.pad(energy, (0, 0, _BESIDE - before, _BESIDE - after), mode="replicate")
    frames = padded.shape[2] - 2 * _BESIDE
    total = padded[:, :, :frames].clone()
    for shift in range(1, _STILL_FRAMES):
        total += padded[:, :, shift : shift + frames]
    return total / _STILL_FRAMES
