"""One job from seed to file: render, finish, check, label, write. Runs in the main process or in a worker."""

import hashlib
import io
import json
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from musika_daw.hearing.check import Findings, clipped_frames, silent
from musika_daw.hearing.key import Pitch, key_of, tonic_of
from musika_daw.hearing.limits import SOUND, broken
from musika_daw.sound.riff import ACID_ONE_SHOT, ACID_ROOT_SET, Acid, Cue, Sampler, Tags
from musika_daw.sound.sounds import FORMATS, encode, read_sound_from
from musika_daw.system.atomic import write_atomic
from pack_builder.plan.curve import DensityCurve, agreement
from pack_builder.plan.families import FAMILIES
from pack_builder.plan.jobs import Job, file_of
from pack_builder.plan.options import BuildOptions
from pack_builder.publish.page import card
from pack_builder.publish.texts import LICENCE
from pack_builder.record.manifest import Gap, Model, Row
from pack_builder.render.attempts import Candidate, Outcome, controls_of, facts_of, findings_of, first_good, raw_sound
from pack_builder.render.effects import through
from pack_builder.render.finish import Level, finish, measure
from pack_builder.render.shots import cut_shot, in_tune
from pack_builder.render.source import EngineLike, EngineSource

SHOT_CEILING_DBTP = -1.0


@dataclass(frozen=True)
class Made:
    """What came of one job: a row, the bytes of its file and what the page shows of it, or the gap it left."""

    entry: Row | Gap
    data: bytes | None = None
    card: dict[str, str] | None = None


@lru_cache(maxsize=1)
def engine_of(source: EngineSource, model: str) -> EngineLike:
    """An engine; the last one is kept, since jobs come ordered by kind and two would cost memory for nothing."""
    return source.load(model)


def describe(source: EngineSource, model: str) -> Model:
    """What a model is; raises ValueError in one line where it cannot be loaded."""
    engine = engine_of(source, model)
    return Model(engine.kind, engine.name, engine.weights_hash)


def outcome_of(source: EngineSource, engine: EngineLike, job: Job, options: BuildOptions) -> Outcome:
    """Draw at a job until something keeps to the limits."""
    rate, chain = options.sample_rate_hz, options.chain(job.kind)
    # what is kept however it is, such as bars that were heard live, has the level that it reaches
    drawn_again = options.attempts > 1 or not options.keep_best
    target = chain.loudness_lufs if chain.clip_db and drawn_again else None

    def draw(attempt: int) -> np.ndarray:
        return raw_sound(source, engine, job, rate, attempt)

    def judge(raw: np.ndarray) -> Candidate:
        sound = through(chain, raw, rate, job.loops)
        sound, gain_db, level = finish(
            sound, rate, chain.loudness_lufs, job.loops, chain.ceiling_dbtp, chain.limiter_db, chain.clip_db
        )
        findings = findings_of(sound, job, rate)
        return Candidate(sound, findings, level, gain_db, broken(findings, level.loudness_lufs, target))

    def judge_shot(raw: np.ndarray) -> Candidate:
        return _shot(through(chain, raw, rate, loops=True), rate, job.role)

    if job.shape == "shot":
        return first_good(job, options.attempts, options.keep_best, draw, judge_shot)
    return first_good(job, options.attempts, options.keep_best, draw, judge)


def _shot(loop: np.ndarray, sample_rate_hz: int, sound: str) -> Candidate:
    shot = None if silent(loop) else cut_shot(loop, sample_rate_hz, sound)
    if shot is None:
        nothing = np.zeros((0, 2), np.float32)
        return Candidate(nothing, Findings(False, 0), Level(-np.inf, -np.inf), 0.0, {SOUND: 1.0})
    tuned, pitch = in_tune(shot.samples, sample_rate_hz, sound)
    samples, gain_db, _ = finish(tuned, sample_rate_hz, 0.0, False, SHOT_CEILING_DBTP)
    level = measure(samples, sample_rate_hz, loops=False)
    findings = Findings(False, clipped_frames(samples))
    extra = {"likeness": shot.likeness, "onset_s": round(shot.onset_s, 5), "pitch": pitch}
    return Candidate(samples, findings, level, gain_db, broken(findings), extra)


def tags_of(
    job: Job,
    options: BuildOptions,
    stem: str,
    frames: int,
    attempt: int,
    engine: EngineLike,
    *,
    key: str | None = None,
    pitch: Pitch | None = None,
) -> Tags:
    """What a DAW and a person find in the file. A take carries no tempo, since it has none: absent, not wrong."""
    facts = {
        "seed": job.seed(attempt),
        "style_seed": job.style(attempt),
        "start_beat": job.start_beat,
        "bpm": None if job.bpm is None else str(job.bpm),
        "model": engine.name,
        "weights": engine.weights_hash[:12],
        "job": job.key,
    }
    if key:
        facts["key"] = key
    info = {"INAM": stem, "IART": options.label}
    if options.source_date:
        info["ICRD"] = options.source_date
    info |= {
        "IGNR": FAMILIES[job.kind].genre,
        "ICMT": json.dumps(facts),
        "ISFT": software(),
        "ICOP": f"{options.label}: {LICENCE}",
    }
    if job.shape == "shot":
        note = pitch.note if pitch else 60
        flags = ACID_ONE_SHOT | (ACID_ROOT_SET if pitch else 0)
        # smpl counts upwards from its note in 2^32 parts of a semitone
        whole, part = divmod(note * 100 + round(pitch.cents if pitch else 0.0), 100)
        sampler = Sampler((), unity_note=whole, fraction=round(part / 100 * (1 << 32))) if pitch else None
        return Tags(info, Acid(0, 0.0, flags, note), sampler)
    if job.bpm is None or job.beats is None or job.bars is None:
        return Tags(info, key=key)
    # every bar line is rounded by itself, so no error adds up
    starts = (round(Fraction(frames * bar, job.bars)) for bar in range(job.bars))
    cues = tuple(Cue(start, f"bar {bar}") for bar, start in enumerate(starts, 1))
    acid = Acid(job.beats, float(job.bpm))
    if key:  # the tonic in the octave of middle C, which hosts move to a song's key by
        acid = replace(acid, flags=acid.flags | ACID_ROOT_SET, root_note=60 + tonic_of(key))
    return Tags(info, acid, Sampler(((0, frames - 1),)), cues, key)


@cache
def software() -> str:
    """Name and version of this program, as written into the files."""
    from importlib.metadata import version

    return f"musika-daw {version('musika-daw')}"


def make(source: EngineSource, model: str, job: Job, options: BuildOptions, heard: bool) -> Made:
    """Render one file of the pack to bytes; a gap where no attempt kept to the limits. Where the file is to be
    `heard` from the page, its card has sound."""
    engine = engine_of(source, model)
    outcome = outcome_of(source, engine, job, options)
    bpm = None if job.bpm is None else float(job.bpm)
    if outcome.chosen is None:
        return Made(Gap(job.key, job.kind, job.shape, job.role, bpm, outcome.tried))
    chosen, rate, attempt = outcome.chosen, options.sample_rate_hz, outcome.attempt
    samples, findings = chosen.samples, chosen.findings
    key, fit = None, 0.0
    if job.shape != "shot":
        key, fit = key_of(samples, rate, engine.key(controls_of(source, job, attempt)))
    pitch: Pitch | None = chosen.extra.get("pitch")
    file = file_of(job, options, findings.density, pitch.name if pitch else key, not chosen.over)
    form = FORMATS[options.format]
    tags = tags_of(job, options, Path(file).stem, len(samples), attempt, engine, key=key, pitch=pitch)
    data = encode(samples, rate, tags, form)
    row = Row(
        file=file,
        sha256=hashlib.sha256(data).hexdigest(),
        sample_rate_hz=rate,
        bits=form.bits,
        channels=2,
        frames=len(samples),
        word=job.word,
        job=job.key,
        kind=job.kind,
        shape=job.shape,
        role=job.role,
        kit=job.kit,
        energy_asked=None if job.energy is None else float(job.energy),
        seed=job.seed(attempt),
        style_seed=job.style(attempt),
        start_beat=job.start_beat,
        attempts=len(outcome.tried),
        model=engine.name,
        weights_sha256=engine.weights_hash,
        gain_db=round(chosen.gain_db, 3),
        finish=options.chain(job.kind).name,
        key=key,
        key_fit=round(fit, 4),
        root_note=pitch.note if pitch else None,
        root_cents=pitch.cents if pitch else None,
        likeness=chosen.extra.get("likeness"),
        onset_s=chosen.extra.get("onset_s"),
        inside_limits=not chosen.over,
        broken=sorted(chosen.over),
        tried=outcome.tried,
        licence=LICENCE,
        density_curve=_curves(job, findings),
        **_musical(job, rate, len(samples)),
        **_measured(findings, chosen.level),
    )
    # of the file's own bytes, so that a card made of the file later is the same
    return Made(row, data, card(row, read_sound_from(io.BytesIO(data), form.suffix)[0], heard))


def render_job(source: EngineSource, model: str, job: Job, options: BuildOptions, heard: bool) -> Made:
    """Make one file of the pack, whole or not at all, and give back what came of it, without the file's bytes."""
    made = make(source, model, job, options, heard)
    write_made(options.out, made)
    return replace(made, data=None)


def write_made(folder: Path, made: Made) -> None:
    """Put a made file into its place in the pack."""
    if isinstance(made.entry, Row) and made.data is not None:
        write_atomic(folder / Path(made.entry.file), made.data)


def _musical(job: Job, sample_rate_hz: int, frames: int) -> dict[str, Any]:
    timed = job.loops and job.bpm is not None
    return {
        "frames_exact": str(frames if job.shape == "shot" else job.frames_exact(sample_rate_hz)),
        "bpm": float(job.bpm) if timed and job.bpm is not None else None,
        "bpm_exact": str(job.bpm) if timed else None,
        "beats": job.beats if timed else None,
        "bars": None if job.shape == "shot" else job.bars,
        "meter": "4/4" if timed else None,
        "density_asked": None if job.density is None else float(job.density),
    }


def _curves(job: Job, findings: Findings) -> dict[str, Any] | None:
    """Asked and measured density over a take, as [[seconds, density]], and how well they agree (Pearson's r)."""
    if job.shape != "take" or findings.curve is None:
        return None
    points = job.curve or (() if job.density is None else ((Fraction(0), job.density),))
    asked = [[float(at), float(value)] for at, value in points]
    curve = DensityCurve(tuple((at, value) for at, value in asked)) if len(asked) > 1 else None
    fit = agreement(curve, findings.curve) if curve else None
    return {"asked": asked or None, "measured": findings.curve, "r": fit}


def _measured(findings: Findings, level: Level) -> dict[str, Any]:
    facts = facts_of(findings)

    def short(value: float | None) -> float | None:
        return None if value is None or not np.isfinite(value) else round(float(value), 4)

    return {
        "density_measured": facts.get("density"),
        "onsets_per_s": short(findings.onsets_per_s),
        "measured_bpm": short(findings.pulse.bpm if findings.pulse else None),
        **{
            name: facts.get(name)
            for name in ("tempo_error_pct", "downbeat_offset_ms", "beat_offset_ms", "seam_score", "seam_step", "end_db")
        },
        "seam_flux_ratio": short(findings.seam_flux_ratio),
        "clipped_frames": findings.clipped_frames,
        "loudness_lufs": short(level.loudness_lufs),
        "true_peak_dbtp": short(level.true_peak_dbtp),
    }
