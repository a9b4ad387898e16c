"""`evaluate piano`: does the density asked for come out, constant and along curves, and does a long take hold?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from musika_daw.hearing.spectra import mono, peak_db, rms_db, stft, thirds_db
from musika_daw.score.controls import Controls, Curve
from musika_daw.score.density import density_curve, density_of_rate, merge_onsets
from training.evaluate.material import Material
from training.evaluate.measures.embedding import embedders
from training.evaluate.measures.spread import frechet, split_half
from training.evaluate.measures.tools import Tracker
from training.evaluate.report import Row

RATE_HZ = 44_100
# a take fades over its last 3 s, and half a kernel at either end knows only half of its neighbours
_TAIL_S, _EDGE_S = 3.0, 0.5
_CURVE_STEP_S = 0.1
Report = Callable[[str], None]


class TakeMaker(Protocol):
    """What is needed of an engine."""

    def take(self, seconds: float, controls: Controls | None = None, sample_rate_hz: int = 44_100) -> np.ndarray:
        """A take, float32 `[frames, 2]`."""
        ...


@dataclass(frozen=True)
class PianoPlan:
    """What to render; `seconds` is the measured part of a take, its end is added to it."""

    densities: tuple[float, ...] = tuple(round(0.1 * i, 1) for i in range(1, 10))
    seeds: tuple[int, ...] = (0, 1, 2, 3)
    seconds: float = 24.0
    curves: int = 8
    curve_s: float = 40.0
    long_s: float = 600.0
    long_density: float | None = 0.5

    def __post_init__(self) -> None:
        if len(self.densities) < 2 or not self.seeds or self.curves < 1:
            raise ValueError("plan: must have at least two densities, a seed and a curve")


@dataclass(frozen=True)
class TakeFacts:
    """One take at a constant density: asked and measured density, onsets a second, level."""

    asked: float
    seed: int
    measured: float
    rate_hz: float
    rms_db: float
    peak_db: float


@dataclass(frozen=True)
class CurveFacts:
    """One take along a curve: correlation, and mean absolute difference of the densities."""

    seed: int
    r: float
    difference: float


@dataclass(frozen=True)
class Drift:
    """First against last minute of a long take; bands are third octaves 50 Hz..12.5 kHz of real energy."""

    minutes: float
    level_db: float
    spectrum_db: float
    spectrum_largest_db: float
    border_share: float
    rate_first_hz: float
    rate_last_hz: float


@dataclass(frozen=True)
class PianoResult:
    """Rows, facts and material for the pictures."""

    rows: list[Row]
    details: dict[str, Any]
    figures: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str]]
    sweep: tuple[np.ndarray, np.ndarray]
    takes: list[tuple[str, np.ndarray]] = field(default_factory=list)
    songs: list[tuple[str, np.ndarray]] = field(default_factory=list)


def random_walk(seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds and a smooth walk through 0.1..0.9, `[n]` each, steps of 0.1 s; the same for a seed.

    A walk in steps of 1 s (deviation 0.18), turned back at its bounds and smoothed over 2 s.
    """
    rng = np.random.default_rng(seed)
    value, points = float(rng.uniform(0.2, 0.8)), []
    for step in rng.normal(0, 0.18, int(seconds) + 4):
        points.append(value)
        value = 0.1 + abs((value + float(step) - 0.1 + 1.6) % 1.6)
        value = value if value <= 0.9 else 1.8 - value
    times = np.arange(0, seconds + 1e-9, _CURVE_STEP_S)
    coarse = np.interp(np.arange(0, seconds + 2, _CURVE_STEP_S), np.arange(len(points)), points)
    kernel = np.hanning(22)[1:-1] / np.hanning(22).sum()
    smooth = np.convolve(np.pad(coarse, 10, mode="edge"), kernel, mode="same")[10:]
    return times, np.clip(smooth[: len(times)], 0.1, 0.9)


def measured_density(onset_s: np.ndarray, times_s: np.ndarray, duration_s: float) -> np.ndarray:
    """Density curve of detected onsets, as the labels are made, at times in seconds."""
    return density_curve(onset_s, times_s, duration_s=duration_s)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r; 0 where either does not vary."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / norm) if norm > 1e-12 else 0.0


def monotone_share(asked: np.ndarray, measured: np.ndarray) -> float:
    """Share of steps between neighbouring asked values over which the mean measured value rises."""
    levels = np.unique(asked)
    means = np.array([measured[asked == a].mean() for a in levels])
    return float(np.mean(np.diff(means) > 0)) if len(levels) > 1 else 1.0


def drift(audio: np.ndarray, detect: Tracker, border_frames: int | None = None) -> Drift:
    """First against last minute (at most a third) of a long take `[frames, 2]`; its fade is left out.

    `border_share` is where the flux at patch or chunk borders stands among all others: the share of frames whose
    flux is lower than the median at the borders (0.5 is like any other place).
    """
    body = audio[: max(1, len(audio) - round(_TAIL_S * RATE_HZ))]
    part = min(60 * RATE_HZ, len(body) // 3)
    first, last = body[:part], body[-part:]
    bands = [thirds_db(a, RATE_HZ) for a in (first, last)]
    heard = np.maximum(*bands) > max(float(b.max()) for b in bands) - 50
    rates = [len(merge_onsets(detect(mono(a), RATE_HZ))) / (part / RATE_HZ) for a in (first, last)]
    share = _border_share(body, border_frames) if border_frames else 0.5
    apart = np.abs(bands[1] - bands[0])[heard] if heard.any() else np.zeros(1)
    return Drift(
        len(audio) / RATE_HZ / 60,
        rms_db(last) - rms_db(first),
        float(apart.mean()),
        float(apart.max()),
        share,
        rates[0],
        rates[1],
    )


def _border_share(audio: np.ndarray, border_frames: int) -> float:
    hop = 512
    flux = np.maximum(np.diff(np.log1p(1000 * stft(mono(audio), 1024, hop)), axis=0), 0).sum(1)
    places = np.round(np.arange(border_frames, len(audio) - hop, border_frames) / hop).astype(int)
    places = places[(places >= 1) & (places < len(flux) - 1)]
    if not len(places):
        return 0.5
    at = np.median([flux[p - 1 : p + 1].mean() for p in places])
    return float(np.mean(np.convolve(flux, [0.5, 0.5], mode="valid") < at))


def evaluate_piano(
    engine: TakeMaker,
    plan: PianoPlan,
    material: Material,
    detect: Tracker,
    *,
    musicnn: Path | None = None,
    report: Report | None = None,
) -> PianoResult:
    """Render and measure takes; held-out pieces give the tool's own onset rates and the Frechet floor."""
    say = report or (lambda _: None)
    facts, takes = _constant(engine, plan, detect, say)
    asked, got = np.array([f.asked for f in facts]), np.array([f.measured for f in facts])
    curves, figures = _curves(engine, plan, detect, say)
    rs = [c.r for c in curves]
    long = engine.take(plan.long_s, Controls(seed=0, density=plan.long_density))
    border = getattr(engine, "r_time", 0) * getattr(getattr(engine, "config", None), "seq_len", 0)
    held = drift(long, detect, border or None)
    say(f"take of {plan.long_s / 60:g} minutes measured")
    r = correlation(asked, got)
    middle = (asked >= 0.1) & (asked <= 0.7)
    rows = [
        Row("density, constant: r", r, "", None, (">=", 0.95), "every take"),
        Row("density, constant: r of the means", correlation(*_means(asked, got))),
        Row("density, constant: rising steps", 100 * monotone_share(asked, got), "%", None, (">=", 100)),
        Row("density, constant: r up to 0.7", correlation(asked[middle], got[middle]), note="the tool counts well"),
        Row("density, constant: mean difference", float(np.abs(asked - got).mean())),
        Row("density, curves: r, median", float(np.median(rs)), "", None, (">=", 0.90), f"{len(rs)} curves"),
        Row("density, curves: r, lowest", min(rs)),
        Row("density, curves: r, highest", max(rs)),
        Row("density, curves: mean difference", float(np.mean([c.difference for c in curves]))),
        Row("long take: level of the last minute against the first", abs(held.level_db), "dB", None, ("<=", 3)),
        Row("long take: third octaves, mean difference", held.spectrum_db, "dB", None, ("<=", 3)),
        Row("long take: third octaves, largest difference", held.spectrum_largest_db, "dB"),
        Row("long take: flux at patch borders, rank", 100 * held.border_share, "%", None, ("<=", 95)),
        Row("peak, largest", max(f.peak_db for f in facts), "dBFS"),
        Row("silent takes", 100 * float(np.mean([f.peak_db < -60 for f in facts])), "%", None, ("<=", 0)),
    ]
    songs = material.seconds("test", "valid", seconds=plan.seconds, limit=24)
    spread_rows, spread = _distances(plan, takes, songs, musicnn)
    known = [len(merge_onsets(detect(mono(a), RATE_HZ))) / (len(a) / RATE_HZ) for _, a in songs]
    details = {
        "plan": asdict(plan),
        "constant": facts,
        "curves": curves,
        "long_take": held,
        "spread": spread,
        "detector_saturates": "above about 8 onsets a second, density 0.8",
        "held_out_rates_hz": known,
        "density_by_level": dict(zip(*(m.tolist() for m in _means(asked, got)))),
    }
    shown = [takes[i] for i in range(0, len(takes), max(1, len(takes) // 4))][:4]
    return PianoResult(rows + spread_rows, details, figures[:3], (asked, got), shown, songs[:4])


def _means(asked: np.ndarray, got: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    levels = np.unique(asked)
    return levels, np.array([got[asked == a].mean() for a in levels])


def _constant(
    engine: TakeMaker, plan: PianoPlan, detect: Tracker, say: Report
) -> tuple[list[TakeFacts], list[tuple[str, np.ndarray]]]:
    facts, takes = [], []
    for density in plan.densities:
        for seed in plan.seeds:
            audio = engine.take(plan.seconds + _TAIL_S, Controls(seed=seed, density=density))
            body = audio[: round(plan.seconds * RATE_HZ)]
            rate = len(merge_onsets(detect(mono(body), RATE_HZ))) / plan.seconds
            facts.append(TakeFacts(density, seed, float(density_of_rate(rate)), rate, rms_db(body), peak_db(body)))
            takes.append((f"density {density:g}, seed {seed}", body))
        say(f"density {density:g}: measured {np.mean([f.measured for f in facts if f.asked == density]):.2f}")
    return facts, takes


def _curves(
    engine: TakeMaker, plan: PianoPlan, detect: Tracker, say: Report
) -> tuple[list[CurveFacts], list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str]]]:
    facts, figures = [], []
    for seed in range(plan.curves):
        times, values = random_walk(plan.curve_s, seed)
        audio = engine.take(plan.curve_s + _TAIL_S, Controls(seed=seed, density=_along(times, values)))
        body = audio[: round(plan.curve_s * RATE_HZ)]
        got = measured_density(detect(mono(body), RATE_HZ), times, plan.curve_s)
        inside = (times >= _EDGE_S) & (times <= plan.curve_s - _EDGE_S)
        r = correlation(values[inside], got[inside])
        facts.append(CurveFacts(seed, r, float(np.abs(values - got)[inside].mean())))
        figures.append((body, times, values, got, f"random walk {seed}, r = {r:.2f}"))
        say(f"curve {seed}: r {r:.2f}")
    return facts, figures


def _along(times: np.ndarray, values: np.ndarray) -> Curve:
    return lambda seconds: np.interp(seconds, times, values)


def _distances(
    plan: PianoPlan,
    takes: Sequence[tuple[str, np.ndarray]],
    songs: Sequence[tuple[str, np.ndarray]],
    musicnn: Path | None,
) -> tuple[list[Row], dict[str, Any]]:
    """Frechet distances of the takes at each density to held-out pieces."""
    if len(songs) < 4:
        return [], {}
    rows, details = [], {}
    for name, embed in embedders(musicnn).items():
        known = [embed(a, RATE_HZ) for _, a in songs]
        made = [embed(a, RATE_HZ) for _, a in takes]
        floor = split_half(known)
        far = frechet(np.concatenate(made), np.concatenate(known))
        rows.append(
            Row(f"Frechet distance to held-out pieces, {name}", far, "", floor, note="beside it: its split-half floor")
        )
        count = len(plan.seeds)
        details[name] = {
            "all": far,
            "split_half": floor,
            "by_density": {
                f"{d:g}": frechet(np.concatenate(made[i * count : (i + 1) * count]), np.concatenate(known))
                for i, d in enumerate(plan.densities)
            },
        }
    return rows, details
