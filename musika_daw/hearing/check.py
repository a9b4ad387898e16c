"""Measured facts about a rendered file: tempo, beat offset, seam, silence, clipping, density.

The measurements hear the audio only; the asked tempo is used to know where to listen, not what to report.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

from musika_daw.hearing.findings import Findings
from musika_daw.hearing.limits import OFFSET_LIMIT_MS, SILENCE_DBFS
from musika_daw.hearing.onsets import note_onsets_s
from musika_daw.hearing.pulse import crashes_first, measured_pulse, places_of, pulse_of_notes, strikes
from musika_daw.hearing.spectra import magnitudes, mono
from musika_daw.hearing.told import told_onsets_s
from musika_daw.score.density import density_curve, density_of_rate
from musika_daw.score.roll import Notes
from musika_daw.sound.wrap import wrapped

TAIL_S = 3.0  # takes die away over their last 3 s, at most a quarter: no notes are asked for there
MEASURED_POINTS = 240
_CURVE_STEP_S = 0.5
_WRAP = 0.125  # beats next to the wrap that belong to it


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


class Seam(NamedTuple):
    """What is heard at the wrap of a loop: how far it stands out, its plain flux ratio, and how far the sound before it
    does."""

    score: float
    flux_ratio: float
    cut: float


def seam(samples: np.ndarray, sample_rate_hz: int, beats: int, places: np.ndarray | None = None) -> Seam:
    """What is heard at the wrap of a loop [frames, channels]; the score is 0 where nothing happens there.

    Plain ratio: spectral flux within 6 ms of the wrap over the median flux at the loop's own beats. A loop whose
    kick stands exactly on the downbeat has about 1 there, click or no click, and one whose downbeat is accented
    has more. The score is what the wrap rises more than the loop's strongest inner beat does at the same place
    (within 6 ms), or falls more (within 30 ms), over the median beat's rise: 0 for a wrap like any other beat,
    0.3 is the limit, a cut through a sound 0.7 and up. Held against the usual beat instead, nine of ten loops made
    on a circle failed: beats differ in music. A level that jumps more from the last beat to the first than between
    any two others is a seam too, a twentieth for each dB. Where the `places` of notes are known (in
    beats) they stand for the beats: most beats of a calm piano have no note, and a downbeat that has one is no seam.

    `cut` is what the level falls more just before the wrap than before any other beat, a twentieth for each dB: a loop
    whose only crash is on its first beat rises there, and falls after it, more than anywhere.
    """
    scale = max(1, round(sample_rate_hz / 44100))
    size, hop = 512 * scale, 64 * scale
    signal = mono(samples)
    peak = np.abs(signal).max(initial=0.0)
    if not peak:
        return Seam(0.0, 0.0, 0.0)
    near, wide = (round(reach_s * sample_rate_hz / hop) for reach_s in (0.006, 0.03))
    edge = (wide + 1) * hop + size
    around = wrapped(signal / peak, edge, edge)

    inner_places = np.arange(1, beats) if places is None else places[(places > _WRAP) & (places < beats - _WRAP)]
    if len(inner_places) < 2:
        inner_places = np.arange(1, beats)

    def at(beat: float) -> tuple[float, float, float]:
        # each beat gets frames of its own, centred on it exactly as the wrap's are centred on the wrap
        start = round(len(signal) * beat / beats) + edge - (wide + 1) * hop - size // 2
        piece = around[start : start + 2 * (wide + 1) * hop + size]
        views = np.concatenate(list(magnitudes(piece, size, hop)))[size // 2 // hop :][: 2 * wide + 3]
        change = np.diff(np.log1p(1000 * views), axis=0)
        rise, fall = np.maximum(change, 0).sum(axis=1), np.maximum(-change, 0).sum(axis=1)
        close = slice(wide - near, wide + near + 2)
        return float(rise[close].max()), float(fall.max()), float(rise.max())

    wrap = at(0)
    inner = np.array([at(float(beat)) for beat in inner_places])
    usual = float(np.median(inner[:, 2]))
    if usual < 1e-6:
        return Seam(1.0, 1.0, 1.0) if max(wrap) > 1e-3 else Seam(0.0, 0.0, 0.0)
    excess = max(wrap[0] - float(inner[:, 0].max()), wrap[1] - float(inner[:, 1].max()), 0.0)
    shares = inner_places / beats
    score = max(excess / usual, _level_jump_db(signal, shares) / 20)
    return Seam(score, wrap[0] / usual, _level_drop_db(signal, sample_rate_hz, shares) / 20)


def _level_jump_db(signal: np.ndarray, shares: np.ndarray) -> float:
    """What the level jumps more at the wrap than between what the other edges part, at `shares` of the loop, up or
    down, in dB; 0 if it does not."""
    edges = [0, *(round(len(signal) * share) for share in shares), len(signal)]
    power = [float(np.square(signal[start:end]).mean()) for start, end in itertools.pairwise(edges)]
    level_db = 10 * np.log10(np.maximum(power, 1e-6 * max(power)))
    jumps = np.abs(np.diff(level_db, append=level_db[0]))
    return max(0.0, float(jumps[-1] - jumps[:-1].max(initial=0.0)))


def _level_drop_db(signal: np.ndarray, sample_rate_hz: int, shares: np.ndarray) -> float:
    """What the level falls more in the last 30 ms before the wrap than before what lies at `shares` of the loop, in dB;
    0 if it does not."""
    early, late = (round(part_s * sample_rate_hz) for part_s in (0.06, 0.006))
    around = wrapped(signal, early, 0)
    floor = 1e-6 * float(np.square(signal).mean())

    def drop_db(share: float) -> float:
        before = np.square(around[(start := round(len(signal) * share)) : start + early])
        return 10 * math.log10((before[: early // 2].mean() + floor) / (before[-late:].mean() + floor))

    return max(0.0, drop_db(0.0) - max(map(drop_db, shares.tolist())))


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


def check_loop(
    samples: np.ndarray,
    sample_rate_hz: int,
    bpm: float,
    beats: int,
    notes: Notes | None = None,
    *,
    every_beat: bool = True,
) -> Findings:
    """Findings on a loop [frames, channels] of `beats` at `bpm` and of `notes`, in beats, where they are known.

    One that need not play `every_beat` is measured where its notes begin; one that should, and has no pulse by its
    beats alone (broken beats) or one beyond the limit (a ride that swells beside a kick), where its drums strike.
    """
    if silent(samples):
        return Findings(True, clipped_frames(samples))
    places = None if every_beat or notes is None else places_of(notes.onset, bpm, beats)
    pulse = measured_pulse(samples, sample_rate_hz, bpm, beats) if places is None else None
    if notes is not None and (pulse is None or pulse.beat_offset_ms > OFFSET_LIMIT_MS):
        struck = places_of(strikes(notes).onset, bpm, beats) if places is None else places
        pulse = pulse_of_notes(samples, sample_rate_hz, bpm, struck) or pulse
    wrap = seam(samples, sample_rate_hz, beats, places)
    return Findings(
        False,
        clipped_frames(samples),
        pulse,
        tempo_error_pct=None if pulse is None else 100 * (pulse.bpm / bpm - 1),
        seam_score=wrap.score,
        seam_flux_ratio=wrap.flux_ratio,
        seam_cut=wrap.cut if notes is not None and crashes_first(notes, beats) else None,
        seam_step=seam_step(samples),
    )


def check_take(samples: np.ndarray, sample_rate_hz: int, seconds: float, notes: Notes | None = None) -> Findings:
    """Findings on a take [frames, channels] of `seconds`; the density is that of the part before its decay.

    Of one whose `notes` are known, in seconds, those are counted that are heard; all others are counted by ear.
    """
    if silent(samples):
        return Findings(True, clipped_frames(samples), onsets_per_s=0.0, density=0.0)
    onsets = note_onsets_s(samples, sample_rate_hz) if notes is None else told_onsets_s(samples, sample_rate_hz, notes)
    body_s = seconds - min(TAIL_S, seconds / 4)
    rate_hz = float((onsets < body_s).sum() / body_s)
    return Findings(
        False,
        clipped_frames(samples),
        onsets_per_s=rate_hz,
        density=float(density_of_rate(rate_hz)),
        end_db=_end_db(samples, sample_rate_hz),
        curve=measured_curve(onsets[onsets < body_s], body_s),
        told=notes is not None,
    )


def measured_curve(onsets_s: np.ndarray, seconds: float) -> list[list[float]]:
    """Measured density of a recording as [[seconds, density]], every half second (long ones: at most 240 points)."""
    step_s = max(_CURVE_STEP_S, seconds / MEASURED_POINTS)
    times = np.arange(step_s / 2, seconds, step_s)
    values = density_curve(onsets_s, times, duration_s=seconds)
    return [[round(float(at), 3), round(float(value), 4)] for at, value in zip(times, values, strict=True)]


def _end_db(samples: np.ndarray, sample_rate_hz: int) -> float:
    """Largest sample of the last 20 ms against the largest of the file."""
    tail = np.abs(samples[-max(1, sample_rate_hz // 50) :]).max()
    return max(-120.0, 20 * math.log10(max(1e-12, float(tail) / float(np.abs(samples).max()))))
