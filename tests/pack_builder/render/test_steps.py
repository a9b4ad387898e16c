"""The steps of a render, each used alone, with no engine in sight."""

import json
from pathlib import Path

from musika_daw.score.midi_file import decode_midi
from musika_daw.score.roll import ROLES, sorted_notes
from musika_daw.sound.riff_reader import read_header
from pack_builder.plan.jobs import plan
from pack_builder.plan.options import BuildOptions
from pack_builder.record.rows import Model, Row
from pack_builder.render.attempts import first_good
from pack_builder.render.judge import attempt_of, judge
from pack_builder.render.labels import Seeds, tags_of
from pack_builder.render.midi import Written
from pack_builder.render.write import labelled, write_made
from tests.pack_builder.pack_stand_in import techno

MODEL = Model("techno", "somebody's", "ab" * 32)


def options_in(folder: Path) -> BuildOptions:
    return BuildOptions.parse(kinds=("techno",), bpm="128.5", loops_per_bpm="1", bars="2", out=str(folder), label="ME")


def test_a_sound_from_anywhere_becomes_a_labelled_file(tmp_path: Path) -> None:
    options = options_in(tmp_path)
    [job] = plan(options)
    candidate = judge(techno(128.5, 2), job, options.finish)
    assert candidate.over == {}
    tried = [attempt_of(41, candidate)]
    made = labelled(candidate, job, options, Seeds(41, 42), MODEL, tried=tried, written=Written(), heard=False)
    write_made(tmp_path, made)
    assert isinstance(made.entry, Row)
    tags = read_header(tmp_path / made.entry.file).tags
    assert tags.acid is not None
    assert (tags.acid.beats, tags.acid.tempo_bpm) == (8, 128.5)
    facts = json.loads(tags.info["ICMT"])
    assert (facts["seed"], facts["style_seed"], facts["bpm"], facts["model"]) == (41, 42, "257/2", "somebody's")
    assert (made.entry.source.seed, made.entry.quality.attempts, made.entry.quality.inside_limits) == (41, 1, True)


def test_a_sound_whose_notes_are_known_has_them_beside_it(tmp_path: Path) -> None:
    options = options_in(tmp_path)
    [job] = plan(options)
    candidate = judge(techno(128.5, 2), job, options.finish)
    written = Written("Bbmin", sorted_notes([(0.0, 0.0, 36, 1.0, ROLES.index("drums"))]))
    made = labelled(candidate, job, options, Seeds(1, 2), MODEL, tried=[], written=written, heard=False)
    write_made(tmp_path, made)
    assert isinstance(made.entry, Row)
    assert made.entry.midi is not None
    music = decode_midi((tmp_path / made.entry.midi.file).read_bytes())
    assert (music.beats, music.key, music.roles) == (8, "Bbmin", ("drums",))
    assert (made.entry.music.key, made.entry.midi.notes) == ("Bbmin", 1)
    assert made.entry.file.endswith("_Bbmin.wav")


def test_a_sound_at_a_wrong_tempo_is_judged_and_the_next_is_tried(tmp_path: Path) -> None:
    options = options_in(tmp_path)
    [job] = plan(options)
    sounds = [techno(128.5, 2, speed=1.02), techno(128.5, 2)]
    outcome = first_good(
        job, 2, False, lambda attempt: sounds[attempt], judge=lambda raw, _: judge(raw, job, options.finish)
    )
    assert outcome.attempt == 1
    assert [sorted(tried["broken"]) != [] for tried in outcome.tried] == [True, False]
    assert outcome.tried[0]["seed"] == job.seed(0) != outcome.tried[1]["seed"]


def test_labels_need_a_label_and_no_pack(tmp_path: Path) -> None:
    options = options_in(tmp_path)
    [job] = plan(options)
    tags = tags_of(job, options.label, "stem", 1000, Seeds(1, 2), MODEL, key="Amin")
    assert (tags.info["INAM"], tags.info["IART"]) == ("stem", "ME")
    assert tags.acid is not None
    assert tags.acid.root_note == 69
    assert [cue.frame for cue in tags.cues] == [0, 500]
