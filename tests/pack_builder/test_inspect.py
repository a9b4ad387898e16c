"""What a DAW reads from a file, and the contradictions that make it go wrong."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika_daw.sound.labels import tempo_in_file_name
from musika_daw.sound.riff import encode_wave, write_wave
from musika_daw.sound.sounds import FORMATS, encode
from musika_daw.sound.tags import ACID_ONE_SHOT, ACID_ROOT_SET, Acid, Cue, Sampler, Tags
from musika_daw.system.plain import plain
from pack_builder.inspect import lines_of
from tests.pack_builder.pack_helpers import Ran

FRAMES = 88200
GOOD = Tags({"INAM": "x"}, Acid(4, 120.0), Sampler(((0, FRAMES - 1),)), (Cue(0, "bar 1"),))


def lines(path: Path, tags: Tags) -> dict[str, str]:
    write_wave(path, np.zeros((FRAMES, 2)), 44100, tags)
    return dict(lines_of(path))


def test_a_good_loop_is_read_without_warnings(tmp_path: Path) -> None:
    found = lines(tmp_path / "x_120bpm_y.wav", GOOD)
    assert found["acid"] == "loop, 120 bpm, 4 beats, 4/4"
    assert found["by length"] == "120.00000 bpm"
    assert found["smpl"] == "loop from frame 0 to 88199 (the whole file)"
    assert found["cue"] == "0 bar 1"
    assert found["file name"] == "120 bpm"
    assert found["INAM"] == "x"
    assert "warning" not in found


@pytest.mark.parametrize(
    ("tags", "name", "warning"),
    [
        (Tags(acid=Acid(4, 121.0)), "a.wav", "its beats over the length give 120.00000"),
        (Tags(acid=Acid(4, 120.0)), "a_130bpm.wav", "the name says 130 bpm, acid 120"),
        (Tags(sampler=Sampler(((0, FRAMES),))), "a.wav", "smpl loop lies outside"),
        (Tags(cues=(Cue(FRAMES, ""),)), "a.wav", "cue marker lies outside"),
    ],
)
def test_contradictions_are_warned_of(tmp_path: Path, tags: Tags, name: str, warning: str) -> None:
    assert warning in lines(tmp_path / name, tags)["warning"]


def test_chunks_after_the_audio_are_warned_of(tmp_path: Path) -> None:
    data = encode_wave(np.zeros((10, 2)), 44100, Tags(acid=Acid(4, 120)))
    acid = data[data.index(b"acid") :][:32]
    moved = data.replace(acid, b"") + acid
    (tmp_path / "a.wav").write_bytes(moved)
    assert "acid after data" in dict(lines_of(tmp_path / "a.wav"))["warning"] or any(
        "acid after data" in text for _, text in lines_of(tmp_path / "a.wav")
    )


def test_one_shots_and_roots_are_named(tmp_path: Path) -> None:
    found = lines(tmp_path / "a.wav", Tags(acid=Acid(0, 0, ACID_ONE_SHOT | ACID_ROOT_SET, root_note=69)))
    assert found["acid"] == "one-shot, 0 bpm, 0 beats, 4/4, root A4"
    assert "by length" not in found


def test_files_of_others_are_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((10, 1)), 8000, "PCM_U8")
    found = dict(lines_of(tmp_path / "a.wav"))
    assert found["format"] == "pcm8, 8000 Hz, mono"
    assert found["acid"].startswith("none")


@pytest.mark.parametrize("form", ["flac", "aiff"])
def test_other_formats_say_what_a_wave_file_says(tmp_path: Path, form: str) -> None:
    tags = replace(GOOD, acid=Acid(4, 120.0), key="Amin")
    path = tmp_path / f"x_120bpm_y.{form}"
    path.write_bytes(encode(np.zeros((FRAMES, 2), np.float32), 44100, tags, FORMATS[form]))
    found = dict(lines_of(path))
    assert found["format"] == "pcm24, 44100 Hz, stereo"
    assert found["tags"] == "loop, 120 bpm, 4 beats, 4/4"
    assert found["loop"] == "loop from frame 0 to 88199 (the whole file)"
    assert (found["key"], found["INAM"], found["by length"]) == ("Amin", "x", "120.00000 bpm")
    assert "warning" not in found
    path.write_bytes(encode(np.zeros((FRAMES, 2), np.float32), 44100, replace(tags, acid=Acid(4, 99.0)), FORMATS[form]))
    path = path.rename(tmp_path / f"x.{form}")
    assert "tags say 99 bpm, its beats over the length give 120.00000" in dict(lines_of(path))["warning"]


def test_no_text_of_a_file_acts_on_the_terminal(tmp_path: Path) -> None:
    rude = "a\x1b[2Jb\x07\rc\u202ed\u2028e\x9bf"
    found = lines(tmp_path / "a.wav", Tags({"INAM": rude}, cues=(Cue(0, rude),)))
    assert found["INAM"] == "a [2Jb  c d e f"
    assert found["cue"] == "0 a [2Jb  c d e f"
    assert plain("caf\udce9.wav") == "caf\\xe9.wav"
    assert plain("\ud83d x") == "x"
    assert plain("Näme 日本 é") == "Näme 日本 é"


def test_one_bad_file_does_not_end_the_rest(run: Callable[..., Ran], tmp_path: Path) -> None:
    for name in ("a.wav", "c.wav"):
        write_wave(tmp_path / name, np.zeros((FRAMES, 2)), 44100, GOOD)
    (tmp_path / "b.wav").write_bytes(b"no sound \x1b[2J")
    os.mkfifo(tmp_path / "pipe.wav")  # opened, it would be waited for
    ran = run("inspect", *(str(tmp_path / name) for name in ("a.wav", "b.wav", "gone.wav", "pipe.wav", "c.wav")))
    assert ran.code == 2
    assert ran.out.count("120 bpm, 4 beats") == 2
    assert [line.replace(f"{tmp_path}/", "") for line in ran.err.splitlines()] == [
        "error: b.wav: not a RIFF/WAVE file",
        "error: gone.wav: no such file or directory",
        "error: pipe.wav: is no plain file",
        "error: 3 of 5 files could not be read",
    ]


@pytest.mark.parametrize(
    ("name", "bpm"),
    [
        ("a_130bpm_b.wav", 130),
        ("130bpm.wav", 130),
        ("a-99BPM.wav", 99),
        ("a_bpm.wav", None),
        ("a_20bpm.wav", None),
        ("a_301bpm.wav", None),
        ("x130bpm.wav", None),
        ("a_1300bpm.wav", None),
    ],
)
def test_tempo_in_a_file_name(name: str, bpm: int | None) -> None:
    assert tempo_in_file_name(name) == bpm
