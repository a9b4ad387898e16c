"""One-shots of a pack whose model plays a score: sixty of them, each one hit of what its folder says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika_daw.hearing.key import Pitch
from musika_daw.hearing.limits import MONO, ONSETS, PEAK, SILENCE, SOUND
from musika_daw.hearing.onsets import note_onsets_s
from musika_daw.score.controls import Controls
from musika_daw.score.parts import ONE_SHOTS, PLAYED
from musika_daw.score.techno.shot import shot_score
from musika_daw.sound.riff_reader import read_header
from musika_daw.sound.sounds import read_any_header
from musika_daw.sound.tags import ACID_ONE_SHOT, ACID_ROOT_SET
from pack_builder.again import options_again
from pack_builder.inspect import lines_of
from pack_builder.plan.jobs import Job, plan
from pack_builder.plan.options import BuildOptions
from pack_builder.plan.recipe import options_from, recipe_of
from pack_builder.record.manifest import read_manifest
from pack_builder.record.rows import Row
from pack_builder.render.one_shots.hits import faults, judge_hit, tuned_to
from pack_builder.run.build import build
from pack_builder.verify import check_row, verify
from tests.pack_builder.pack_helpers import SMALL, Silent, audio_bytes
from tests.pack_builder.pack_stand_in import SOURCE, struck

RATE_HZ = 44_100
OF_EACH = 4
ASKED = SMALL | {
    "kinds": ("techno",),
    "models": ("parts",),
    "loops_per_bpm": "0",
    "one_shots": str(OF_EACH),
    "no_page": True,
    "finish": "clean",
}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shots") / "pack"
    build(BuildOptions.parse(**ASKED | {"out": str(folder)}), Silent())
    return folder


@pytest.fixture(scope="module")
def rows(pack: Path) -> tuple[Row, ...]:
    return read_manifest(pack).rows


def test_all_sounds_are_made_and_lie_in_the_folder_that_their_score_says(pack: Path, rows: tuple[Row, ...]) -> None:
    assert not read_manifest(pack).gaps
    assert Counter(row.music.role for row in rows) == dict.fromkeys(ONE_SHOTS, OF_EACH)
    for row in rows:
        assert row.file.startswith(f"One_Shots/Techno/{row.music.role.title()}/MSK_First_techno_{row.music.role}_")
        assert (row.music.shape, row.music.likeness, row.music.onset_s) == ("shot", None, None)
    assert len({row.sound.sha256 for row in rows}) == len(rows)


def test_each_is_one_hit_from_its_attack_to_its_end(pack: Path, rows: tuple[Row, ...]) -> None:
    for row in rows:
        sound, _ = soundfile.read(pack / row.file, dtype="float32")
        loud = np.abs(sound).max(axis=1)
        assert loud.argmax() < 2 / 3 * len(loud), row.file
        assert len(note_onsets_s(sound, RATE_HZ)) <= 1, row.file
        attack = loud[:2205]
        assert np.argmax(attack > 0.1 * attack.max()) <= 0.002 * RATE_HZ, row.file
        assert loud[-1] < 1e-4, row.file
        assert loud[-round(0.002 * RATE_HZ) :].max() < 0.01 * loud.max(), row.file
        assert row.quality.true_peak_dbtp == pytest.approx(-1, abs=0.05)
        assert faults(sound, RATE_HZ) == {}, row.file


def test_tones_are_on_the_note_of_their_score_and_kicks_on_one_that_is_heard(pack: Path, rows: tuple[Row, ...]) -> None:
    for row in rows:
        music, stem = row.music, Path(row.file).stem
        tags = read_header(pack / row.file).tags
        assert tags.acid is not None
        assert tags.acid.flags & ACID_ONE_SHOT
        assert bool(tags.acid.flags & ACID_ROOT_SET) == (music.root_note is not None)
        if music.role in PLAYED:
            score = shot_score(music.role, Controls(seed=row.source.seed, style_seed=row.source.style_seed))
            assert music.root_note == score.root
            assert music.root_note is not None
            assert music.key is not None
            named = music.key if music.role in ("stab", "pad") else Pitch(music.root_note, 0).name
            assert stem.endswith(f"_{named}")
        else:
            assert music.key is None
            assert music.root_note is None or music.role == "kick"
        if music.role == "kick" and music.root_note is not None:
            assert stem.endswith(f"_{Pitch(music.root_note, 0).name}")
            assert music.root_cents is not None
            assert abs(music.root_cents) <= 10


def test_the_pack_verifies_deep_and_is_inspected_without_a_doubt(pack: Path, rows: tuple[Row, ...]) -> None:
    report = verify(pack, deep=True)
    assert (report.differences, report.unlisted, report.notes) == ((), (), ())
    for row in rows:
        assert "note" not in dict(lines_of(pack / row.file)), row.file


def test_a_one_shot_that_is_not_what_the_manifest_says_is_found(pack: Path, rows: tuple[Row, ...]) -> None:
    row = next(row for row in rows if row.music.role == "bass")
    moved = replace(row, music=replace(row.music, root_note=(row.music.root_note or 0) + 1))
    assert [text[:6] for text in check_row(pack, moved, deep=True)] == ["pitch "]


def test_a_part_of_it_is_the_same_again_on_two_workers(pack: Path, tmp_path: Path) -> None:
    place = BuildOptions.parse(**ASKED | {"out": str(tmp_path / "again"), "jobs": "2"}).place
    some = ("techno/shot/kick/1", "techno/shot/stab/0", "techno/shot/perc/2")
    options, _ = options_again(str(pack), some, place)
    build(options, Silent())
    again = audio_bytes(tmp_path / "again")
    assert len(again) == 3
    assert again.items() <= audio_bytes(pack).items()


def test_the_one_shots_of_a_kit_are_rendered_in_its_style_at_any_rate_and_in_any_format(tmp_path: Path) -> None:
    asked = ASKED | {"one_shots": "0", "kits": "1", "asked_key": "Gm", "sample_rate": "48000", "format": "flac"}
    options = BuildOptions.parse(**asked | {"out": str(tmp_path / "kit")})
    build(options.changed(only=tuple(f"techno/kit/0/{sound}" for sound in ("hat", "stab", "lead"))), Silent())
    found = {row.music.role: row for row in read_manifest(tmp_path / "kit").rows}
    assert found.keys() == {"hat", "stab", "lead"}
    assert len({row.source.style_seed for row in found.values()}) == 1
    assert len({row.music.kit for row in found.values()}) == 1
    stab = read_any_header(tmp_path / "kit" / found["stab"].file)
    assert (stab.sample_rate_hz, stab.tags.key) == (48_000, "Gmin")
    assert found["stab"].file.endswith("_Gmin.flac")
    assert found["lead"].file.rpartition("_")[2][0] == "G"
    assert verify(tmp_path / "kit", deep=True).differences == ()


def test_a_pack_in_one_key_has_its_tones_in_that_key() -> None:
    options = BuildOptions.parse(**ASKED | {"asked_key": "Ebm", "kits": "1"}).changed(scored=("techno",))
    tones = [job for job in plan(options) if job.role in PLAYED]
    assert len(tones) == (OF_EACH + 1) * len(PLAYED)
    for job in tones:
        assert job.rendered
        score = shot_score(job.role, Controls(seed=job.seed(), style_seed=job.style(), key=job.written_in))
        assert score.root is not None
        assert score.root % 12 == 3


def test_which_one_shots_a_pack_has_hangs_on_its_model_and_stays(tmp_path: Path) -> None:
    cut = BuildOptions.parse(**ASKED | {"models": (), "one_shots": "1", "bars": "2", "out": str(tmp_path / "cut")})
    build(cut, Silent(), SOURCE)
    manifest = read_manifest(cut.place.out)
    assert manifest.recipe["scored"] == []
    assert {row.music.role for row in manifest.rows} <= {"kick", "hat", "clap", "stab"}
    before = {name: value for name, value in manifest.recipe.items() if name != "scored"}
    assert options_from(before, cut.place).music.scored == (), "those of packs of before were cut"
    rendered = cut.changed(scored=("techno",))
    assert options_from(recipe_of(rendered), cut.place) == rendered
    assert {job.role for job in plan(rendered)} == set(ONE_SHOTS)


def shot_job(role: str) -> tuple[Job, BuildOptions]:
    options = BuildOptions.parse(**ASKED | {"one_shots": "1"}).changed(scored=("techno",))
    return next(job for job in plan(options) if job.role == role), options


def tone(hz: float, seconds: float = 0.6) -> np.ndarray:
    return struck(hz, seconds, 0.12, RATE_HZ)[:, None].repeat(2, axis=1).astype(np.float32)


def test_what_is_not_one_hit_of_its_sound_is_drawn_again() -> None:
    job, options = shot_job("bass")
    good = tone(110)
    twice = np.concatenate([tone(110, 0.3), tone(110, 0.3)])
    sides = good * np.array([1, -0.98], np.float32)
    for sound, root, over in (
        (good, 45, set()),
        (good, 57, set()),
        (good, 46, {SOUND}),
        (good[::-1], 45, {PEAK}),
        (twice, 45, {ONSETS}),
        (sides, 45, {MONO}),
        (good * 1e-5, 45, {SILENCE}),
    ):
        found = set(judge_hit(np.ascontiguousarray(sound, np.float32), job, options.finish, root).over)
        assert over <= found, over
        assert bool(over) == bool(found), found


@pytest.mark.parametrize("cents", [-40.0, -12.0, 25.0])
def test_a_tone_is_tuned_to_the_note_of_its_score(cents: float) -> None:
    sound, pitch, off = tuned_to(tone(110 * 2 ** (cents / 1200)), RATE_HZ, "bass", 45)
    assert not off
    assert pitch is not None
    assert (pitch.note, pitch.name) == (45, "A2")
    assert abs(pitch.cents) < 4
    assert not sound[-1].any()


def test_a_chord_is_named_after_its_score_and_a_drum_not_at_all() -> None:
    sound = tone(220)
    left, pitch, off = tuned_to(sound, RATE_HZ, "stab", 57)
    assert left is sound
    assert (pitch, off) == (Pitch(57, 0.0), False)
    left, pitch, off = tuned_to(sound, RATE_HZ, "snare", None)
    assert left is sound
    assert (pitch, off) == (None, False)
