"""The quality gate: draw, measure, draw again with the next seed, until a file keeps to the limits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from musika_daw.hearing.check import Findings, check_loop, check_take
from musika_daw.hearing.limits import SILENCE, distance
from pack_builder.plan.jobs import Job
from pack_builder.render.finish import Level
from pack_builder.render.source import EngineLike, EngineSource


class RenderError(RuntimeError):
    """The engine gave back something that cannot go into a pack."""


@dataclass(frozen=True)
class Candidate:
    """One attempt at a file: finished samples, what was measured on them, and which limits they are beyond."""

    samples: np.ndarray
    findings: Findings
    level: Level
    gain_db: float
    over: dict[str, float]
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of a job: the chosen candidate (None: given up), its attempt's number, and all attempts."""

    chosen: Candidate | None
    attempt: int
    tried: list[dict[str, Any]]


def controls_of(source: EngineSource, job: Job, attempt: int) -> Any:
    """The engine's controls for one attempt."""
    from pack_builder.plan.curve import DensityCurve

    asked: Any = None if job.density is None else float(job.density)
    if job.curve is not None:
        asked = DensityCurve(tuple((float(at), float(value)) for at, value in job.curve))
    values: dict[str, Any] = {"seed": job.seed(attempt), "style_seed": job.style(attempt), "density": asked}
    if job.energy is not None:
        values["energy"] = float(job.energy)
    return source.controls(**values)


def raw_sound(source: EngineSource, engine: EngineLike, job: Job, sample_rate_hz: int, attempt: int) -> np.ndarray:
    """Raw audio of one attempt, float32 [frames, 2]; raises RenderError for a wrong shape or values."""
    controls = controls_of(source, job, attempt)
    exact = job.frames_exact(sample_rate_hz)
    if job.bpm is not None and job.bars is not None:
        samples = engine.loop(job.bpm, job.bars, controls, sample_rate_hz, job.start_beat)
        fits = len(samples) == round(exact)
    else:
        samples = engine.take(float(exact / sample_rate_hz), controls, sample_rate_hz, bpm=job.take_bpm)
        fits = len(samples) >= round(exact)  # a take may go on to its natural decay
    if samples.ndim != 2 or samples.shape[1] != 2 or not fits:
        raise RenderError(f"model {engine.name} gave {samples.shape} for {job.key}, need [{round(exact)}, 2]")
    if not np.isfinite(samples).all():
        raise RenderError(f"model {engine.name} gave values that are not finite for {job.key}")
    return samples


def findings_of(samples: np.ndarray, job: Job, sample_rate_hz: int) -> Findings:
    """Measure a rendered job."""
    if job.loops and job.bpm is not None and job.beats is not None:
        return check_loop(samples, sample_rate_hz, float(job.bpm), job.beats)
    return check_take(samples, sample_rate_hz, float(job.frames_exact(sample_rate_hz) / sample_rate_hz))


def first_good(
    job: Job,
    attempts: int,
    keep_best: bool,
    draw: Callable[[int], np.ndarray],
    judge: Callable[[np.ndarray], Candidate],
) -> Outcome:
    """The first of at most `attempts` draws that keeps to the limits; with `keep_best` else the least bad, or none.

    Draws differ in their seed only and are tried in order, so the choice is the same every time.
    """
    tried: list[dict[str, Any]] = []
    best: tuple[float, int] | None = None
    for attempt in range(attempts):
        candidate = judge(draw(attempt))
        over = candidate.over
        broken_by = {name: round(value, 4) for name, value in over.items()}
        tried.append({"seed": job.seed(attempt), "broken": broken_by} | facts_of(candidate.findings))
        if not over:
            return Outcome(candidate, attempt, tried)
        if SILENCE not in over and (best is None or distance(over) < best[0]):
            best = distance(over), attempt
    if not keep_best or best is None:
        return Outcome(None, -1, tried)
    return Outcome(judge(draw(best[1])), best[1], tried)


def facts_of(findings: Findings) -> dict[str, Any]:
    """What was measured, rounded, without what does not apply."""
    pulse = findings.pulse
    values = {
        "tempo_error_pct": findings.tempo_error_pct,
        "downbeat_offset_ms": pulse.downbeat_offset_ms if pulse else None,
        "beat_offset_ms": pulse.beat_offset_ms if pulse else None,
        "seam_score": findings.seam_score,
        "seam_step": findings.seam_step,
        "end_db": findings.end_db,
        "density": findings.density,
        "clipped_frames": findings.clipped_frames or None,
    }
    return {name: round(float(value), 4) for name, value in values.items() if value is not None}
