"""Phases that keep time: partials advance from frame to frame, attacks set where they start.

Latents say how loud every band is, and so where between two bins a partial lies, but not its absolute phase. A
network that only sees latents must give a steady tone the same phases in every frame, so it can only hold
tones at multiples of the frame rate. Here it says instead how fast phases advance, which follows from magnitudes
(plus what the network corrects).

**Partials.** A sine lies in several bins of a frame, and is only whole where they agree. So each bin takes the
frequency and the phase of the peak that it belongs to (phase locking: Laroche and Dolson, 1999):

    bins      .  :  |  :  .  .  :  |  :  .        peaks at |
    owner     -> -> p <- <- -> -> q <- <-

Who owns whom is found by climbing from bin to bin, each step a mean of the neighbours weighted by a high power of
their magnitudes rather than a choice: two equal neighbours then make no difference to the last bit. A peak's frequency
follows exactly from the bins beside it: where a sine is d bins above its middle, these have, under a Hann window,
magnitudes of ratio (1 + d)(2 + d) / ((1 - d)(2 - d)).

**Channels.** There is one tracker, of the sum of all channels' power. The network says by how much the second channel's
phase leads the first's, which no magnitude tells but most instruments keep, as a number on the complex plane that is as
long as that is certain. Where it is not, a quarter turn is added: of mid and side so far apart, left and right are
equally loud, which is the best guess. (Not where something is struck: a click turned so is a click no more.)

**Attacks** have phases of their own. How far from the middle of a frame a click lies follows from how much louder the
next frame is; phases are the sum of these delays over the bins, from the lowest up (plus what the network corrects). A
bin that rises by d nepers within two hops believes its attack with weight exp(d) - 1, which is most where the frame
first holds the attack well, and is then no part of a partial.

With `turned` the sum of advances, phases are the angle of what was said of them, carried forward:

    said(t, k) = decay^k weight(t-k) exp(i own(t-k)) + bell(k) exp(i chance(t-k))
    phase(t) = arg sum_k said(t, k) exp(i (turned(t) - turned(t-k)))

so an attack rules for as long as the sum remembers it. A partial that nothing attacked lately wanders, by a fraction of
a hertz, towards random angles, one for each frame, known from its position. (Were they one constant, the sum would turn
every tone back to its bin's own frequency.) These are summed with a bell that rises and falls: with weights that
set in at once each frame's angle was a jolt, and a steady tone rough.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musika_daw.instrument.models.config import AutoencoderConfig
from musika_daw.instrument.models.memory import BlockMemory, safe_angle, turn
from musika_daw.instrument.models.spectrum import LOG_SCALE

# samples that phases remember, and what is left of an attack after 256
MEMORY_SAMPLES = 32_768
_DECAY = 0.98
# a random angle's weight at the top of its bell: attacks shall be obeyed
_CHANCE = 0.25
# an attack's opinion weighs no more than this many frames', so that the sum has let go of it when it ends
_LARGEST_RISE = 3.4
_WEIGHT_RANGE = 1.5
# a bin that rises by this many nepers within two hops is half an attack; found on held-out songs
_ATTACK_RISE, _ATTACK_SHARPNESS = 1.5, 3.0
# steps from a bin towards its peak, and the power of magnitudes that neighbours are weighted with
_STEPS, _STEEPNESS = 4, 12.0
_CACHED_FRAMES = 128
# how long a lead is that is worth a guess
_UNSURE = 0.3


@dataclass(frozen=True)
class Tracked:
    """What is known of the tracked bins, `[B, C, frames, bins]`.

    `phase`, and `tonality` and `attack` in 0..1: how far a bin is a tone, and the start of a sound, and so follows
    `phase` rather than noise. `advance` `[B, 1, frames - 1, bins]` to the next frame, in radians beyond the carrier's.
    `relative` (complex `[B, 1, frames, bins]`, None for one channel) has the angle by which the second channel leads
    the first, and is as long as that is certain.
    """

    phase: Tensor
    advance: Tensor
    tonality: Tensor
    attack: Tensor
    relative: Tensor | None = None

    def part(self, start: int, stop: int) -> Tracked:
        """Frames start..stop."""
        span = (slice(None), slice(None), slice(start, stop))
        relative = None if self.relative is None else self.relative[span]
        return Tracked(self.phase[span], self.advance[span], self.tonality[span], self.attack[span], relative)


@dataclass(frozen=True)
class DecodedSpectrum:
    """What a decoder says of a sound, `[B, channels, frames, bins]`: normalised log-magnitudes and phases.

    `tracked` is what the phase tracker found and `gains` what the gain curves are (`[B, channels, 2, samples]`), both
    None where the network gives phases itself; then `phase` has all bins, else the tracked ones.
    """

    log_magnitude: Tensor
    phase: Tensor
    tracked: Tracked | None = None
    gains: Tensor | None = None

    def since(self, frame: int, sample: int) -> DecodedSpectrum:
        """All from a frame on, which begins at a sample."""
        gains = None if self.gains is None else self.gains[..., sample:]
        return replace(self.part(frame, self.log_magnitude.shape[2]), gains=gains)

    def part(self, start: int, stop: int) -> DecodedSpectrum:
        """Frames start..stop, without gains."""
        span = (slice(None), slice(None), slice(start, stop))
        tracked = None if self.tracked is None else self.tracked.part(start, stop)
        return DecodedSpectrum(self.log_magnitude[span], self.phase[span], tracked)


class PhaseTracker(nn.Module):
    """Phases and tonality of the lowest `config.tracked_bins` bins from log-magnitudes and a network's advice.

    `config` is the decoder's own (`AutoencoderConfig.of_decoder`).
    """

    to_bins: Tensor
    hops: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.channels, self.stride = config.channels, config.level1.stride
        self.tracked, self.bands = config.tracked_bins, config.bands
        self.turn = 2 * math.pi * config.hop / config.fft
        period = config.fft // config.hop
        hops = torch.arange(period)[:, None] * torch.arange(config.tracked_bins) % period
        self.register_buffer("hops", self.turn * hops.float(), persistent=False)
        self.register_buffer("to_bins", _band_shapes(config), persistent=False)
        ago = torch.arange(MEMORY_SAMPLES // config.hop).float()
        bell = _CHANCE * torch.sin(math.pi * (ago + 0.5) / len(ago)).square()
        self.memory = BlockMemory(_DECAY ** (ago * config.hop / 256), bell)

    @property
    def parts(self) -> dict[str, int]:
        """Names and sizes of what the network gives for one step, in order."""
        return {
            "frequency": self.stride * self.tracked,
            "own": self.tracked,
            "weight": self.bands,
            "tonality": self.channels * self.tracked,
            "relative": 2 * self.tracked if self.channels == 2 else 0,
        }

    @property
    def advice(self) -> int:
        """Numbers that the network gives for one step."""
        return sum(self.parts.values())

    def place(self, part: str) -> int:
        """Where a part begins among them."""
        return sum(list(self.parts.values())[: list(self.parts).index(part)])

    def forward(self, log_magnitude: Tensor, advice: Tensor, chance: Tensor, first: int = 0) -> Tracked:
        """`[B, C, frames, bins]`, `[B, frames / stride, advice]`, `[frames]` to phases relative to each carrier.

        `first` is the number of the first frame in the endless piece.
        """
        told = dict(zip(self.parts, advice[:, None].split(list(self.parts.values()), -1)))
        correction = told["frequency"].unflatten(3, (self.stride, self.tracked)).flatten(2, 3)
        low = joined(log_magnitude[..., : self.tracked + 1])
        frames, still = low.shape[2], low[..., :-1].detach()
        frequency = _by_frames(self._frequency, low, correction)
        advance = (frequency[:, :, 1:] + frequency[:, :, :-1]) / 2

        # carriers turn by this from the middle of one frame to that of the next
        turns = self.hops.repeat(-(-frames // len(self.hops)), 1)[None, None, :frames]
        rise, start = _attacks(still, self.turn)
        loud = torch.exp(told["weight"].clamp(-_WEIGHT_RANGE, _WEIGHT_RANGE)) @ self.to_bins
        loud = loud.repeat_interleave(self.stride, 2) * torch.expm1(rise.clamp(0, _LARGEST_RISE))
        own = start - turns + told["own"].repeat_interleave(self.stride, 2)
        struck = torch.complex(loud * own.cos(), loud * own.sin())
        by_chance = (turn(chance)[:, None] * turn(-turns[0, 0])).expand_as(struck)
        turned, said = self.memory(advance, (struck, by_chance), first)

        attack = torch.sigmoid(_ATTACK_SHARPNESS * (rise - _ATTACK_RISE))
        phase = _by_frames(_locked, still, said, turned, turns, attack, loud.detach())
        leads = None
        if self.channels == 2:
            leads = torch.complex(*told["relative"].repeat_interleave(self.stride, 2).chunk(2, -1))
            phase = torch.cat([phase, phase + _by_frames(_lead, leads, attack)], 1)
        tonality = told["tonality"].unflatten(3, (self.channels, self.tracked)).squeeze(1).transpose(1, 2)
        tonality = torch.sigmoid(tonality).repeat_interleave(self.stride, 2)
        return Tracked(phase, advance, tonality, attack.expand(-1, self.channels, -1, -1), leads)

    def _frequency(self, low: Tensor, correction: Tensor) -> Tensor:
        """Of each bin's peak, as turns a frame beyond the bin's own carrier."""
        climb = Climb(low[..., :-1].detach())
        return climb(self.turn * above_bin(low) + correction, a_bin=self.turn)[0]


def _locked(still: Tensor, said: Tensor, turned: Tensor, turns: Tensor, attack: Tensor, loud: Tensor) -> Tensor:
    """Phases, of each bin's peak where nothing is struck, from what was said to each bin."""
    if said.requires_grad:  # gradients are held down where opinions cancel
        alone = turn(turned + safe_angle(said, 1 + loud) + turns)
        real, imag = alone.real, alone.imag
    else:  # the same without an arctangent
        turned_to = said * turn(turned + turns)
        length = torch.rsqrt(turned_to.real.square() + turned_to.imag.square() + 1e-20)
        real, imag = turned_to.real * length, turned_to.imag * length
    peak_real, peak_imag = Climb(still)(real, imag)
    both = torch.complex(torch.lerp(peak_real, real, attack), torch.lerp(peak_imag, imag, attack))
    return safe_angle(both, 1.0) - turns


def _lead(known: Tensor, attack: Tensor) -> Tensor:
    """By how much the second channel leads the first: as far as it is known, else a guess."""
    return safe_angle(known + _UNSURE * torch.complex(attack, 1 - attack), 1.0)


def _by_frames(call: Callable[..., Tensor], *values: Tensor) -> Tensor:
    """`call` on values `[B, C, frames, ...]`, outside training in pieces that a processor's cache holds."""
    frames = values[0].shape[2]
    if torch.is_grad_enabled() or frames <= _CACHED_FRAMES:
        return call(*values)
    starts = range(0, frames, _CACHED_FRAMES)
    return torch.cat([call(*(v[:, :, s : s + _CACHED_FRAMES] for v in values)) for s in starts], 2)


class Climb:
    """Carries what peaks have to the bins around them, along the last axis, by the log-magnitudes `[..., bins]`."""

    def __init__(self, low: Tensor) -> None:
        height = _STEEPNESS * LOG_SCALE * low
        beside = [
            F.pad(height[..., :-1], (1, 0), value=-torch.inf),
            height,
            F.pad(height[..., 1:], (0, 1), value=-torch.inf),
        ]
        self._below, self._here, self._above = torch.softmax(torch.stack(beside), 0)

    def __call__(self, *values: Tensor, a_bin: float = 0.0) -> tuple[Tensor, ...]:
        """Values at the peaks; of such as are counted from each bin, `a_bin` is the distance between two."""
        lean = a_bin * (self._above - self._below) if a_bin else None

        def step(v: Tensor) -> Tensor:
            out = self._here * v if lean is None else torch.addcmul(lean, self._here, v)
            out[..., 1:].addcmul_(self._below[..., 1:], v[..., :-1])
            out[..., :-1].addcmul_(self._above[..., :-1], v[..., 1:])
            return out

        for _ in range(_STEPS):
            values = tuple(step(v) for v in values)
        return values


def joined(log_magnitude: Tensor) -> Tensor:
    """Normalised log-magnitudes `[B, C, frames, bins]` of the summed power of all channels, `[B, 1, frames, bins]`."""
    scale = 2 * LOG_SCALE
    return torch.logsumexp(scale * log_magnitude, 1, keepdim=True) / scale


def above_bin(low: Tensor) -> Tensor:
    """How many bins above each bin a sine lies that has these log-magnitudes `[..., bins + 1]`, -1..1 `[..., bins]`."""
    # bin 0 mirrors
    slant = torch.tanh(LOG_SCALE / 2 * F.pad(low[..., 2:] - low[..., :-2], (1, 0)))
    return 4 * slant / (3 + torch.sqrt(9 - 8 * slant.square()))


def _attacks(low: Tensor, hop_turn: float) -> tuple[Tensor, Tensor]:
    """How far bins rise within two hops, in nepers, and their phases if they begin there (`[B, C, frames, bins]`).

    A click d samples from the middle of a frame sounds in it as cos(pi d / fft)^2, the Hann window, and in the next
    one as cos(pi (d - hop) / fft)^2, so that the ratio of the two says where it is; `hop_turn` is 2 pi hop / fft.
    """
    rise = LOG_SCALE * F.pad(low[:, :, 2:] - low[:, :, :-2], (0, 0, 2, 0))
    louder = torch.exp(F.pad(low[:, :, 1:] - low[:, :, :-1], (0, 0, 0, 1)) * (LOG_SCALE / 2))
    delay = -2 * torch.atan((louder - math.cos(hop_turn / 2)) / math.sin(hop_turn / 2))
    between = (delay[..., 1:] + delay[..., :-1]) / 2
    return rise, F.pad(between, (1, 0)).cumsum(-1)


def _band_shapes(config: AutoencoderConfig) -> Tensor:
    """Linear interpolation from bands, spaced as the ear's, to tracked bins: `[bands, tracked]`."""
    frequency_hz = torch.arange(config.tracked_bins, dtype=torch.float64) * config.sample_rate_hz / config.fft
    place = torch.log1p(frequency_hz / 700)
    place = place / place[-1].clamp(min=1e-9) * (config.bands - 1)
    distance = (place - torch.arange(config.bands)[:, None]).abs()
    return (1 - distance).clamp(min=0).float()
