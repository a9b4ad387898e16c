"""Level: a loudness target under a true-peak ceiling, by one gain and, where allowed, by holding peaks down.

No fade anywhere, so loops stay seamless.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from musika_daw.hearing.loudness import loudness
from musika_daw.sound.wrap import wrapped
from pack_builder.render.clip import soft_clip
from pack_builder.render.effects import holding_gains

CEILING_DBTP = -1.0
OVERSAMPLING = 4
_BLOCK_FRAMES = 32
_REACH_FRAMES = 10
_AT_ONCE = 48  # blocks: products so small that no library spreads them over threads, which workers would fight for
_HELD_LEAST_DB = 0.1
CLIP_ERROR_DB = -20.0  # what bending spikes may change, of a sound's energy
_CLIP_STEPS = 5
_NEAR_DB = 0.15
_SHARES = (1.2, 1.5)  # of what is missing; holding peaks down costs loudness itself, so once is mostly not enough


@dataclass(frozen=True)
class Level:
    """Integrated loudness (ITU-R BS.1770-4, -inf for silence) and true peak of a recording."""

    loudness_lufs: float
    true_peak_dbtp: float


@dataclass(frozen=True)
class Leveled:
    """Samples [frames, channels] at their level. `gains` [frames, 1] or [1, 1] are what they were multiplied by, before
    spikes were bent; `gain_db` is the same without the peaks that were held down."""

    samples: np.ndarray
    gain_db: float
    level: Level
    gains: np.ndarray


@cache
def _between() -> np.ndarray:
    """What the samples of a block and its neighbours give between them: float32 [52, 96].

    The usual 4x interpolator (81 taps, Kaiser window of 5), written out as one matrix for a block of 32 samples with 10
    on either side, which a processor multiplies an order of magnitude faster than it filters.
    """
    from scipy.signal import firwin

    reach = _REACH_FRAMES * OVERSAMPLING
    taps = OVERSAMPLING * firwin(2 * reach + 1, 1 / OVERSAMPLING, window=("kaiser", 5.0))
    matrix = np.zeros((_BLOCK_FRAMES + 2 * _REACH_FRAMES, _BLOCK_FRAMES, OVERSAMPLING - 1))
    for frame in range(_BLOCK_FRAMES):
        for part in range(1, OVERSAMPLING):
            # sample n lies OVERSAMPLING * (n - frame) before the place, which is part after the frame
            near = np.arange(frame - _REACH_FRAMES, frame + _REACH_FRAMES + 1)
            tap = reach + part - OVERSAMPLING * (near - frame)
            inside = (tap >= 0) & (tap <= 2 * reach)
            matrix[near[inside] + _REACH_FRAMES, frame, part - 1] = taps[tap[inside]]
    return matrix.reshape(len(matrix), -1).astype(np.float32)


def true_peak(samples: np.ndarray, loops: bool) -> float:
    """Largest magnitude of [frames, channels] between the samples too, by 4x oversampling (BS.1770-4 annex 2)."""
    if not len(samples):
        return 0.0
    peak, matrix = float(np.abs(samples).max()), _between()
    rest = -len(samples) % _BLOCK_FRAMES
    for channel in samples.T:
        if loops:
            around = wrapped(channel, _REACH_FRAMES, _REACH_FRAMES + rest)
        else:
            # a wave may be largest just before its first sample or after its last
            around = np.pad(channel, (_BLOCK_FRAMES + _REACH_FRAMES, _BLOCK_FRAMES + _REACH_FRAMES + rest))
        blocks = np.lib.stride_tricks.sliding_window_view(around, len(matrix))[::_BLOCK_FRAMES]
        for start in range(0, len(blocks), _AT_ONCE):
            between = blocks[start : start + _AT_ONCE] @ matrix
            peak = max(peak, float(between.max()), -float(between.min()))
    return peak


def measure(samples: np.ndarray, sample_rate_hz: int, loops: bool) -> Level:
    """Loudness and true peak of [frames, channels]."""
    peak = true_peak(samples, loops)
    return Level(loudness(samples, sample_rate_hz, loops), 20 * math.log10(peak) if peak else -math.inf)


def finish(
    samples: np.ndarray,
    sample_rate_hz: int,
    target_lufs: float,
    loops: bool,
    ceiling_dbtp: float = CEILING_DBTP,
    limiter_db: float = 0.0,
    clip_db: float = 0.0,
) -> tuple[np.ndarray, float, Level]:
    """Samples [frames, channels] at the target, the gain in dB, and the level reached.

    Where the target would push the true peak over the ceiling, peaks are held down by up to `limiter_db`; what is
    missing then hangs on a few milliseconds, which are bent (see `clip`) by up to `clip_db`, unless that changes more
    than a hundredth of the energy. Beyond that the ceiling wins and the file stays quieter. With 0, the defaults, one
    gain is all that happens and attacks stay as they are. Both are found in steps, so that the target is reached to
    about 0.1 dB where they may do enough. Silence comes back as it is.
    """
    made = leveled(
        samples, sample_rate_hz, target_lufs, loops, ceiling_dbtp=ceiling_dbtp, limiter_db=limiter_db, clip_db=clip_db
    )
    return made.samples, made.gain_db, made.level


def leveled(
    samples: np.ndarray,
    sample_rate_hz: int,
    target_lufs: float,
    loops: bool,
    *,
    ceiling_dbtp: float,
    limiter_db: float,
    clip_db: float,
) -> Leveled:
    """What `finish` does, with what it took."""
    peak = true_peak(samples, loops)
    holding = np.ones((1, 1), np.float32)
    if not peak:
        return Leveled(samples, 0.0, Level(-math.inf, -math.inf), holding)
    whole = full = samples / np.float32(peak)  # measured at full scale, where the meter's absolute gate cannot matter
    heard = loudness(full, sample_rate_hz, loops)
    held_db, top, scale = 0.0, 1.0, 1 / peak
    for share in _SHARES:
        missing_db = target_lufs - heard - ceiling_dbtp if math.isfinite(heard) else 0.0
        if missing_db <= _HELD_LEAST_DB or held_db >= limiter_db - _HELD_LEAST_DB:
            break
        held_db = min(limiter_db, held_db + share * missing_db)
        gains = holding_gains(whole, sample_rate_hz, 10 ** (-held_db / 20), loops)
        if gains is not None:
            holding, full = gains, whole * gains
        top = true_peak(full, loops)
        heard = loudness(full, sample_rate_hz, loops) - 20 * math.log10(top)
    if math.isfinite(heard) and target_lufs - heard - ceiling_dbtp > _NEAR_DB and clip_db:
        full, scale = full / np.float32(top), scale / top
        full, drive_db, top, heard = _bent(
            full, sample_rate_hz, target_lufs - ceiling_dbtp, heard, loops=loops, clip_db=clip_db
        )
        scale *= 10 ** (drive_db / 20)
    gain_db = min(ceiling_dbtp, target_lufs - heard) if math.isfinite(heard) else ceiling_dbtp
    gain_db = math.floor(gain_db * 1000) / 1000  # rounded down: never over the ceiling by a rounding error
    level = Level(heard + gain_db, gain_db)
    finished = full * np.float32(10 ** (gain_db / 20) / top)
    gain_db += 20 * math.log10(scale / top)
    return Leveled(finished, gain_db, level, holding * np.float32(10 ** (gain_db / 20)))


def _bent(
    samples: np.ndarray, sample_rate_hz: int, target_lufs: float, heard_lufs: float, *, loops: bool, clip_db: float
) -> tuple[np.ndarray, float, float, float]:
    """Samples that peak at full scale, driven into a soft clip until they are as loud as the target: the samples, the
    drive in dB, their true peak, and their loudness once they peak at full scale again. Those that would need more than
    they may come back as they are."""
    drive_db, factor = 0.0, 1.3  # bending costs loudness itself
    missing_db = target_lufs - heard_lufs
    for _ in range(_CLIP_STEPS):
        drive_db += factor * missing_db
        if drive_db > clip_db:
            break
        bent, error_db = soft_clip(samples * np.float32(10 ** (drive_db / 20)), loops)
        if error_db > CLIP_ERROR_DB:
            break
        top = true_peak(bent, loops)
        heard = loudness(bent, sample_rate_hz, loops) - 20 * math.log10(top)
        missing_db = target_lufs - heard
        if abs(missing_db) <= _NEAR_DB:
            return bent, drive_db, top, heard
    return samples, 0.0, 1.0, heard_lufs
