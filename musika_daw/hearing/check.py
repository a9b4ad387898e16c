"""Measured facts about a rendered file: tempo, beat offset, seam, silence, clipping, density.

The measurements hear the audio only; the asked tempo is used to know where to listen, not what to report.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from musika_daw.hearing.limits import SILENCE_DBFS
from musika_daw.hearing.onsets import Strength, circular_strength, magnitudes, mono, note_onsets_s
from musika_daw.sound.wrap import wrapped
from pack_builder.plan.curve import measured_curve

TAIL_S = 3.0  # takes die away over their last 3 s, at most a quarter: no notes are asked for there
_TEMPO_SEARCH = 0.06
_BEAT_WINDOW_S = 0.06
_ATTACK_S = 0.002  # flux peaks this much before a struck sound begins, measured on clicks, drums and tones


@dataclass(frozen=True)
class Pulse:
    """The beat of a loop as measured: tempo, and signed offsets from the asked grid (+ is late)."""

    bpm: float
    downbeat_offset_ms: float
    beat_offset_ms: float


@dataclass(frozen=True)
class Findings:
    """What was measured on a file; None where it does not apply or nothing steady was heard."""

    silent: bool
    clipped_frames: int
    pulse: Pulse | None = None
    tempo_error_pct: float | None = None
    seam_score: float | None = None
    seam_flux_ratio: float | None = None
    seam_step: float | None = None
    onsets_per_s: float | None = None
    density: float | None = None
    end_db: float | None = None
    curve: list[list[float]] | None = None


def silent(samples: np.ndarray) -> bool:
    """True where no sample reaches -60 dBFS."""
    return float(np.abs(samples).max(initial=0.0)) < 10 ** (SILENCE_DBFS / 20)


def clipped_frames(samples: np.ndarray) -> int:
    """Samples in flat tops: three or more in a row at one channel's largest magnitude (within 1e-6)."""
    total = 0
    for channel in samples.T:
        size = np.abs(channel)
        peak = size.max(initial=0.0)
        if not peak:
            continue
        flat = np.flatnonzero(np.diff(np.concatenate([[0], (size >= peak * (1 - 1e-6)).astype(np.int8), [0]])))
        runs = flat[1::2] - flat[::2]
        total += int(runs[runs >= 3].sum())
    return total


def measured_pulse(samples: np.ndarray, sample_rate_hz: int, bpm: float, beats: int) -> Pulse | None:
    """Tempo and offsets of a loop [frames, channels] that should hold `beats` at `bpm`, or None without a pulse.

    1. Search tempi within 6 % and downbeats within 60 ms for the grid that collects the most onset strength, so
       a loop at a wrong tempo is seen as such. 2. Find the strongest onset within 60 ms of each beat of that
    grid. 3. Fit a line: its slope is the tempo, its value at beat 0 the downbeat's offset. Only one round is
    used, since a repeated loop is periodic by construction and would always fit. The error is about
    (onset jitter) * 3.5 / beats^1.5 per beat: 0.03 % for 2 ms over 16 beats at 120 bpm.
    """
    strength = circular_strength(samples, sample_rate_hz)
    if not strength.values.max() or beats < 4:
        return None
    grid, period_s = _best_grid(strength, 60 / bpm, beats)
    times, weights = _peaks_near(strength, grid, min(_BEAT_WINDOW_S, 0.2 * period_s))
    times = times + _ATTACK_S
    strong = weights >= 0.25 * np.quantile(weights, 0.9)
    contrast = np.median(weights) / (strength.values.mean() or 1.0)
    if strong.sum() < max(4, beats // 2) or contrast < 2.0:
        return None
    index = np.arange(beats)[strong]
    slope_s, first_s = _line(index, times[strong])
    offsets_s = times[strong] - index * 60 / bpm
    return Pulse(60 / slope_s, 1000 * first_s, 1000 * float(np.median(np.abs(offsets_s))))


def _best_grid(strength: Strength, period_s: float, beats: int) -> tuple[np.ndarray, float]:
    smooth = np.convolve(strength.values, np.hanning(13) / 6, mode="same")
    index = np.arange(beats)
    offsets_s = np.arange(-_BEAT_WINDOW_S, _BEAT_WINDOW_S + 1e-9, 0.004)
    best = (-1.0, period_s, 0.0)
    tempi = 1 + np.arange(-_TEMPO_SEARCH, _TEMPO_SEARCH + 1e-9, 0.001)
    for factor in sorted(tempi, key=lambda value: abs(value - 1)):
        times = offsets_s[:, None] + index * period_s / factor
        places = np.rint((times - strength.start_s) * strength.rate_hz).astype(int) % len(smooth)
        sums = smooth[places].sum(axis=1)
        place = int(sums.argmax())
        if sums[place] > best[0] * (1.0 if factor == 1 else 1.02):  # a tie goes to the asked tempo, tried first
            best = (float(sums[place]), period_s / factor, float(offsets_s[place]))
    return best[2] + index * best[1], best[1]


def _peaks_near(strength: Strength, grid_s: np.ndarray, window_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Times (finer than a hop, by a parabola) and heights of the strongest onset near each grid time."""
    values, rate = strength.values, strength.rate_hz
    reach = max(2, round(window_s * rate))
    around = np.arange(-reach, reach + 1)
    middle = np.rint((grid_s - strength.start_s) * rate).astype(int)
    taper = 1 - 0.3 * np.abs(around) / reach  # of two equal onsets the nearer one is the beat
    best = middle + around[(values[(middle[:, None] + around) % len(values)] * taper).argmax(axis=1)]
    left, top, right = (values[(best + step) % len(values)] for step in (-1, 0, 1))
    bend = left - 2 * top + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
    return (best + np.clip(shift, -0.5, 0.5)) / rate + strength.start_s, top


def _line(index: np.ndarray, times_s: np.ndarray) -> tuple[float, float]:
    """Slope and start of a line through the beats; beats far from a first fit are left out of a second one."""
    slope, start = np.polyfit(index, times_s, 1)
    rest = np.abs(times_s - slope * index - start)
    keep = rest <= max(0.004, 2.5 * float(np.median(rest)))
    if keep.sum() >= 4:
        slope, start = np.polyfit(index[keep], times_s[keep], 1)
    return float(slope), float(start)


def seam(samples: np.ndarray, sample_rate_hz: int, beats: int) -> tuple[float, float]:
    """(seam score, plain flux ratio) of a loop [frames, channels]; the score is 0 where nothing happens at the wrap.

    Plain ratio: spectral flux within 6 ms of the wrap over the median flux at the loop's own beats. A loop whose
    kick stands exactly on the downbeat has about 1 there, click or no click, and one whose downbeat is accented
    has more. The score is what the wrap rises more than the loop's strongest inner beat does at the same place
    (within 6 ms), or falls more (within 30 ms), over the median beat's rise: 0 for a wrap like any other beat,
    0.3 is the limit, a cut through a sound 0.7 and up. Held against the usual beat instead, nine of ten loops made
    on a circle failed: beats differ in music. A level that jumps more from the last beat to the first than between
    any two others is a seam too, a twentieth for each dB.
    """
    scale = max(1, round(sample_rate_hz / 44100))
    size, hop = 512 * scale, 64 * scale
    signal = mono(samples)
    peak = np.abs(signal).max(initial=0.0)
    if not peak:
        return 0.0, 0.0
    near, wide = (round(reach_s * sample_rate_hz / hop) for reach_s in (0.006, 0.03))
    edge = (wide + 1) * hop + size
    around = wrapped(signal / peak, edge, edge)

    def at(beat: int) -> tuple[float, float, float]:
        # each beat gets frames of its own, centred on it exactly as the wrap's are centred on the wrap
        start = round(len(signal) * beat / beats) + edge - (wide + 1) * hop - size // 2
        piece = around[start : start + 2 * (wide + 1) * hop + size]
        views = np.concatenate(list(magnitudes(piece, size, hop)))[size // 2 // hop :][: 2 * wide + 3]
        change = np.diff(np.log1p(1000 * views), axis=0)
        rise, fall = np.maximum(change, 0).sum(axis=1), np.maximum(-change, 0).sum(axis=1)
        close = slice(wide - near, wide + near + 2)
        return float(rise[close].max()), float(fall.max()), float(rise.max())

    wrap = at(0)
    inner = np.array([at(beat) for beat in range(1, beats)])
    usual = float(np.median(inner[:, 2]))
    if usual < 1e-6:
        return (1.0, 1.0) if max(wrap) > 1e-3 else (0.0, 0.0)
    excess = max(wrap[0] - float(inner[:, 0].max()), wrap[1] - float(inner[:, 1].max()), 0.0)
    return max(excess / usual, _level_jump_db(signal, beats) / 20), wrap[0] / usual


def _level_jump_db(signal: np.ndarray, beats: int) -> float:
    """What the level of the beats jumps more at the wrap than anywhere else, up or down, in dB; 0 if it does not."""
    edges = [round(len(signal) * beat / beats) for beat in range(beats + 1)]
    power = [float(np.square(signal[start:end]).mean()) for start, end in itertools.pairwise(edges)]
    level_db = 10 * np.log10(np.maximum(power, 1e-6 * max(power)))
    jumps = np.abs(np.diff(level_db, append=level_db[0]))
    return max(0.0, float(jumps[-1] - jumps[:-1].max(initial=0.0)))


def seam_step(samples: np.ndarray) -> float:
    """The largest bend of the wave at the wrap over the largest anywhere else, of [frames, channels].

    The bend is the second difference: what a straight line from two samples misses the third by. It finds the
    click that a kick on the downbeat hides from the flux. A loop without a step stays below 1.
    """
    around = np.concatenate([samples[-2:], samples, samples[:2]]).astype(np.float64)
    bend = np.abs(np.diff(around, 2, axis=0)).max(axis=1, initial=0.0)  # bend k is centred on sample k - 1
    at_wrap = max(float(bend[:3].max(initial=0.0)), float(bend[-3:].max(initial=0.0)))
    elsewhere = float(bend[4:-4].max(initial=0.0))
    return at_wrap / max(elsewhere, 1e-6)


def check_loop(samples: np.ndarray, sample_rate_hz: int, bpm: float, beats: int) -> Findings:
    """Findings on a loop [frames, channels] of `beats` at `bpm`."""
    if silent(samples):
        return Findings(True, clipped_frames(samples))
    pulse = measured_pulse(samples, sample_rate_hz, bpm, beats)
    score, ratio = seam(samples, sample_rate_hz, beats)
    return Findings(
        False,
        clipped_frames(samples),
        pulse,
        tempo_error_pct=None if pulse is None else 100 * (pulse.bpm / bpm - 1),
        seam_score=score,
        seam_flux_ratio=ratio,
        seam_step=seam_step(samples),
    )


def check_take(samples: np.ndarray, sample_rate_hz: int, seconds: float) -> Findings:
    """Findings on a take [frames, channels] of `seconds`; the density is that of the part before its decay."""
    from musika_daw.score.density import density_of_rate

    if silent(samples):
        return Findings(True, clipped_frames(samples), onsets_per_s=0.0, density=0.0)
    onsets = note_onsets_s(samples, sample_rate_hz)
    body_s = seconds - min(TAIL_S, seconds / 4)
    rate_hz = float((onsets < body_s).sum() / body_s)
    return Findings(
        False,
        clipped_frames(samples),
        onsets_per_s=rate_hz,
        density=float(density_of_rate(rate_hz)),
        end_db=_end_db(samples, sample_rate_hz),
        curve=measured_curve(onsets[onsets < body_s], body_s),
    )


def _end_db(samples: np.ndarray, sample_rate_hz: int) -> float:
    """Largest sample of the last 20 ms against the largest of the file."""
    tail = np.abs(samples[-max(1, sample_rate_hz // 50) :]).max()
    return max(-120.0, 20 * math.log10(max(1e-12, float(tail) / float(np.abs(samples).max()))))
