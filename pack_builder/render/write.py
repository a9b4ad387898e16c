"""The last step: a judged sound becomes the bytes of a labelled file, and the file stands whole in the pack."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from musika_daw.hearing.key import fit_of, key_of
from musika_daw.sound.sounds import FORMATS, encode, read_sound_from
from musika_daw.system.atomic import write_atomic
from pack_builder.plan.jobs import Job, file_of
from pack_builder.plan.options import BuildOptions
from pack_builder.publish.page import card
from pack_builder.record.rows import Gap, Model, Row
from pack_builder.render.judge import Candidate
from pack_builder.render.labels import Seeds, row_of, tags_of


@dataclass(frozen=True)
class Made:
    """What came of one job: a row, the bytes of its file and what the page shows of it, or the gap it left."""

    entry: Row | Gap
    data: bytes | None = None
    card: dict[str, str] | None = None


def written(
    chosen: Candidate,
    job: Job,
    options: BuildOptions,
    seeds: Seeds,
    model: Model,
    *,
    tried: list[dict[str, Any]],
    written_key: str | None,
    heard: bool,
) -> Made:
    """The labelled bytes of a candidate's file with its row and card.

    `written_key` is the key that the music is written in, where it is: only of other music the key is heard. Where the
    file is to be `heard` from the page, its card has sound. Without a page there is no card.
    """
    samples, rate = chosen.samples, options.finish.sample_rate_hz
    key, fit = None, 0.0
    if written_key is not None:
        key, fit = written_key, fit_of(samples, rate, written_key)
    elif job.shape != "shot":
        key, fit = key_of(samples, rate)
    pitch = chosen.shot.pitch if chosen.shot else None
    file = file_of(job, options, chosen.findings.density, pitch.name if pitch else key, not chosen.over)
    form = FORMATS[options.finish.format]
    tags = tags_of(job, options.label, Path(file).stem, len(samples), seeds, model, key=key, pitch=pitch)
    data = encode(samples, rate, tags, form)
    digest = hashlib.sha256(data).hexdigest()
    row = row_of(job, options.finish, chosen, seeds, model, file=file, sha256=digest, tried=tried, key=key, key_fit=fit)
    if options.label.no_page:
        return Made(row, data)
    # of the file's own bytes, so that a card made of the file later is the same
    return Made(row, data, card(row, read_sound_from(io.BytesIO(data), form.suffix)[0], heard))


def write_made(folder: Path, made: Made) -> None:
    """Put a made file into its place in the pack."""
    if isinstance(made.entry, Row) and made.data is not None:
        write_atomic(folder / Path(made.entry.file), made.data)
