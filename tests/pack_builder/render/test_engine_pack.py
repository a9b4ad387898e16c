"""Packs from the real engine, with a tiny model of untrained weights: everything but how it sounds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from musika_daw.score.chords import progression_named
from musika_daw.score.midi_file import PPQ, decode_midi
from pack_builder.again import options_again
from pack_builder.plan.options import BuildOptions, place_from
from pack_builder.run.build import build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Silent, audio_bytes


@pytest.fixture(scope="module")
def models(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    from training.export import random_run

    folder = tmp_path_factory.mktemp("piano")
    random_run(folder, "tiny", "piano")
    return str(tiny_model), str(folder)


def test_a_pack_of_the_engine_verifies_and_is_the_same_again(
    small: Callable[..., BuildOptions], models: tuple[str, str], tmp_path: Path
) -> None:
    # untrained weights have no beat: the least bad of two is what there is
    values = {"models": models, "bpm": "120-125", "take_seconds": "4", "attempts": "2", "keep_best": True}
    one = small(**values)
    two = small(**values, out=str(tmp_path / "two"), jobs="2")
    rows = build(one, Silent()).manifest.rows
    build(two, Silent())
    assert audio_bytes(one.place.out) == audio_bytes(two.place.out)
    assert not verify(one.place.out).differences
    assert [row.sound.frames for row in rows] == [88200, 84672, 176400, 176400]
    assert all(row.quality.end_db is not None and row.quality.end_db < -40 for row in rows if row.music.shape == "take")


def test_loops_play_the_chords_that_are_asked_and_a_manifest_gives_them_again(
    small: Callable[..., BuildOptions], parts_model: Path, tmp_path: Path
) -> None:
    values = {"models": (str(parts_model),), "kinds": ("techno",), "bpm": "125", "bars": "4", "loops_per_bpm": "4"}
    # untrained weights have no beat: the one that there is is kept
    options = small(**values, chords="Am F C/E G7", attempts="1", keep_best=True)
    made = build(options, Silent()).manifest
    assert made.recipe["chords"] == "Am | F | C/E | G7"
    assert {row.music.key for row in made.rows} == {"Amin"}
    progression, played = progression_named("Am F C/E G7"), 0
    for row in made.rows:
        assert row.midi is not None
        music = decode_midi((options.place.out / row.midi.file).read_bytes())
        assert music.key == "Amin"
        chords = music.notes.of("chords")
        for onset, key in zip(chords.onset.tolist(), chords.key.tolist(), strict=True):
            assert key % 12 in progression[int((onset + PPQ / 8) // (4 * PPQ)) % 4].tones
        played += len(chords)
    assert played > 0
    place = place_from({"models": (str(parts_model),), "out": str(tmp_path / "again"), "jobs": "1"})
    again, _ = options_again(str(options.place.out), (), place)
    assert again.music == replace(options.music, scored=())
    build(again, Silent())
    assert audio_bytes(options.place.out) == audio_bytes(tmp_path / "again")


@pytest.mark.parametrize("damage", ["pickle", "truncated", "foreign", "wrong hash"])
def test_damaged_weights_are_refused_in_one_line(
    small: Callable[..., BuildOptions], tiny_model: Path, tmp_path: Path, damage: str
) -> None:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    for path in folder.glob("*.safetensors"):
        data = bytearray(path.read_bytes())
        if damage == "pickle":
            data[:] = b"\x80\x04K\x01."
        elif damage == "truncated":
            del data[len(data) // 2 :]
        elif damage == "foreign":
            data = data.replace(b"musika-daw/1", b"other-thing9")
        else:
            data[-1] ^= 0x55
        path.write_bytes(data)
    with pytest.raises(ValueError, match=f"^--model: [^\n]*{folder}[^\n]*$"):
        build(small(models=(str(folder),), kinds=("techno",)), Silent())
    assert not small().place.out.exists()
