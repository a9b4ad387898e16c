"""The room around the piano: a synthetic impulse response, the stereo width and a gentle tone control.

None of it delays the direct sound, so onset labels stay exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from pedalboard import HighpassFilter, HighShelfFilter, LowShelfFilter, Pedalboard
from scipy.signal import butter, oaconvolve, sosfilt

from training.corpus.store import SAMPLE_RATE_HZ

_BANDS_HZ = (90, 250, 700, 1800, 4500, 12_000)
_REFLECTIONS = 14


@dataclass(frozen=True)
class Room:
    """`decay_s` to fall 60 dB at 700 Hz, `wet_db` reverberation over direct sound, `predelay_s` until it
    builds up, `damping` how much faster the treble decays, `width` of the sides (1: as sampled), shelves
    `low_db` and `high_db`, and the `seed` of the reflections."""

    decay_s: float
    wet_db: float
    predelay_s: float
    damping: float
    width: float
    low_db: float
    high_db: float
    seed: int


def impulse_response(room: Room) -> np.ndarray:
    """Reverberation without the direct sound, float32 `[frames, 2]`; its energy is 10^(wet_db/10)."""
    rng = np.random.default_rng(room.seed)
    frames = int(room.decay_s * 1.3 * SAMPLE_RATE_HZ)
    time_s = np.arange(frames) / SAMPLE_RATE_HZ
    late = np.zeros((frames, 2))
    for low_hz, high_hz in pairwise(_BANDS_HZ):
        decay_s = room.decay_s * (np.sqrt(low_hz * high_hz) / 700) ** -room.damping
        sos = butter(1, (low_hz, high_hz), "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
        noise = sosfilt(sos, rng.standard_normal((frames, 2)), axis=0)
        late += noise * np.exp(-6.908 * time_s / decay_s)[:, None]
    late *= np.clip((time_s - room.predelay_s) / 0.02, 0, 1)[:, None]
    early = np.zeros((frames, 2))
    at = np.sort(rng.uniform(0.004, 0.06, _REFLECTIONS)) * SAMPLE_RATE_HZ
    for frame in at.astype(int):
        early[frame] += rng.choice((-1, 1)) * np.exp(-frame / SAMPLE_RATE_HZ / 0.03) * rng.uniform(0.2, 1, 2)
    # A third of the energy in the early reflections, the rest in the tail.
    out = early * np.sqrt(0.35 / np.sum(early**2)) + late * np.sqrt(0.65 / np.sum(late**2))
    return (out * np.sqrt(2) * 10 ** (room.wet_db / 20)).astype(np.float32)


def place_in_room(dry: np.ndarray, room: Room) -> np.ndarray:
    """`dry` float32 `[frames, 2]` with width, tone and reverberation, same length."""
    middle = dry.mean(axis=1, keepdims=True)
    audio = middle + (dry - middle) * np.float32(room.width)
    # Some samples carry an offset, which a dense texture would add up to a thump at every cut.
    tone = Pedalboard([HighpassFilter(18), LowShelfFilter(220, room.low_db), HighShelfFilter(3000, room.high_db)])
    audio = tone(np.ascontiguousarray(audio.T, np.float32), SAMPLE_RATE_HZ, reset=True).T
    wet = oaconvolve(audio, impulse_response(room), axes=0)[: len(audio)]
    return np.ascontiguousarray(audio + wet, np.float32)
