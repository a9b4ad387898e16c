"""Check a pack on disk against its own manifest: hashes, lengths, chunks, levels, sums of stems."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from musika_daw.hearing.check import check_loop, check_take, clipped_frames, seam_step, silent
from musika_daw.hearing.findings import Findings
from musika_daw.hearing.key import Pitch, key_heard
from musika_daw.hearing.limits import broken
from musika_daw.score.harmony import key_in_text
from musika_daw.sound.sounds import SUFFIXES, read_sound
from musika_daw.sound.tag_reader import read_tags
from musika_daw.sound.tags import ACID_ONE_SHOT, Header, Tags
from musika_daw.system.atomic import inside, sha256_of
from pack_builder.notes import loop_notes, midi_differences, take_notes
from pack_builder.plan.chain import Chain
from pack_builder.plan.families import FAMILIES
from pack_builder.record.density import counts_notes
from pack_builder.record.manifest import CHECKSUMS, Row, read_checksums
from pack_builder.record.stream import iter_gaps, iter_rows, read_head
from pack_builder.render.finish import CEILING_DBTP, measure
from pack_builder.render.judge import facts_of
from pack_builder.render.one_shots.hits import faults, pitch_heard
from pack_builder.together import check_part, check_sum

LEVEL_TOLERANCE_DB = 0.1
PITCH_TOLERANCE_CENTS = 50.0
MIDI_SUFFIX = ".mid"
# 24 bits against the float sound that was measured when it was made
_DEEP_TOLERANCES = {
    "tempo_error_pct": (0.02, " %"),
    "beat_offset_ms": (0.5, " ms"),
    "seam_score": (0.05, ""),
    "density": (0.05, ""),
}
_BEFORE_DATA = ("acid", "smpl", "cue ", "LIST/adtl")


@dataclass(frozen=True)
class Difference:
    """One way in which a file is not what the manifest says."""

    file: str
    what: str


@dataclass(frozen=True)
class Report:
    """All differences (none: the pack is good), the files that the manifest does not know, and what to know besides;
    `stems` are not counted among the files."""

    files: int
    differences: tuple[Difference, ...]
    unlisted: tuple[str, ...]
    notes: tuple[Difference, ...] = ()
    stems: int = 0


def verify(folder: Path, deep: bool = False) -> Report:
    """Check a pack folder; raises ValueError where it holds no readable manifest.

    `deep` also measures tempo, beat offset, seam and density again and holds them against the manifest and the
    limits of the quality gate, reads MIDI files, and notes where another key is heard than the music is written in.
    A one-shot that was rendered must be one hit, on its note.
    """
    for _ in iter_gaps(folder):  # a manifest that is damaged anywhere is none, before hours of checks
        pass
    differences: list[Difference] = []
    listed: dict[str, str] = {}
    notes: list[Difference] = []
    ceilings, files, stems = _ceilings(folder), 0, 0
    for row in iter_rows(folder):
        files += 1
        ceiling_dbtp = CEILING_DBTP if row.music.shape == "shot" else ceilings.get(row.music.kind, CEILING_DBTP)
        differences += [Difference(row.file, what) for what in check_row(folder, row, deep, ceiling_dbtp)]
        if row.midi is not None:
            differences += [Difference(row.midi.file, what) for what in midi_differences(folder, row.midi, deep)]
        for stem in row.apart():
            stems += 1
            differences += [Difference(stem.file, what) for what in _stem_differences(folder, row, stem)]
        differences += [Difference(row.file, what) for what in check_sum(folder, row)]
        if deep:
            notes += [Difference(row.file, what) for what in _key_notes(folder, row)]
        listed |= row.sums
    differences += _check_texts(folder, listed)
    found = (path for suffix in (*SUFFIXES, MIDI_SUFFIX) for path in folder.rglob(f"*{suffix}"))
    present = sorted(path.relative_to(folder).as_posix() for path in found)
    unlisted = tuple(name for name in present if name not in listed)
    return Report(files, tuple(differences), unlisted, tuple(notes), stems)


def _ceilings(folder: Path) -> dict[str, float]:
    """The true peak in dBTP that each kind of file may have, by the chain that the pack was finished with."""
    chains = read_head(folder).recipe.get("chains")
    if not isinstance(chains, dict):
        return {}
    return {kind: Chain.from_json(chain).ceiling_dbtp for kind, chain in chains.items()}


def check_row(folder: Path, row: Row, deep: bool = False, ceiling_dbtp: float = CEILING_DBTP) -> Iterator[str]:
    """What differs between one manifest row and its file."""
    try:
        path = inside(folder, row.file)
        if not path.is_file():
            yield "missing"
            return
        digest = sha256_of(path)
        if digest != row.sound.sha256:
            yield f"sha256 {digest[:12]}, manifest says {row.sound.sha256[:12]}"
        samples, header = read_sound(path)
    except (ValueError, OSError) as error:
        yield (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        return
    yield from header.problems
    yield from _format_differences(row, header)
    yield from _chunk_differences(path, row, header)
    if not len(samples):
        yield "holds no samples"
        return
    level = measure(samples, header.sample_rate_hz, loops=row.loops)
    for name, heard, said in (
        ("loudness", level.loudness_lufs, row.quality.loudness_lufs),
        ("true peak", level.true_peak_dbtp, row.quality.true_peak_dbtp),
    ):
        if said is not None and not abs(heard - said) <= LEVEL_TOLERANCE_DB:
            yield f"{name} {heard:.2f} dB, manifest says {said:.2f}"
    if level.true_peak_dbtp > ceiling_dbtp + LEVEL_TOLERANCE_DB:
        yield f"true peak {level.true_peak_dbtp:.2f} dBTP, allowed up to {ceiling_dbtp:g}"
    if deep:
        yield from _deep_differences(folder, row, samples)


def _stem_differences(folder: Path, row: Row, stem: Row) -> Iterator[str]:
    """A stem is held against its row as its loop is, but for the ceiling, which is that of the sum."""
    yield from check_row(folder, stem, ceiling_dbtp=math.inf)
    yield from check_part(folder, row, stem)


def _key_notes(folder: Path, row: Row) -> Iterator[str]:
    """That another key is heard for certain: no fault of the file, which is labelled with what it is written in. One
    chord is heard as many."""
    if row.music.shape == "shot" or row.music.key is None or not (path := folder / row.file).is_file():
        return
    try:
        samples, header = read_sound(path)
    except (ValueError, OSError):
        return
    if (text := key_heard(samples, header.sample_rate_hz, row.music.key)) is not None:
        yield text


def _deep_differences(folder: Path, row: Row, samples: np.ndarray) -> Iterator[str]:
    rate, music = row.sound.sample_rate_hz, row.music
    compared = _DEEP_TOLERANCES
    notes = loop_notes(folder, row) if row.loops else None
    every_beat = music.kind not in FAMILIES or FAMILIES[music.kind].every_beat
    if row.loops and notes is None and (row.midi is not None or not every_beat):
        # nobody knows where its notes are, which it is measured at
        findings, compared = Findings(silent(samples), clipped_frames(samples), seam_step=seam_step(samples)), {}
    elif row.loops and music.bpm is not None and music.beats is not None:
        findings = check_loop(samples, rate, music.bpm, music.beats, notes, every_beat=every_beat)
    elif music.shape == "take":
        notes = take_notes(folder, row) if counts_notes(music.density_curve) else None
        findings = check_take(samples, rate, float(Fraction(row.sound.frames_exact) / rate), notes)
        if counts_notes(music.density_curve) and notes is None:  # nobody knows which notes were counted
            compared = {name: limit for name, limit in compared.items() if name != "density"}
    else:
        findings = Findings(silent(samples), clipped_frames(samples))
    over = set(broken(findings))
    if music.shape == "shot" and music.likeness is None and not findings.silent:
        over |= set(faults(samples, rate))
        yield from _pitch_differences(row, samples)
    for name in sorted(over - set(row.quality.broken)):
        yield f"{name} is outside the limits"
    facts = facts_of(findings)
    if (said_seam := row.quality.seam_score) is not None and findings.seam_cut is not None:
        # packs of before say the plain score of a loop that crashes first
        facts["seam_score"] = min(findings.seam, findings.seam_score, key=lambda seam: abs((seam or 0) - said_seam))
    for name, (tolerance, unit) in compared.items():
        heard, said = facts.get(name), music.density_measured if name == "density" else getattr(row.quality, name)
        if (heard is None) != (said is None):
            yield f"{_word(name)} measured {heard}, manifest says {said}"
        elif heard is not None and said is not None and abs(heard - said) > tolerance:
            yield f"{_word(name)} {heard:.3f}{unit}, manifest says {said:.3f}"


def _pitch_differences(row: Row, samples: np.ndarray) -> Iterator[str]:
    """That a rendered one-shot is not heard on the note that the manifest names, octaves aside."""
    listen, said = pitch_heard(row.music.role), row.music.root_note
    if listen is None or said is None:
        return
    heard = listen(samples, row.sound.sample_rate_hz)
    if heard is not None and abs(heard.from_note(said)) > PITCH_TOLERANCE_CENTS:
        yield f"pitch {heard.name}, manifest says {Pitch(said, 0.0).name}"


def _word(name: str) -> str:
    return name.removesuffix("_pct").removesuffix("_ms").removesuffix("_db").replace("_", " ")


def _format_differences(row: Row, header: Header) -> Iterator[str]:
    for name in ("frames", "sample_rate_hz", "bits", "channels"):
        heard, said = getattr(header, name), getattr(row.sound, name)
        if heard != said:
            yield f"{name.removesuffix('_hz').replace('_', ' ')} {heard}, manifest says {said}"


def _chunk_differences(path: Path, row: Row, header: Header) -> Iterator[str]:
    tags, chunks, music = header.tags, header.chunks, row.music
    if not row.file.endswith(".wav"):
        yield from _tag_differences(row, read_tags(path))
        return
    if "LIST/INFO" not in chunks:
        yield "LIST/INFO chunk is missing"
    if music.shape == "shot":
        if not tags.acid or not tags.acid.flags & ACID_ONE_SHOT:
            yield "acid chunk does not say one-shot"
        return
    if not row.loops:
        if tags.acid:
            yield "acid chunk in a take that has no tempo"
        return
    for name in _BEFORE_DATA:
        if name not in chunks or chunks.index(name) > chunks.index("data"):
            yield f"{name.strip()} chunk is missing before data"
    if tags.acid and (tags.acid.beats != music.beats or abs(tags.acid.tempo_bpm - (music.bpm or 0)) > 1e-4):
        said = "no tempo" if music.bpm is None else f"{music.beats} at {music.bpm:g}"
        yield f"acid says {tags.acid.beats} beats at {tags.acid.tempo_bpm:g}, manifest {said}"
    if tags.sampler and tags.sampler.loops != ((0, row.sound.frames - 1),):
        yield f"smpl loops {list(tags.sampler.loops)}, must be 0..{row.sound.frames - 1}"
    if tags.cues and len(tags.cues) != music.bars:
        yield f"cue holds {len(tags.cues)} markers, manifest says {music.bars} bars"


def _tag_differences(row: Row, tags: Tags) -> Iterator[str]:
    """What the tags of a file that has no chunks say otherwise than its row. AIFF files once had whole tempi only."""
    music, acid = row.music, tags.acid
    if music.shape == "shot":
        if not acid or not acid.flags & ACID_ONE_SHOT:
            yield "tags do not say one-shot"
        return
    if not row.loops or music.bpm is None:
        if acid:
            yield "tags say a tempo in a take that has none"
        return
    nearest = 0.5 if row.file.endswith(".aiff") else 1e-4
    if acid is None or acid.beats != music.beats or abs(acid.tempo_bpm - music.bpm) > nearest:
        said = "no tempo" if acid is None else f"{acid.beats} beats at {acid.tempo_bpm:g}"
        yield f"tags say {said}, manifest {music.beats} at {music.bpm:g}"
    if tags.sampler and tags.sampler.loops != ((0, row.sound.frames - 1),):
        yield f"tags loop {list(tags.sampler.loops)}, must be 0..{row.sound.frames - 1}"
    if tags.key != (music.key and (key_in_text(music.key) or music.key)):  # older packs spell keys otherwise
        yield f"tags say {tags.key}, manifest {music.key}"


def _check_texts(folder: Path, listed: dict[str, str]) -> Iterator[Difference]:
    try:
        sums = read_checksums(folder)
    except (ValueError, OSError) as error:
        yield Difference(CHECKSUMS, str(error))
        return
    for name in sorted(set(sums) | set(listed)):
        if name in listed:
            if sums.get(name) != listed[name]:
                yield Difference(CHECKSUMS, f"does not agree with the manifest on {name}")
        elif not (folder / name).is_file():
            yield Difference(name, "missing")
        elif sha256_of(folder / name) != sums[name]:
            yield Difference(name, "sha256 differs from its checksum")
