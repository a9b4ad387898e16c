"""The fourth step: what a file says of itself, in its chunks and in the manifest."""

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from musika_daw import __version__
from musika_daw.hearing.findings import Findings
from musika_daw.hearing.key import Pitch
from musika_daw.score.techno.catalogue import start_named
from musika_daw.sound.sounds import FORMATS
from musika_daw.sound.tags import ACID_ONE_SHOT, ACID_ROOT_SET, Acid, Sampler, Tags, tags_of_bars
from pack_builder.plan.curve import DensityCurve, agreement
from pack_builder.plan.families import CHORDS, FAMILIES
from pack_builder.plan.jobs import Job
from pack_builder.plan.options import Finish, Label
from pack_builder.publish.texts import LICENCE
from pack_builder.record.density import HEARD, NOTES
from pack_builder.record.rows import FileMusic, FileQuality, FileSound, FileSource, Model, Row
from pack_builder.render.judge import Candidate


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
    if job.start:
        facts["style"] = job.start
    if key:
        facts["key"] = key
    info = {"INAM": stem, "IART": label.label}
    if label.source_date:
        info["ICRD"] = label.source_date
    info |= {
        "IGNR": start_named(job.start).genre if job.start else FAMILIES[job.kind].genre,
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
        return Tags(info, Acid(0, 0.0, flags, note), sampler, key=key if job.role in CHORDS else None)
    if job.bpm is None or job.bars is None:
        return Tags(info, key=key)
    return tags_of_bars(info, job.bpm, job.bars, frames, key)


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
    curves: dict[str, Any] | None,
) -> Row:
    """The manifest's row of a file; `curves` are those of `curves_of`."""
    rate, frames = wanted.sample_rate_hz, len(chosen.samples)
    exact = frames if job.shape == "shot" else job.frames_exact(rate)
    return Row(
        file=file,
        sound=FileSound(sha256, rate, FORMATS[wanted.format].bits, chosen.samples.shape[1], frames, str(exact)),
        music=_music(job, chosen, key, key_fit, curves),
        source=FileSource(
            job=job.key,
            word=job.word,
            seed=seeds.seed,
            style_seed=seeds.style,
            start_beat=job.start_beat,
            model=model.name,
            weights_sha256=model.weights_sha256,
            finish=wanted.chain(job.kind).name,
        ),
        quality=_quality(chosen, tried),
        licence=LICENCE,
        style=job.start,
    )


def _music(job: Job, chosen: Candidate, key: str | None, key_fit: float, curves: dict[str, Any] | None) -> FileMusic:
    bpm = job.bpm if job.loops else None
    cut, findings = chosen.shot, chosen.findings
    pitch = cut.pitch if cut else None
    return FileMusic(
        bpm=None if bpm is None else float(bpm),
        bpm_exact=None if bpm is None else str(bpm),
        beats=None if bpm is None else job.beats,
        bars=None if job.shape == "shot" else job.bars,
        meter=None if bpm is None else "4/4",
        kind=job.kind,
        shape=job.shape,
        role=job.role,
        kit=job.kit,
        key=key,
        key_fit=round(key_fit, 4),
        root_note=pitch.note if pitch else None,
        root_cents=pitch.cents if pitch else None,
        likeness=cut.likeness if cut else None,
        onset_s=cut.onset_s if cut else None,
        density_asked=None if job.density is None else float(job.density),
        density_measured=_short(findings.density),
        onsets_per_s=_short(findings.onsets_per_s),
        density_curve=curves,
        energy_asked=None if job.energy is None else float(job.energy),
    )


def _quality(chosen: Candidate, tried: list[dict[str, Any]]) -> FileQuality:
    findings, pulse = chosen.findings, chosen.findings.pulse
    return FileQuality(
        measured_bpm=_short(pulse.bpm if pulse else None),
        tempo_error_pct=_short(findings.tempo_error_pct),
        downbeat_offset_ms=_short(pulse.downbeat_offset_ms if pulse else None),
        beat_offset_ms=_short(pulse.beat_offset_ms if pulse else None),
        seam_score=_short(findings.seam),
        seam_flux_ratio=_short(findings.seam_flux_ratio),
        seam_step=_short(findings.seam_step),
        end_db=_short(findings.end_db),
        loudness_lufs=_short(chosen.level.loudness_lufs),
        true_peak_dbtp=_short(chosen.level.true_peak_dbtp),
        gain_db=round(chosen.gain_db, 3),
        clipped_frames=findings.clipped_frames,
        inside_limits=not chosen.over,
        broken=sorted(chosen.over),
        attempts=len(tried),
        tried=tried,
    )


def _short(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)


def curves_of(job: Job, findings: Findings) -> dict[str, Any] | None:
    """Asked and measured density over a take, as [[seconds, density]], how well they agree (Pearson's r), and what was
    counted: the `notes` that were told, or all that is heard."""
    if job.shape != "take" or findings.curve is None:
        return None
    points = job.curve or (() if job.density is None else ((Fraction(0), job.density),))
    asked = [[float(at), float(value)] for at, value in points]
    curve = DensityCurve(tuple((at, value) for at, value in asked)) if len(asked) > 1 else None
    fit = agreement(curve, findings.curve) if curve else None
    counted = NOTES if findings.told else HEARD
    return {"asked": asked or None, "measured": findings.curve, "r": fit, "counted": counted}
