"""What was heard live, kept as a loop of a pack: its level, checks, chunks and name are the pack builder's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from musika_daw.hearing.limits import SILENCE
from musika_daw.host.capture import BEATS_PER_BAR, Take, heard_loop
from musika_daw.host.play.render import Renderer
from musika_daw.instrument.played import Bars, Stretch
from musika_daw.score.chords import chord_name
from musika_daw.score.controls import Controls
from musika_daw.score.following.changes import change_at, changes_named
from musika_daw.score.harmony import Chord
from musika_daw.score.roll import Notes
from musika_daw.score.tempo import TempoMap
from musika_daw.system.folders import alone_in
from pack_builder.plan.families import FAMILIES
from pack_builder.plan.jobs import Job
from pack_builder.plan.names import word_names
from pack_builder.plan.options import SAMPLE_RATES_HZ, BuildOptions
from pack_builder.plan.recipe import recipe_of
from pack_builder.publish.closing import close
from pack_builder.record.beside import FileChord
from pack_builder.record.manifest import MANIFEST, Head, read_manifest
from pack_builder.record.rows import Model, Row
from pack_builder.render.judge import attempt_of, judge
from pack_builder.render.labels import Seeds, software
from pack_builder.render.midi import Written
from pack_builder.render.write import labelled, write_made
from pack_builder.run.build import now


@runtime_checkable
class Scored(Protocol):
    """A renderer that can say what its music is written in."""

    def key(self, controls: Any) -> str | None:
        """Key of what it plays; None where it plays no score."""

    def chord(self, beat: float, controls: Any) -> Chord | None:
        """Chord that is played at a beat of the timeline; None where it plays no score."""

    def played(self, stretch: Stretch, controls: Any) -> Notes | None:
        """Notes of a stretch in seconds from its start; None where it plays no score."""


def keep(renderer: Renderer, take: Take, folder: Path, label: str = "MSK", name: str = "Live") -> Path:
    """Write a take as a loop into a pack folder, with its manifest and, of a model with a score, a MIDI file; returns
    the loop.

    The level, the checks, the chunks and the file name are the pack builder's, so `musika-pack verify` and
    `inspect` know the folder. Raises ValueError for a folder that holds another pack, OSError for a full disk.
    """
    with alone_in(folder):  # two hosts that know not of each other would take the same names
        return _keep(renderer, take, folder, label, name)


def _keep(renderer: Renderer, take: Take, folder: Path, label: str, name: str) -> Path:
    rate = take.piece.sample_rate_hz if take.piece.sample_rate_hz in SAMPLE_RATES_HZ else 44_100
    kind = renderer.kind if renderer.kind in FAMILIES else "techno"
    # what was heard is kept as it is: another attempt would be the same sound
    options = BuildOptions.parse(
        kinds=(kind,),
        bars=str(take.bars),
        loops_per_bpm="1",
        sample_rate=str(rate),
        label=label,
        name=name,
        out=str(folder),
        attempts="1",
        keep_best=True,
    )
    options = options.changed(bpm=(take.piece.bpm,))
    earlier: tuple[Row, ...] = ()
    created = now()
    precisions: dict[str, str] = {}
    if (folder / MANIFEST).exists():
        before = read_manifest(folder)
        if before.recipe.get("live") is not True:
            raise ValueError(f"keep: {folder} holds a pack that was not kept live; name another folder")
        # what the user has deleted or renamed since is no longer this pack's
        earlier = tuple(row for row in before.rows if (folder / row.file).is_file())
        created = before.created
        precisions = {known.weights_sha256: known.precision for known in before.models}
    job = _job(take, kind, len(earlier), {row.source.word for row in earlier})
    written = _written(renderer, take)
    candidate = judge(heard_loop(renderer, take, rate), job, options.finish, written.notes)
    if SILENCE in candidate.over:
        raise ValueError(f"keep: {take.bars} bars from beat {take.start_beat} are silent, must be heard")
    precisions[renderer.weights_hash] = getattr(renderer, "precision", "32")
    model = Model(renderer.kind, renderer.name, renderer.weights_hash, precisions[renderer.weights_hash])
    seeds = Seeds(job.pack_seed, job.style_seed)
    tried = [attempt_of(seeds.seed, candidate)]
    made = labelled(candidate, job, options, seeds, model, tried=tried, written=written, heard=True)
    write_made(folder, made)
    entry = made.entry
    assert isinstance(entry, Row)
    rows = (*earlier, entry)
    sources = dict.fromkeys((row.music.kind, row.source.model, row.source.weights_sha256) for row in rows)
    models = tuple(Model(*known, precisions.get(known[2], "32")) for known in sources)
    head = Head(label, name, created, software(), {**recipe_of(options), "live": True}, models)
    close(options, head, lambda: rows, tuple, lambda _: None)
    return folder / entry.file


def _written(renderer: Renderer, take: Take) -> Written:
    """Key, notes and chords of the bars as they were heard. Of music without a score no key is known: it may have gone
    from one to another."""
    if not isinstance(renderer, Scored):
        return Written()
    piece, beats = take.piece, take.bars * BEATS_PER_BAR
    # a chord that was asked for a later bar has no say in the key of these
    changes = tuple(change for change in piece.controls.changes if change[0] < take.start_beat + beats)
    controls = replace(piece.controls, changes=changes)
    played = renderer.played(Bars(take.start_beat, beats, TempoMap.constant(piece.bpm)), controls)
    return Written(renderer.key(controls), played, _chords(renderer, take, controls))


def _chords(renderer: Scored, take: Take, controls: Controls) -> tuple[FileChord, ...] | None:
    """The chords of the bars, each where it begins; None where all of it is the music's own harmony."""
    start, end = take.start_beat, take.start_beat + take.bars * BEATS_PER_BAR
    changes = [change for change in changes_named(controls.changes) if start < change.beat < end]
    before = change_at(changes_named(controls.changes), start)
    given = [change.chord for change in ([before] if before is not None else []) + changes]
    if controls.chords is None and not any(given):
        return None
    found: list[FileChord] = []
    for beat in sorted({*range(start, end), *(change.beat for change in changes)}):
        chord = renderer.chord(beat, controls)
        if chord is None:
            return None
        if not found or found[-1].chord != chord_name(chord):
            found.append(FileChord(float(beat - start), chord_name(chord)))
    return tuple(found)


def _job(take: Take, kind: str, number: int, words: set[str]) -> Job:
    """The pack builder's job whose sound is the take; its seeds are those that were played."""
    controls = take.piece.controls
    seed = controls.seed
    word = next(word for word in word_names(seed & 0xFFFFFFFF) if word not in words)

    style = seed if controls.style_seed is None else controls.style_seed
    return Job(
        f"{kind}/live/{float(take.piece.bpm):g}/{number}",
        kind,
        "loop",
        word,
        seed,
        style,
        bpm=take.piece.bpm,
        bars=take.bars,
        start_beat=take.start_beat,
    )
