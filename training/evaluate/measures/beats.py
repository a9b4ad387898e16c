"""From tracked beats to tempo and to distance from the exact grid.

```
grid     |         |         |         |      k * 60 / bpm from frame 0
beats      x         x          x        x    minus the tool's own constant offset
anchored   e0        e1         e2       e3   mean |e|
phase-free the same after the one shift that makes it smallest
folded     against the grid of eighths: what is left if the tool counted the off-beats
```
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.evaluate.measures.tools import Tracker

_CALIBRATION_BPM = (121.0, 128.0, 137.3, 145.0, 159.1)
_RATE_HZ = 44_100
_FEWEST = 8


@dataclass(frozen=True)
class BeatFit:
    """Beats of one file against the asked grid; errors in ms, `tempo_error_pct` signed."""

    bpm: float
    tempo_error_pct: float
    anchored_mae_ms: float
    phase_free_mae_ms: float
    folded_mae_ms: float
    off_beat: bool
    beats: int


def fit_beats(beat_s: np.ndarray, bpm: float, offset_s: float = 0.0) -> BeatFit | None:
    """Fit of tracked beats, seconds `[n]`, to a grid of `bpm` from second 0; None for fewer than 8 beats.

    `offset_s` is the tool's own offset (positive: it is late) and is subtracted. The tempo is the slope of a
    least-squares line through all beats; a beat the tool left out leaves a gap in the count.
    """
    beat_s = np.asarray(beat_s, np.float64)
    if len(beat_s) < _FEWEST:
        return None
    steps = np.diff(beat_s)
    count = np.concatenate([[0], np.cumsum(np.maximum(1, np.round(steps / np.median(steps))))])
    measured = 60 / float(np.polyfit(count, beat_s, 1)[0])
    period = 60 / bpm
    error = _from_grid(beat_s - offset_s, period)
    return BeatFit(
        measured,
        100 * (measured / bpm - 1),
        1000 * float(np.abs(error).mean()),
        1000 * _phase_free(beat_s, period),
        1000 * float(np.abs(_from_grid(beat_s - offset_s, period / 2)).mean()),
        bool(np.mean(np.abs(error) > period / 4) > 0.5),
        len(beat_s),
    )


def _from_grid(times_s: np.ndarray, period_s: float) -> np.ndarray:
    """Signed distance to the nearest grid line."""
    return times_s - period_s * np.round(times_s / period_s)


def _phase_free(times_s: np.ndarray, period_s: float) -> float:
    """Mean absolute distance from the grid of that period that lies best."""
    turn = np.exp(2j * np.pi * times_s / period_s)
    middle = np.angle(turn.mean()) / (2 * np.pi) * period_s
    rest = _from_grid(times_s - middle, period_s)
    return float(np.abs(rest - np.median(rest)).mean())


def drum_track(bpm: float, seconds: float, kind: str, sample_rate_hz: int = _RATE_HZ) -> np.ndarray:
    """A mono track float32 with something on every beat from frame 0.

    `kind` is "clicks", "kicks" (with claps on every second one) or "lone kicks".
    """
    out = np.zeros(int(seconds * sample_rate_hz))
    time = np.arange(int(0.25 * sample_rate_hz)) / sample_rate_hz
    rng = np.random.default_rng(0)
    click = np.sin(2 * np.pi * 2000 * time) * np.exp(-time / 0.004)
    kick = np.sin(2 * np.pi * (48 * time + 4.5 * (1 - np.exp(-time / 0.03)))) * np.exp(-time / 0.1)
    clap = 0.4 * rng.normal(0, 1, len(time)) * np.exp(-time / 0.04)
    for beat in range(int(seconds * bpm / 60)):
        start = round(beat * 60 / bpm * sample_rate_hz)
        hit = click if kind == "clicks" else kick + (clap if beat % 2 and kind == "kicks" else 0)
        part = out[start : start + len(hit)]
        part += hit[: len(part)]
    return (0.5 * out).astype(np.float32)


def calibrate(track: Tracker, kind: str = "kicks") -> tuple[float, float]:
    """(constant offset in seconds, its own error floor in ms) of a beat tracker, on tracks with a known grid.

    The offset is the median over five tempi; the floor is the mean absolute error that remains.
    """
    errors = []
    for bpm in _CALIBRATION_BPM:
        found = np.asarray(track(drum_track(bpm, 24.0, kind), _RATE_HZ))
        errors.append(_from_grid(found, 30 / bpm))
    every = np.concatenate(errors)
    if not len(every):
        raise ValueError(f"calibrate: the beat tracker found no beat in {kind}, must find some")
    offset = float(np.median(every))
    return offset, 1000 * float(np.abs(every - offset).mean())
