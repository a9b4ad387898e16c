"""One job from seed to file: render, finish, check, label, write. Runs in the main process or in a worker."""

import hashlib
import json
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pack_builder.check import Findings, check_loop, check_take
from pack_builder.finish import Level, finish
from pack_builder.manifest import Model, Row
from pack_builder.options import FAMILIES, BuildOptions
from pack_builder.plan import Job, file_of
from pack_builder.riff import ENCODINGS, Acid, Cue, Sampler, Tags, write_wave
from pack_builder.source import EngineLike, EngineSource
from pack_builder.texts import LICENCE

ENCODING = "pcm24"
ATTEMPTS = 3


class RenderError(RuntimeError):
    """The engine gave back something that cannot go into a pack."""


@lru_cache(maxsize=1)
def engine_of(source: EngineSource, model: str) -> EngineLike:
    """An engine; the last one is kept, since jobs come ordered by kind and two would cost memory for nothing."""
    return source.load(model)


def describe(source: EngineSource, model: str) -> Model:
    """What a model is; raises ValueError in one line where it cannot be loaded."""
    engine = engine_of(source, model)
    return Model(engine.kind, engine.name, engine.weights_hash)


def sound_of(
    source: EngineSource, engine: EngineLike, job: Job, sample_rate_hz: int, attempt: int
) -> np.ndarray:
    """Raw audio of one attempt, float32 [frames, 2]; raises RenderError for a wrong shape or values."""
    density = None if job.density is None else float(job.density)
    controls = source.controls(seed=job.seed(attempt), style_seed=job.style_seed, density=density)
    exact = job.frames_exact(sample_rate_hz)
    if job.bpm is not None and job.bars is not None:
        samples = engine.loop(job.bpm, job.bars, controls, sample_rate_hz, job.start_beat)
        fits = len(samples) == round(exact)
    else:
        samples = engine.take(float(exact / sample_rate_hz), controls, sample_rate_hz)
        fits = len(samples) >= round(exact)  # a take may go on to its natural decay
    if samples.ndim != 2 or samples.shape[1] != 2 or not fits:
        raise RenderError(f"model {engine.name} gave {samples.shape} for {job.key}, need [{round(exact)}, 2]")
    if not np.isfinite(samples).all():
        raise RenderError(f"model {engine.name} gave values that are not finite for {job.key}")
    return samples


def findings_of(samples: np.ndarray, job: Job, sample_rate_hz: int) -> Findings:
    """Measure a rendered job."""
    if job.bpm is not None and job.beats is not None:
        return check_loop(samples, sample_rate_hz, float(job.bpm), job.beats)
    return check_take(samples, sample_rate_hz, float(job.frames_exact(sample_rate_hz) / sample_rate_hz))


def best_attempt(
    source: EngineSource, engine: EngineLike, job: Job, sample_rate_hz: int
) -> tuple[np.ndarray, Findings, int, int]:
    """(samples, findings, attempt used, attempts made): the first attempt without a fault, else the least bad.

    Attempts differ in their seed only and are tried in order, so the choice is the same every time.
    """
    best: tuple[np.ndarray, Findings, int] | None = None
    for attempt in range(ATTEMPTS):
        samples = sound_of(source, engine, job, sample_rate_hz, attempt)
        findings = findings_of(samples, job, sample_rate_hz)
        if best is None or findings.faults < best[1].faults:
            best = samples, findings, attempt
        if not findings.faults:
            break
    assert best is not None
    if best[1].silent:
        raise RenderError(f"model {engine.name} gave silence for {job.key}, {ATTEMPTS} times")
    return *best, attempt + 1


def tags_of(job: Job, options: BuildOptions, stem: str, frames: int, attempt: int, engine: EngineLike) -> Tags:
    """What a DAW and a person find in the file. A take carries no tempo, since it has none: absent, not wrong."""
    facts = {
        "seed": job.seed(attempt), "style_seed": job.style_seed, "start_beat": job.start_beat,
        "bpm": None if job.bpm is None else str(job.bpm), "model": engine.name, "weights": engine.weights_hash[:12],
    }  # fmt: skip
    info = {"INAM": stem, "IART": options.label}
    if options.source_date:
        info["ICRD"] = options.source_date
    info |= {
        "IGNR": FAMILIES[job.kind].genre, "ICMT": json.dumps(facts), "ISFT": software(),
        "ICOP": f"{options.label}: {LICENCE}",
    }  # fmt: skip
    if job.bpm is None or job.beats is None or job.bars is None:
        return Tags(info)
    # every bar line is rounded by itself, so no error adds up
    starts = (round(Fraction(frames * bar, job.bars)) for bar in range(job.bars))
    cues = tuple(Cue(start, f"bar {bar}") for bar, start in enumerate(starts, 1))
    return Tags(info, Acid(job.beats, float(job.bpm)), Sampler(((0, frames - 1),)), cues)


@cache
def software() -> str:
    """Name and version of this program, as written into the files."""
    from importlib.metadata import version

    return f"musika-daw {version('musika-daw')}"


def render_job(source: EngineSource, model: str, job: Job, options: BuildOptions) -> Row:
    """Make one file of the pack, whole or not at all, and give back its manifest row."""
    engine = engine_of(source, model)
    rate = options.sample_rate_hz
    raw, findings, attempt, attempts = best_attempt(source, engine, job, rate)
    samples, gain_db, level = finish(raw, rate, FAMILIES[job.kind].loudness_lufs, loops=job.shape == "loop")
    file = file_of(job, options, findings.density)
    path = options.out / Path(file)
    data = write_wave(path, samples, rate, tags_of(job, options, path.stem, len(samples), attempt, engine), ENCODING)
    return Row(
        file=file, sha256=hashlib.sha256(data).hexdigest(), sample_rate_hz=rate, bits=ENCODINGS[ENCODING][1],
        channels=2, frames=len(samples), word=job.word, job=job.key, kind=job.kind, shape=job.shape,
        seed=job.seed(attempt), style_seed=job.style_seed, start_beat=job.start_beat, attempts=attempts,
        model=engine.name, weights_sha256=engine.weights_hash, gain_db=round(gain_db, 3), key=None, licence=LICENCE,
        **_musical(job, rate), **_measured(findings, level),
    )  # fmt: skip


def _musical(job: Job, sample_rate_hz: int) -> dict[str, Any]:
    return {
        "frames_exact": str(job.frames_exact(sample_rate_hz)),
        "bpm": None if job.bpm is None else float(job.bpm),
        "bpm_exact": None if job.bpm is None else str(job.bpm),
        "beats": job.beats, "bars": job.bars, "meter": None if job.bpm is None else "4/4",
        "density_asked": None if job.density is None else float(job.density),
    }  # fmt: skip


def _measured(findings: Findings, level: Level) -> dict[str, Any]:
    def short(value: float | None) -> float | None:
        return None if value is None else round(float(value), 4)

    pulse = findings.pulse
    return {
        "density_measured": short(findings.density), "onsets_per_s": short(findings.onsets_per_s),
        "measured_bpm": short(pulse.bpm if pulse else None), "tempo_error_pct": short(findings.tempo_error_pct),
        "downbeat_offset_ms": short(pulse.downbeat_offset_ms if pulse else None),
        "beat_offset_ms": short(pulse.beat_offset_ms if pulse else None),
        "seam_score": short(findings.seam_score), "seam_flux_ratio": short(findings.seam_flux_ratio),
        "end_db": short(findings.end_db), "clipped_frames": findings.clipped_frames,
        "loudness_lufs": short(level.loudness_lufs) if level.loudness_lufs > -200 else None,
        "true_peak_dbtp": short(level.true_peak_dbtp),
    }  # fmt: skip
