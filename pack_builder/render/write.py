"""The last step: a judged sound becomes the bytes of a labelled file, and the file stands whole in the pack."""

import hashlib
import io
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from musika_daw.hearing.key import fit_of, key_of
from musika_daw.sound.sounds import FORMATS, encode, read_sound_from
from musika_daw.system.atomic import write_atomic
from pack_builder.plan.jobs import Job, file_of
from pack_builder.plan.options import BuildOptions
from pack_builder.publish.page import card
from pack_builder.record.beside import FileMidi
from pack_builder.record.density import density_filed
from pack_builder.record.rows import Gap, Model, Row
from pack_builder.render.judge import Candidate
from pack_builder.render.labels import Seeds, curves_of, row_of, tags_of
from pack_builder.render.midi import Written, midi_of
from pack_builder.render.stems.files import stem_files
from pack_builder.render.stems.stems import Stems


@dataclass(frozen=True)
class Made:
    """What came of one job: a row, the bytes of its file, of the MIDI file and the stems beside it and what the page
    shows of it, or the gap it left."""

    entry: Row | Gap
    data: bytes | None = None
    midi: bytes | None = None
    card: dict[str, str] | None = None
    stems: tuple[bytes, ...] = ()


def labelled(
    chosen: Candidate,
    job: Job,
    options: BuildOptions,
    seeds: Seeds,
    model: Model,
    *,
    tried: list[dict[str, Any]],
    written: Written,
    heard: bool,
    stems: Stems | None = None,
) -> Made:
    """The labelled bytes of a candidate's file with its row and card.

    The key is the one that the music is `written` in: only of other music it is heard. Where the file is to be `heard`
    from the page, its card has sound. Without a page there is no card.
    """
    samples, rate = chosen.samples, options.finish.sample_rate_hz
    key, fit = None, 0.0
    if written.key is not None:
        key, fit = written.key, fit_of(samples, rate, written.key)
    elif job.shape != "shot":
        key, fit = key_of(samples, rate)
    shot = chosen.shot
    pitch = shot.pitch if shot else None
    # a chord is named after the key whose tonic it is
    note = pitch.name if shot and pitch and not shot.chord else key
    curves = curves_of(job, chosen.findings)
    density = density_filed(curves, chosen.findings.density)
    file = file_of(job, options, density, note, not chosen.over)
    form = FORMATS[options.finish.format]
    tags = tags_of(job, options.label, Path(file).stem, len(samples), seeds, model, key=key, pitch=pitch)
    data = encode(samples, rate, tags, form)
    digest = hashlib.sha256(data).hexdigest()
    row = row_of(
        job,
        options.finish,
        chosen,
        seeds,
        model,
        file=file,
        sha256=digest,
        tried=tried,
        key=key,
        key_fit=fit,
        curves=curves,
    )
    midi = None
    if written.notes is not None:
        beside = Path(file).with_suffix(".mid")
        midi, music = midi_of(written.notes, job, Fraction(len(samples), rate), key, beside.stem)
        sha256 = hashlib.sha256(midi).hexdigest()
        row = replace(row, midi=FileMidi(beside.as_posix(), sha256, len(music.notes), music.ticks, music.bpm))
    row = replace(row, chords=written.chords)
    parts: tuple[bytes, ...] = ()
    if stems is not None:
        said, parts = stem_files(stems, file, tags, options)
        row = replace(row, stems=said)
    if options.label.no_page:
        return Made(row, data, midi, stems=parts)
    # of the file's own bytes, so that a card made of the file later is the same
    return Made(row, data, midi, card(row, read_sound_from(io.BytesIO(data), form.suffix)[0], heard), parts)


def write_made(folder: Path, made: Made) -> None:
    """Put a made file into its place in the pack, after what lies beside it."""
    row = made.entry
    if not isinstance(row, Row):
        return
    for stem, data in zip(row.stems.files if row.stems else (), made.stems):
        write_atomic(folder / Path(stem.file), data)
    if row.midi is not None and made.midi is not None:
        write_atomic(folder / Path(row.midi.file), made.midi)
    if made.data is not None:
        write_atomic(folder / Path(row.file), made.data)
