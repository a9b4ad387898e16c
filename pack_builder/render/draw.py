"""The first step of a file: raw sound from the engine, for one attempt at a job."""

from dataclasses import replace
from typing import Any

import numpy as np

from musika_daw.hearing.embedding import log_mel_statistics
from musika_daw.score.parts import voices_named
from pack_builder.plan.curve import DensityCurve
from pack_builder.plan.jobs import DRAWS, Job
from pack_builder.render.source import EngineLike, EngineSource


class RenderError(RuntimeError):
    """The engine gave back something that cannot go into a pack."""


def controls_of(source: EngineSource, job: Job, attempt: int) -> Any:
    """The engine's controls for one attempt."""
    asked: Any = None if job.density is None else float(job.density)
    if job.curve is not None:
        asked = DensityCurve(tuple((float(at), float(value)) for at, value in job.curve))
    values: dict[str, Any] = {"seed": job.seed(attempt), "style_seed": job.style(attempt), "density": asked}
    if job.energy is not None:
        values["energy"] = float(job.energy)
    if job.written_in is not None:
        values["key"] = job.written_in
    if job.chords is not None:
        values["chords"] = job.chords
    if job.voices is not None:
        values["voices"] = voices_named(job.voices)
    if job.start is not None:
        values["style"] = job.start
    return source.controls(**values)


def raw_sound(source: EngineSource, engine: EngineLike, job: Job, sample_rate_hz: int, *, attempt: int) -> np.ndarray:
    """Raw audio of one attempt, float32 [frames, 2]; raises RenderError for a wrong shape or values."""
    controls = controls_of(source, job, attempt)
    if job.rendered:
        return _checked(engine, job, engine.one_shot(job.role, controls, sample_rate_hz), "[n, 2]")
    exact = job.frames_exact(sample_rate_hz)
    if job.bpm is not None and job.bars is not None:
        samples = engine.loop(job.bpm, job.bars, controls, sample_rate_hz, job.start_beat)
        fits = len(samples) == round(exact)
    else:
        samples = engine.take(float(exact / sample_rate_hz), controls, sample_rate_hz, bpm=job.take_bpm)
        fits = len(samples) >= round(exact)  # a take may go on to its natural decay
    return _checked(engine, job, samples, f"[{round(exact)}, 2]", fits=fits)


def placed(source: EngineSource, engine: EngineLike, job: Job, sample_rate_hz: int) -> np.ndarray:
    """Where each of `DRAWS` draws of a loop lies among sounds: float64 [draws, d], near ones sound alike."""
    draws = (raw_sound(source, engine, replace(job, drawn=draw), sample_rate_hz, attempt=0) for draw in range(DRAWS))
    return np.stack([log_mel_statistics(samples, sample_rate_hz).mean(0) for samples in draws])


def _checked(engine: EngineLike, job: Job, samples: np.ndarray, need: str, *, fits: bool = True) -> np.ndarray:
    if samples.ndim != 2 or samples.shape[1] != 2 or not fits:
        raise RenderError(f"model {engine.name} gave {samples.shape} for {job.key}, need {need}")
    if not np.isfinite(samples).all():
        raise RenderError(f"model {engine.name} gave values that are not finite for {job.key}")
    return samples
