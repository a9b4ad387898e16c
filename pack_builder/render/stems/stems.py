"""The parts of a loop that was chosen: played, finished as it is, and at one level that none of them clips at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from musika_daw.sound.sounds import FORMATS, Format
from pack_builder.plan.families import FAMILIES
from pack_builder.plan.jobs import Job
from pack_builder.plan.options import BuildOptions
from pack_builder.render.draw import RenderError
from pack_builder.render.source import EngineLike
from pack_builder.render.stems.apart import Parts, finished_apart, rest

WORKING_ROUNDING = 1e-6
"""What stems may lack of their loop before they are rounded to a format: -120 dBFS, measured -131 at most."""


@dataclass(frozen=True)
class Stems:
    """Parts [frames, 2] of a loop by role. They add up to it at `gain_db`."""

    parts: Parts
    gain_db: float


def wanted(job: Job, options: BuildOptions) -> bool:
    """Whether the parts of a job's file are to lie beside it."""
    return options.label.stems and job.loops and not FAMILIES[job.kind].takes


def stems_of(engine: EngineLike, job: Job, controls: Any, raw: np.ndarray, *, options: BuildOptions) -> Stems:
    """The parts of the loop that was finished from `raw`; raises RenderError where they do not add up to it."""
    finish = options.finish
    assert job.bpm is not None
    assert job.bars is not None
    played = engine.stems(job.bpm, job.bars, controls, finish.sample_rate_hz, job.start_beat)
    if any(part.shape != raw.shape for part in played.values()):
        raise RenderError(f"model {engine.name} gave parts of another length than their loop for {job.key}")
    rest(raw, played, f"model {engine.name}, {job.key}")
    # the order of a pack: the same in every manifest, and in a DAW that reads folders by name
    parts = {role: played[role] for role in engine.parts if role in played}
    _, parts = finished_apart(finish.chain(job.kind), raw, parts, finish.sample_rate_hz)
    return Stems(*below_full_scale(parts, FORMATS[finish.format]))


def below_full_scale(parts: Parts, form: Format) -> tuple[Parts, float]:
    """Parts turned down together, by a gain in dB, so far that none is clipped by a format of whole numbers.

    A mix below full scale may be made of parts beyond it, where they are of opposite sign. A format of floating-point
    numbers holds them as they are.
    """
    loudest = max((float(np.abs(part).max(initial=0.0)) for part in parts.values()), default=0.0)
    highest = 1 - 2 / (1 << form.bits)
    if form.floating or loudest <= highest:
        return parts, 0.0
    gain_db = math.floor(20 * math.log10(highest / loudest) * 100) / 100  # as the manifest has it
    return {role: part * np.float32(10 ** (gain_db / 20)) for role, part in parts.items()}, gain_db


def tolerance(form: Format, files: int, loudest: float = 1.0) -> float:
    """How far the sum of `files` stems may be from their loop at any sample: half a step of the format for each of them
    and for the loop, and what working in 32 bits rounds, of the largest magnitude in a stem. Full scale is 1."""
    bits = 24 if form.floating else form.bits
    return (files + 1) / (1 << bits) + WORKING_ROUNDING * max(1.0, loudest)
