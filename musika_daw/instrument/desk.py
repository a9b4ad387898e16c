"""The desk: parts that were played apart become a mix, sample by sample as their place in the piece says.

```
drums ----------------------------> gate --> level --> tone --+--------+
bass, lead, chords ---> ducking --> gate --> level --> tone --+        +--> limiter
                                     all but bass --> hall ---+--------+
```
A part that was coded alone is coded better than within a mix, and where kicks are is known, so that what makes way for
them need not be learned. All here looks some milliseconds ahead, and as far back as the hall rings, and no further: a
sample does not depend on where rendering began. The limiter's gain is one for all parts, so they add up to the mix.

What the generator learns least of parts is the room around them, which is noise that no score tells; without it a mix
is as dry as its notes are short. So the desk has one hall, the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage, signal

from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import Notes
from musika_daw.score.techno.piece import Ducking

# how much of the piece's ducking each part gets
_DUCKED = {"drums": 0.0, "bass": 1.0, "lead": 0.4, "chords": 0.6}
# a bass is all but gone while a kick strikes, or the two beat against each other and no kick sounds like the one before
_BASS_LEAST_DEPTH, _BASS_LEAST_BEATS = 0.95, 0.5
# a part is let through from shortly before a note until its echoes have died away
_BEFORE_S, _OPEN_S, _TAIL_S, _CLOSE_S = 0.03, 0.01, 2.4, 0.6
# what is ducked is down when the kick comes
_FALL_S = 0.003
# levels and tone bring the median spectrum of 18 stretches near that of 30 produced tracks; where one more dB here was
# one less of distance between embeddings of music, embeddings had the say
_LEVEL_DB = {"drums": 5.0, "bass": 8.0, "lead": 14.0, "chords": 15.0}
_TONE_HZ = (100, 200, 350, 500, 700, 1200, 2500, 5000, 9000, 15_000)
_TONE_DB = (0, 2.5, 2, 0, -2.5, 1, 5, 1, -4, -6)
# the hall: noise that dies away by 60 dB in so long, cut off where it is hardly heard; level against what is sent
_HALL_DB, _HALL_S, _HALL_T60_S, _HALL_BAND_HZ, _HALL_AFTER_S = -9.0, 1.2, 1.5, (300, 9000), 0.005
_SENT = ("drums", "lead", "chords")
_CEILING = 0.89
_HOLD, _SMOOTH, _TAPS = 441, 441, 255
MARGIN = _HOLD + _SMOOTH + _TAPS // 2
"""Samples after it on which a mixed sample depends, and before it beside the hall's."""


def reach(sample_rate_hz: int) -> int:
    """Samples before it on which a mixed sample depends."""
    return MARGIN + len(hall(sample_rate_hz))


@dataclass(frozen=True)
class Desk:
    """What a mix depends on besides its parts: their notes in seconds, and how a piece ducks; `beat_s` is the length
    of a beat at a second."""

    notes: Notes
    ducking: Ducking
    beat_s: Callable[[float], float]
    sample_rate_hz: int

    def sounds(self, role: str, first: int, stop: int) -> bool:
        """Whether anything of a part is let through between two samples of the piece."""
        begin, end = self._spans(role)
        return bool(np.any((begin < stop / self.sample_rate_hz) & (end > first / self.sample_rate_hz)))

    def stems(self, parts: dict[str, np.ndarray], first: int) -> dict[str, np.ndarray]:
        """Parts `[n, 2]` by role, whose sample 0 is number `first` of the piece, as they sound in their mix."""
        count = max(map(len, parts.values()), default=0)
        seconds = (first + np.arange(count)) / self.sample_rate_hz
        none = np.zeros(count)
        duck = self._duck(seconds, self.ducking) if "drums" in parts else none
        deep = self._duck(seconds, _deeper(self.ducking)) if {"drums", "bass"} <= set(parts) else none
        played = {}
        for role, audio in parts.items():
            ducked = deep if role == "bass" else duck
            gain = self._gate(role, seconds) * (1 - _DUCKED[role] * ducked) * 10 ** (_LEVEL_DB[role] / 20)
            played[role] = toned(audio * gain.astype(np.float32)[:, None], self.sample_rate_hz)
            if role in _SENT:
                played[role] += rung(played[role], self.sample_rate_hz)
        limit = limiter(sum(played.values(), np.zeros((count, 2), np.float32))).astype(np.float32)[:, None]
        return {role: np.ascontiguousarray(audio * limit) for role, audio in played.items()}

    def _spans(self, role: str) -> tuple[np.ndarray, np.ndarray]:
        """Seconds from and until which each note of a part is let through."""
        notes = self.notes.of(role)
        return notes.onset - _BEFORE_S, notes.off + _TAIL_S + _CLOSE_S

    def _gate(self, role: str, seconds: np.ndarray) -> np.ndarray:
        begin, end = self._spans(role)
        last = np.maximum.accumulate(end)
        starts = np.flatnonzero(np.r_[True, begin[1:] > last[:-1]]) if len(begin) else np.zeros(0, np.int64)
        gate = np.zeros(len(seconds))
        for start, stop in zip(starts.tolist(), [*(starts[1:] - 1).tolist(), len(begin) - 1]):
            corners = [begin[start], begin[start] + _OPEN_S, last[stop] - _CLOSE_S, last[stop]]
            np.maximum(gate, np.interp(seconds, corners, [0, 1, 1, 0]), out=gate)
        return gate

    def _duck(self, seconds: np.ndarray, ducking: Ducking) -> np.ndarray:
        """How far down what is wholly ducked is, 0..1, at seconds `[n]`."""
        duck = np.zeros(len(seconds))
        drums = self.notes.of("drums")
        for kick in drums.onset[drums.key == DRUMS["kick"]].tolist():
            length_s = ducking.beats * self.beat_s(kick)
            lo, hi = np.searchsorted(seconds, [kick - _FALL_S, kick + length_s])
            along = seconds[lo:hi] - kick
            back = np.clip(along / length_s, 0, 1) ** ducking.curve
            shape = ducking.depth * np.where(along < 0, 1 + along / _FALL_S, 1 - back)
            np.maximum(duck[lo:hi], shape, out=duck[lo:hi])
        return duck


def _deeper(ducking: Ducking) -> Ducking:
    """How a bass ducks in a piece that ducks like this."""
    depth, beats = max(ducking.depth, _BASS_LEAST_DEPTH), max(ducking.beats, _BASS_LEAST_BEATS)
    return Ducking(depth, beats, ducking.curve)


def toned(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Sound `[n, 2]` with the tone of the desk: what is heard begins up to 3 ms earlier and ends as much later."""
    sides = np.ascontiguousarray(audio.T, np.float32)  # one after the other, as transforms are fastest
    return np.asarray(signal.oaconvolve(sides, _tone(sample_rate_hz)[None], mode="same", axes=1)).T


def rung(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """What the hall answers to sound `[n, 2]`, as long as it."""
    sent = (audio[:, 0] + audio[:, 1])[None] / 2
    return np.asarray(signal.oaconvolve(sent, hall(sample_rate_hz).T, axes=1))[:, : len(audio)].T


@lru_cache(maxsize=4)
def hall(sample_rate_hz: int) -> np.ndarray:
    """What the hall answers to one sample, `[n, 2]`; its ears hear noises of their own."""
    count = round(_HALL_S * sample_rate_hz)
    seconds = np.arange(count) / sample_rate_hz
    noise = np.random.Generator(np.random.Philox(key=1)).standard_normal((count, 2))
    fade = np.minimum(1, (_HALL_S - seconds) / (0.25 * _HALL_S))
    noise *= (10 ** (-3 * seconds / _HALL_T60_S) * fade)[:, None]
    band = signal.butter(2, _HALL_BAND_HZ, "bandpass", fs=sample_rate_hz, output="sos")
    noise = signal.sosfilt(band, noise, axis=0)
    noise *= 10 ** (_HALL_DB / 20) / np.sqrt(np.square(noise).sum(0))
    return np.asfortranarray(np.concatenate([np.zeros((round(_HALL_AFTER_S * sample_rate_hz), 2)), noise]), np.float32)


@lru_cache(maxsize=4)
def _tone(sample_rate_hz: int) -> np.ndarray:
    """The tone as a filter without delay, `[_TAPS]`."""
    at = [0, *(2 * hz / sample_rate_hz for hz in _TONE_HZ), 1]
    gain = [10 ** (db / 20) for db in (_TONE_DB[0], *_TONE_DB, _TONE_DB[-1])]
    return np.asarray(signal.firwin2(_TAPS, at, gain), np.float32)


def limiter(mix: np.ndarray) -> np.ndarray:
    """Gain `[n]` that keeps `[n, 2]` below the ceiling: what is needed within 10 ms, smoothed over as much."""
    loudest = ndimage.maximum_filter1d(np.maximum(np.abs(mix[:, 0]), np.abs(mix[:, 1])), 2 * _HOLD + 1, mode="nearest")
    needed = np.minimum(1.0, _CEILING / np.maximum(loudest, _CEILING))
    window = np.hanning(2 * _SMOOTH + 3)[1:-1]
    padded = np.pad(needed, _SMOOTH, mode="edge")
    return np.asarray(signal.oaconvolve(padded, window / window.sum(), mode="valid"))
