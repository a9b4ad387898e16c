"""One-shots cut from a generated loop: the onset that is most like a kick, hat, clap or stab and stands most alone.

```
loop      ... ....|\\__.....|\\___....|\\__ ...     onsets measured on the loop as it repeats
cut              [|\\____]                         from 1 ms before the onset to the next one, or its decay
```
A kick or stab whose pitch is clear is tuned: played so much slower or faster, half a semitone at most, that it sounds
its nearest note.
"""

from dataclasses import dataclass

import numpy as np

from musika_daw.hearing.key import Pitch, pitch_of
from musika_daw.hearing.onsets import circular_strength, pick
from musika_daw.hearing.spectra import mono

LONGEST_S = {"kick": 0.6, "hat": 0.3, "clap": 0.45, "stab": 1.0}
LIKENESS_LEAST = {"kick": 0.55, "hat": 0.55, "clap": 0.4, "stab": 0.4}
# what lies an octave below this is no part of the sound: a hat is cut without the bass that plays under it
_SIFT_HZ = {"kick": 0.0, "hat": 2000.0, "clap": 300.0, "stab": 80.0}
_LEAD_S, _FADE_IN_S, _FADE_OUT_S = 0.001, 0.0005, 0.005
_LOOK_S, _SHORTEST_S = 0.09, 0.05
_QUIET_DB = -45.0
PITCHED = ("kick", "stab")
_ATTACK_S = 0.03
_BODY_HZ = {"kick": 200.0, "stab": 1500.0}  # what may play above is not what the pitch is heard by
_TUNED_CENTS = 10.0


@dataclass(frozen=True)
class Shot:
    """A cut sound [frames, 2], how like its kind it is (0..1), and where in the loop it began."""

    samples: np.ndarray
    likeness: float
    onset_s: float


def likeness(samples: np.ndarray, sample_rate_hz: int) -> dict[str, float]:
    """How like each kind of sound the first 90 ms of [frames, channels] are, 0..1, by shares of energy and flatness."""
    signal = mono(samples)[: round(_LOOK_S * sample_rate_hz)]
    power = np.abs(np.fft.rfft(signal * np.hanning(2 * len(signal))[len(signal) :])) ** 2
    hz = np.arange(len(power)) * sample_rate_hz / max(1, len(signal))

    def share(low: float, high: float) -> float:
        return float(power[(hz >= low) & (hz < high)].sum() / max(1e-20, float(power.sum())))

    middle = power[(hz >= 300) & (hz < 6000)] + 1e-20
    flat = float(np.exp(np.mean(np.log(middle))) / middle.mean())
    return {
        "kick": share(20, 160),
        "hat": share(5000, 22000) * (1 - share(0, 300)),
        "clap": share(700, 6000) * min(1.0, 2.5 * flat),
        "stab": share(140, 3000) * max(0.0, 1 - 3 * flat),
    }


def cut_shot(samples: np.ndarray, sample_rate_hz: int, sound: str) -> Shot | None:
    """The best `sound` (kick, hat, clap or stab) of a loop [frames, 2], or None where nothing is like one enough."""
    samples = _sifted(samples, sample_rate_hz, _SIFT_HZ[sound])
    strength = circular_strength(samples, sample_rate_hz)
    threshold = 0.1 * float(strength.values.max(initial=0.0))
    if not threshold:
        return None
    onsets = pick(strength, threshold)
    frames = len(samples)
    twice = np.concatenate([samples, samples])
    best: Shot | None = None
    best_score = 0.0
    for index, onset_s in enumerate(onsets):
        after_s = onsets[index + 1] if index + 1 < len(onsets) else onsets[0] + frames / sample_rate_hz
        length_s = min(LONGEST_S[sound], float(after_s - onset_s) - 0.003)
        if length_s < _SHORTEST_S:
            continue
        start = round((onset_s - _LEAD_S) * sample_rate_hz) % frames
        piece = twice[start : start + round(length_s * sample_rate_hz)]
        alike = likeness(piece, sample_rate_hz)[sound]
        before = np.take(samples, np.arange(start - round(0.02 * sample_rate_hz), start), axis=0, mode="wrap")
        alone = float(np.abs(piece[: round(0.03 * sample_rate_hz)]).max()) / max(1e-6, float(np.abs(before).max()))
        score = alike * min(1.0, alone / 4) * min(1.0, length_s / (0.5 * LONGEST_S[sound]))
        if alike >= LIKENESS_LEAST[sound] and score > best_score:
            best, best_score = Shot(piece, round(alike, 4), float(onset_s)), score
    return None if best is None else Shot(_ended(best.samples, sample_rate_hz), best.likeness, best.onset_s)


def in_tune(samples: np.ndarray, sample_rate_hz: int, sound: str) -> tuple[np.ndarray, Pitch | None]:
    """A cut sound [frames, 2] tuned to its nearest note, and that; as it was, and None, where it has no clear pitch.

    A pitch is clear where, after tuning by what was measured, what is measured is within 10 cents of the note.
    """
    from scipy.signal import resample

    pitch = _pitch(samples, sample_rate_hz, sound) if sound in PITCHED else None
    if pitch is None:
        return samples, None
    wanted = round(len(samples) * 2 ** (pitch.cents / 1200))
    longest = round(LONGEST_S[sound] * sample_rate_hz)
    moved = _faded(np.asarray(resample(samples, wanted), np.float32)[:longest], sample_rate_hz)
    heard = _pitch(moved, sample_rate_hz, sound)
    if heard is None or heard.note != pitch.note or abs(heard.cents) > _TUNED_CENTS:
        return samples, None
    return moved, heard


def _pitch(samples: np.ndarray, sample_rate_hz: int, sound: str) -> Pitch | None:
    body = samples[round(_ATTACK_S * sample_rate_hz) :]
    high = _BODY_HZ[sound]
    hz = np.fft.rfftfreq(2 * len(body), 1 / sample_rate_hz)
    gain = np.clip(2 - hz / high, 0, 1)[:, None]
    smooth = np.fft.irfft(np.fft.rfft(body, 2 * len(body), axis=0) * gain, 2 * len(body), axis=0)[: len(body)]
    return pitch_of(smooth, sample_rate_hz)


def _sifted(samples: np.ndarray, sample_rate_hz: int, low_hz: float) -> np.ndarray:
    """A loop [frames, 2] without what lies below `low_hz` (from there to an octave below it fades), as it repeats."""
    if not low_hz:
        return samples
    hz = np.fft.rfftfreq(len(samples), 1 / sample_rate_hz)
    gain = np.clip(2 * hz / low_hz - 1, 0, 1)[:, None]
    return np.fft.irfft(np.fft.rfft(samples, axis=0) * gain, len(samples), axis=0).astype(np.float32)


def _ended(piece: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Cut where it has died away, its ends led to zero (0.5 ms and 5 ms)."""
    loud = np.abs(piece).max(axis=1)
    audible = np.flatnonzero(loud > loud.max() * 10 ** (_QUIET_DB / 20))
    shortest = round(_SHORTEST_S * sample_rate_hz)
    end = max(shortest, int(audible[-1]) + 1) if len(audible) else shortest
    return _faded(piece[:end].astype(np.float32), sample_rate_hz)


def _faded(piece: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    cut = piece.copy()
    rise, fall = (round(seconds * sample_rate_hz) for seconds in (_FADE_IN_S, _FADE_OUT_S))
    cut[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)[:, None]
    cut[-fall:] *= np.linspace(1, 0, fall, dtype=np.float32)[:, None]
    return cut
