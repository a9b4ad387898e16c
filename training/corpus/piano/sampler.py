"""A sampled piano in memory: every key and velocity layer as float32 audio, made when first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import butter, lfilter, resample_poly

from training.corpus.piano.sfz import Region, find_sfz, read_sfz
from training.corpus.store import SAMPLE_RATE_HZ

LOWEST_KEY, HIGHEST_KEY = 21, 108
LEAD_FRAMES = 8  # kept before the attack, so that the click of the cut is 20 dB under the attack
ATTACK_SHARE = 0.02  # of the peak of the first 200 ms: where a sample counts as begun
EVENING_DB = 6.0  # the most that a sample's level is changed to fit its neighbours
TAIL_SHARE = 0.35  # of a sample, faded out: what is left there is the hiss of the recording


@dataclass(frozen=True)
class Voice:
    """Audio of one key in one layer, float32 `[frames, 2]`; it begins within 1 ms and ends in silence."""

    audio: np.ndarray
    release_s: float


class Sampler:
    """Keys 21..108 of an SFZ piano folder at 44.1 kHz.

    Layers are numbered from softest to loudest; `layer_tops[i]` is the highest velocity of layer i. Voices
    are kept once made: about 1 GB for 88 keys of a grand with five layers.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._layers: dict[int, list[Region]] = {}
        for region in read_sfz(find_sfz(self.folder)):
            self._layers.setdefault(region.velocity_high, []).append(region)
        self.layer_tops = sorted(self._layers)
        self._voices: dict[tuple[int, int], Voice] = {}
        self._even_db: dict[int, dict[Path, float]] = {}

    def layers_of(self, velocity: float, width: float, shift: float = 0.0) -> list[tuple[int, float]]:
        """Layers that sound at a velocity, as (layer, gain): one, or two within `width` of a border, equal
        power. `shift` moves all borders, so that renditions differ in where they turn brighter."""
        for layer, top in enumerate(self.layer_tops[:-1]):
            distance = velocity - (top + 0.5 + shift)
            if distance <= -width:
                return [(layer, 1.0)]
            if distance < width:
                angle = (distance / width + 1) * np.pi / 4
                return [(layer, float(np.cos(angle))), (layer + 1, float(np.sin(angle)))]
        return [(len(self.layer_tops) - 1, 1.0)]

    def voice(self, key: int, layer: int) -> Voice:
        """Audio of a key, pitch shifted from the sample of its zone."""
        found = self._voices.get((key, layer))
        if found is None:
            found = self._voices[key, layer] = self._make(key, layer)
        return found

    def _make(self, key: int, layer: int) -> Voice:
        regions = self._layers[self.layer_tops[layer]]
        region = min(regions, key=lambda r: max(r.key_low - key, key - r.key_high, 0))
        audio, rate_hz = _read(region)
        semitones = key - region.key_center + region.tune_cents / 100
        ratio = Fraction(2 ** (-semitones / 12) * SAMPLE_RATE_HZ / rate_hz).limit_denominator(120)
        if ratio != 1:
            audio = resample_poly(audio, ratio.numerator, ratio.denominator, axis=0)
        if region.cutoff_hz is not None:
            # An SFZ cutoff of 1 kHz would leave nothing of the top octaves: never below 2.5 fundamentals.
            fundamental_hz = 440 * 2 ** ((key - 69) / 12)
            b, a = butter(1, min(max(region.cutoff_hz, 2.5 * fundamental_hz), 20_000), fs=SAMPLE_RATE_HZ)
            audio = lfilter(b, a, audio, axis=0)
        left, right = min(1.0, 1 - region.pan / 100), min(1.0, 1 + region.pan / 100)
        gain = 10 ** ((region.gain_db + self._evening_db(layer)[region.sample]) / 20) * np.array([left, right])
        audio = audio * gain
        fade = int(len(audio) * TAIL_SHARE)
        audio[len(audio) - fade :] *= (np.cos(np.linspace(0, np.pi, fade)) / 2 + 0.5)[:, None]
        return Voice(np.ascontiguousarray(audio, np.float32), region.release_s)

    def _evening_db(self, layer: int) -> dict[Path, float]:
        """What brings each sample of a layer to the median level of its neighbours: samples come
        peak-normalised, so one with a hard attack is otherwise heard up to 7 dB too soft."""
        if layer not in self._even_db:
            regions = sorted(self._layers[self.layer_tops[layer]], key=lambda r: r.key_center)
            level_db = np.array([_level_db(region) for region in regions])
            wanted_db = [float(np.median(level_db[max(i - 3, 0) : i + 4])) for i in range(len(regions))]
            change_db = np.clip(wanted_db - level_db, -EVENING_DB, EVENING_DB)
            self._even_db[layer] = {r.sample: float(c) for r, c in zip(regions, change_db, strict=True)}
        return self._even_db[layer]


def _read(region: Region) -> tuple[np.ndarray, int]:
    """Sample of a region from its attack on, float32 `[frames, 2]`, and its rate in Hz."""
    audio, rate_hz = soundfile.read(region.sample, dtype="float32", always_2d=True)
    return _from_attack(audio[region.offset_frames :, [0, -1]]), rate_hz


def _level_db(region: Region) -> float:
    """Level of the first 0.3 s."""
    audio, rate_hz = _read(region)
    return float(10 * np.log10(np.mean(audio[: int(0.3 * rate_hz)] ** 2) + 1e-12)) + region.gain_db


def _from_attack(audio: np.ndarray) -> np.ndarray:
    """The sample from a few frames before its attack, faded in over those."""
    level = np.abs(audio).max(axis=1)
    peak = level[: SAMPLE_RATE_HZ // 5].max()
    start = max(int(np.argmax(level >= peak * ATTACK_SHARE)) - LEAD_FRAMES, 0)
    audio = audio[start:].copy()
    audio[:LEAD_FRAMES] *= np.linspace(0, 1, LEAD_FRAMES, endpoint=False, dtype=np.float32)[:, None]
    return audio
