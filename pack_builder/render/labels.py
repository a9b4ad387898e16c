"""The fourth step: what a file says of itself, in its chunks and in the manifest."""

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from musika_daw import __version__
from musika_daw.hearing.findings import Findings
from musika_daw.hearing.key import Pitch, tonic_of
from musika_daw.sound.sounds import FORMATS
from musika_daw.sound.tags import ACID_ONE_SHOT, ACID_ROOT_SET, Acid, Cue, Sampler, Tags
from pack_builder.plan.curve import DensityCurve, agreement
from pack_builder.plan.families import FAMILIES
from pack_builder.plan.jobs import Job
from pack_builder.plan.options import Finish, Label
from pack_builder.publish.texts import LICENCE
from pack_builder.record.rows import Model, Row
from pack_builder.render.finish import Level
from pack_builder.render.judge import Candidate, facts_of


@dataclass(frozen=True)
class Seeds:
    """The numbers that a sound was drawn with."""

    seed: int
    style: int


def tags_of(
    job: Job,
    label: Label,
    stem: str,
    frames: int,
    seeds: Seeds,
    model: Model,
    *,
    key: str | None = None,
    pitch: Pitch | None = None,
) -> Tags:
    """What a DAW and a person find in the file. A take carries no tempo, since it has none: absent, not wrong."""
    facts = {
        "seed": seeds.seed,
        "style_seed": seeds.style,
        "start_beat": job.start_beat,
        "bpm": None if job.bpm is None else str(job.bpm),
        "model": model.name,
        "weights": model.weights_sha256[:12],
        "job": job.key,
    }
    if key:
        facts["key"] = key
    info = {"INAM": stem, "IART": label.label}
    if label.source_date:
        info["ICRD"] = label.source_date
    info |= {
        "IGNR": FAMILIES[job.kind].genre,
        "ICMT": json.dumps(facts),
        "ISFT": software(),
        "ICOP": f"{label.label}: {LICENCE}",
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


def software() -> str:
    """Name and version of this program, as written into the files."""
    return f"musika-daw {__version__}"


def row_of(
    job: Job,
    wanted: Finish,
    chosen: Candidate,
    seeds: Seeds,
    model: Model,
    *,
    file: str,
    sha256: str,
    tried: list[dict[str, Any]],
    key: str | None,
    key_fit: float,
) -> Row:
    """The manifest's row of a file."""
    rate, frames, findings = wanted.sample_rate_hz, len(chosen.samples), chosen.findings
    form = FORMATS[wanted.format]
    pitch: Pitch | None = chosen.extra.get("pitch")
    return Row(
        file=file,
        sha256=sha256,
        sample_rate_hz=rate,
        bits=form.bits,
        channels=2,
        frames=frames,
        word=job.word,
        job=job.key,
        kind=job.kind,
        shape=job.shape,
        role=job.role,
        kit=job.kit,
        energy_asked=None if job.energy is None else float(job.energy),
        seed=seeds.seed,
        style_seed=seeds.style,
        start_beat=job.start_beat,
        attempts=len(tried),
        model=model.name,
        weights_sha256=model.weights_sha256,
        gain_db=round(chosen.gain_db, 3),
        finish=wanted.chain(job.kind).name,
        key=key,
        key_fit=round(key_fit, 4),
        root_note=pitch.note if pitch else None,
        root_cents=pitch.cents if pitch else None,
        likeness=chosen.extra.get("likeness"),
        onset_s=chosen.extra.get("onset_s"),
        inside_limits=not chosen.over,
        broken=sorted(chosen.over),
        tried=tried,
        licence=LICENCE,
        density_curve=_curves(job, findings),
        **_musical(job, rate, frames),
        **_measured(findings, chosen.level),
    )


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
