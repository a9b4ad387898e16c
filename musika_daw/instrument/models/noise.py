"""The noise under hats, claps and breath: white noise in STFT frames, addressed by position."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from musika_daw.instrument.models.spectrum import Spectrum

PERIOD = 1024
_SEED = 0x6D75_7369_6B61


class NoiseTable:
    """Complex STFT frames of white noise, median magnitude 1, that repeat every `PERIOD` frames without a joint.

    Magnitudes that a decoder was taught by L1 on logarithms are medians, so that is what noise multiplies. Frames
    of one true signal overlap consistently, which random phases drawn bin by bin would not.
    """

    def __init__(self, spectrum: Spectrum, channels: int) -> None:
        self.spectrum, self.hop = spectrum, spectrum.hop
        bits = np.random.Generator(np.random.Philox(_SEED))
        wave = bits.standard_normal((channels, PERIOD * self.hop), np.float32)
        # the magnitude of a complex Gaussian has median sqrt(2 ln 2) deviations of either part
        deviation = float(spectrum.window.square().sum() / 2) ** 0.5
        self.wave = torch.from_numpy(wave) / (deviation * float(np.sqrt(2 * np.log(2))))
        self.table = self._analysed(torch.arange(PERIOD), PERIOD)
        self.chances = torch.from_numpy(bits.uniform(-np.pi, np.pi, PERIOD).astype(np.float32))

    def frames(self, first: int, count: int, ring: int | None = None) -> Tensor:
        """Frames first..first+count `[channels, count, bins]`, of endless noise or of a circle of `ring` frames."""
        index = torch.arange(first, first + count)
        if ring is None:
            return self.table[:, index % PERIOD]
        index = index % ring
        found = self.table[:, index % PERIOD]
        # windows that reach over the circle's joint see its other side
        reach = self.spectrum.fft // self.hop
        crossing = (index < reach) | (index >= ring - reach)
        found[:, crossing] = self._analysed(index[crossing], ring)
        return found

    def angles(self, first: int, count: int, ring: int | None = None) -> Tensor:
        """A random angle `[count]` for each of steps first..first+count, in radians; `ring` counts steps."""
        index = torch.arange(first, first + count)
        return self.chances[(index if ring is None else index % ring) % PERIOD]

    def _analysed(self, index: Tensor, ring: int) -> Tensor:
        """STFT frames of the first `ring` hops of the noise laid in a circle."""
        start = index * self.hop - self.spectrum.context
        samples = (start[:, None] + torch.arange(self.spectrum.fft)) % (ring * self.hop)
        return torch.fft.rfft(self.wave[:, samples % self.wave.shape[1]] * self.spectrum.window.cpu())
