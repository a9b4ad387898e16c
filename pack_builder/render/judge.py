"""The second step: raw sound is finished and measured; what comes of it is a candidate for the file."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from musika_daw.hearing.check import check_loop, check_take, clipped_frames, silent
from musika_daw.hearing.findings import Findings
from musika_daw.hearing.key import Pitch
from musika_daw.hearing.limits import SOUND, broken
from musika_daw.score.roll import Notes
from musika_daw.sound.sounds import FORMATS, Format
from pack_builder.plan.families import FAMILIES
from pack_builder.plan.jobs import Job
from pack_builder.plan.options import Finish
from pack_builder.render.coded import coded
from pack_builder.render.effects import through
from pack_builder.render.finish import Level, finish, measure
from pack_builder.render.one_shots.cut import cut_shot, in_tune

SHOT_CEILING_DBTP = -1.0


@dataclass(frozen=True)
class Cut:
    """What is known of a one-shot: how like its sound it is and where it began in the loop that it was cut from, None
    where it was rendered; its pitch, where it has one, and whether that is the root of a chord."""

    likeness: float | None
    onset_s: float | None
    pitch: Pitch | None
    chord: bool = False


@dataclass(frozen=True)
class Candidate:
    """One attempt at a file: finished samples, what was measured on them, and which limits they are beyond.

    A one-shot also tells what is known of it.
    """

    samples: np.ndarray
    findings: Findings
    level: Level
    gain_db: float
    over: dict[str, float]
    shot: Cut | None = None


def judge(raw: np.ndarray, job: Job, wanted: Finish, notes: Notes | None = None) -> Candidate:
    """Raw sound [frames, 2] of a job through its chain, measured. A one-shot is cut from it, in tune; a loop and a take
    are held against their `notes`, in seconds, where they have any."""
    rate, chain = wanted.sample_rate_hz, wanted.chain(job.kind)
    if job.shape == "shot":
        return _shot(through(chain, raw, rate, loops=True), rate, job.role, FORMATS[wanted.format])
    sound = through(chain, raw, rate, job.loops)
    sound, gain_db, level = finish(
        sound, rate, chain.loudness_lufs, job.loops, chain.ceiling_dbtp, chain.limiter_db, chain.clip_db
    )
    made = coded(sound, rate, FORMATS[wanted.format], job.loops, chain.ceiling_dbtp, level)
    sound, level, gain_db = made.samples, made.level, gain_db - made.down_db
    findings = findings_of(made.heard, job, rate, notes)
    # what is kept however it is, such as bars that were heard live, has the level that it reaches
    drawn_again = wanted.attempts > 1 or not wanted.keep_best
    target = chain.loudness_lufs if chain.clip_db and drawn_again else None
    return Candidate(sound, findings, level, gain_db, broken(findings, level.loudness_lufs, target))


def _shot(loop: np.ndarray, sample_rate_hz: int, sound: str, form: Format) -> Candidate:
    shot = None if silent(loop) else cut_shot(loop, sample_rate_hz, sound)
    if shot is None:
        nothing = np.zeros((0, 2), np.float32)
        return Candidate(nothing, Findings(False, 0), Level(-np.inf, -np.inf), 0.0, {SOUND: 1.0})
    tuned, pitch = in_tune(shot.samples, sample_rate_hz, sound)
    samples, gain_db, _ = finish(tuned, sample_rate_hz, 0.0, False, SHOT_CEILING_DBTP)
    level = measure(samples, sample_rate_hz, loops=False)
    made = coded(samples, sample_rate_hz, form, False, SHOT_CEILING_DBTP, level)
    samples, level, gain_db = made.samples, made.level, gain_db - made.down_db
    findings = Findings(False, clipped_frames(made.heard))
    cut = Cut(shot.likeness, round(shot.onset_s, 5), pitch)
    return Candidate(samples, findings, level, gain_db, broken(findings), cut)


def findings_of(samples: np.ndarray, job: Job, sample_rate_hz: int, notes: Notes | None = None) -> Findings:
    """Measure a rendered job."""
    if job.loops and job.bpm is not None and job.beats is not None:
        bpm = float(job.bpm)
        played = None if notes is None else notes.scaled(bpm / 60)
        every_beat = FAMILIES[job.kind].every_beat
        return check_loop(samples, sample_rate_hz, bpm, job.beats, played, every_beat=every_beat)
    return check_take(samples, sample_rate_hz, float(job.frames_exact(sample_rate_hz) / sample_rate_hz), notes)


def facts_of(findings: Findings) -> dict[str, Any]:
    """What was measured, rounded, without what does not apply."""
    pulse = findings.pulse
    values = {
        "tempo_error_pct": findings.tempo_error_pct,
        "downbeat_offset_ms": pulse.downbeat_offset_ms if pulse else None,
        "beat_offset_ms": pulse.beat_offset_ms if pulse else None,
        "seam_score": findings.seam,
        "seam_step": findings.seam_step,
        "end_db": findings.end_db,
        "density": findings.density,
        "clipped_frames": findings.clipped_frames or None,
    }
    return {name: round(float(value), 4) for name, value in values.items() if value is not None}


def attempt_of(seed: int, candidate: Candidate) -> dict[str, Any]:
    """What the manifest keeps of one attempt: its seed, what it broke, what was measured."""
    over = {name: round(value, 4) for name, value in candidate.over.items()}
    return {"seed": seed, "broken": over} | facts_of(candidate.findings)
