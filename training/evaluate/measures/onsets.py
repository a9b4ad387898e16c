"""Onsets: matching two lists, and levels around single hits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musika_daw.hearing.spectra import mono

WINDOW_S = 0.025
KICK_HZ, HAT_HZ = (30.0, 160.0), (6000.0, 16000.0)
_HIT_S = {"kick": 0.06, "hat": 0.03}
_PRE_S, _GUARD_S = 0.03, 0.003
_CLEAN_DB = -45.0


def matches(reference_s: np.ndarray, found_s: np.ndarray, window_s: float = WINDOW_S) -> int:
    """Most pairs of a reference and a found onset at most `window_s` apart, each used once (both sorted)."""
    count = place = 0
    later = np.sort(np.asarray(found_s)).tolist()
    for time in np.sort(np.asarray(reference_s)).tolist():
        while place < len(later) and later[place] < time - window_s - 1e-9:
            place += 1
        if place < len(later) and later[place] <= time + window_s + 1e-9:
            count, place = count + 1, place + 1
    return count


@dataclass(frozen=True)
class Agreement:
    """Counts of onsets in two recordings, summed over files by `+`."""

    matched: int = 0
    reference: int = 0
    found: int = 0

    @classmethod
    def of(cls, reference_s: np.ndarray, found_s: np.ndarray, window_s: float = WINDOW_S) -> Agreement:
        """Agreement of found onsets with reference onsets."""
        return cls(matches(reference_s, found_s, window_s), len(reference_s), len(found_s))

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(self.matched + other.matched, self.reference + other.reference, self.found + other.found)

    @property
    def f_measure(self) -> float:
        """2 * matched / (reference + found); 1 where there are none on both sides."""
        total = self.reference + self.found
        return 2 * self.matched / total if total else 1.0


def band(audio: np.ndarray, sample_rate_hz: int, hz: tuple[float, float]) -> np.ndarray:
    """Mono audio between two frequencies, without delay, float64 `[frames]`."""
    from scipy.signal import butter, sosfiltfilt

    edges = (hz[0], min(hz[1], 0.45 * sample_rate_hz))
    return np.asarray(sosfiltfilt(butter(4, edges, "bandpass", fs=sample_rate_hz, output="sos"), mono(audio)))


def hits(audio: np.ndarray, sample_rate_hz: int, onset_s: np.ndarray, kind: str) -> np.ndarray:
    """Those of the onsets that are a kick or a hat: frames int64 `[n]` of their attacks.

    A hit is an onset at which its band (30-160 Hz, or 6-16 kHz) rises by at least 10 dB to within 20 dB of the
    loudest in the file. The attack is where the band's magnitude first passes a quarter of the hit's peak.
    """
    signal = np.abs(band(audio, sample_rate_hz, KICK_HZ if kind == "kick" else HAT_HZ))
    length = round(_HIT_S[kind] * sample_rate_hz)
    reach = round(0.03 * sample_rate_hz)
    frames, levels, rises = [], [], []
    for frame in np.round(np.asarray(onset_s) * sample_rate_hz).astype(int).tolist():
        around = signal[max(frame - reach, 0) : frame + length]
        if frame < 2 * reach + length or len(around) < reach + length // 2:
            continue
        peak = float(around.max())
        start = max(frame - reach, 0) + int(np.argmax(around >= peak / 4))
        before = float(signal[start - reach : start - reach // 6].max()) + 1e-9
        frames.append(start)
        levels.append(20 * np.log10(peak + 1e-9))
        rises.append(20 * np.log10((peak + 1e-9) / before))
    if not frames:
        return np.zeros(0, np.int64)
    good = (np.array(rises) >= 10) & (np.array(levels) >= max(levels) - 20)
    return np.unique(np.array(frames, np.int64)[good])


def level_errors_db(
    audio: np.ndarray, other: np.ndarray, sample_rate_hz: int, frames: np.ndarray, *, kind: str
) -> np.ndarray:
    """Signed difference of the band's level over each hit (60 ms of a kick, 30 ms of a hat), dB `[n]`."""
    hz = KICK_HZ if kind == "kick" else HAT_HZ
    length, lead = round(_HIT_S[kind] * sample_rate_hz), round(0.005 * sample_rate_hz)
    power = [np.concatenate([[0.0], np.cumsum(band(a, sample_rate_hz, hz) ** 2)]) for a in (audio, other)]
    start = np.clip(frames - lead, 0, None)
    stop = np.clip(frames + length, 0, min(len(p) for p in power) - 1)
    before, after = (p[stop] - p[start] + 1e-12 for p in power)
    return np.asarray(10 * np.log10(after / before))


def pre_echo_db(audio: np.ndarray, other: np.ndarray, sample_rate_hz: int, frames: np.ndarray) -> np.ndarray:
    """Level in the 27 ms that end 3 ms before each kick in `other`, below the kick's own level, dB `[m]`.

    Only kicks that stand clear in `audio` (below -45 dB there) count: before others something really sounds.
    """
    first, second = mono(audio).astype(np.float64), mono(other).astype(np.float64)
    pre, guard, length = (round(s * sample_rate_hz) for s in (_PRE_S, _GUARD_S, 0.06))
    found = []
    for frame in frames.tolist():
        start = _attack(first, frame, sample_rate_hz)
        if start < pre or start + length > min(len(first), len(second)):
            continue
        kick = _power_db(first[start : start + length])
        if _power_db(first[start - pre : start - guard]) - kick < _CLEAN_DB:
            found.append(_power_db(second[start - pre : start - guard]) - kick)
    return np.array(found)


def _attack(signal: np.ndarray, frame: int, sample_rate_hz: int) -> int:
    """First frame within 15 ms before `frame` (or it) at which the full-band sound passes 2 % of its peak after."""
    reach = round(0.015 * sample_rate_hz)
    peak = np.abs(signal[frame : frame + reach]).max(initial=0.0)
    around = np.abs(signal[max(frame - reach, 0) : frame + 1])
    return max(frame - reach, 0) + int(np.argmax(around >= 0.02 * peak)) if (around >= 0.02 * peak).any() else frame


def _power_db(signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(signal**2) + 1e-12)) if len(signal) else -120.0
