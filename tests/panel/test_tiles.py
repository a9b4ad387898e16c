"""What tiles call a sound, the part of its name that tells it from the others, and which are starred."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from musika_daw.panel.shelf.library import scan
from musika_daw.panel.shelf.marks import Marks
from tests.panel.conftest import RATE, write_loop


def test_tiles_are_called_after_role_and_word(tmp_path: Path) -> None:
    names = (
        "MSK_First_130bpm_techno_loop_cobalt",
        "MSK_First_128bpm_techno_loop_amber",
        "MSK_First_piano_take_dense_birch",
        "MSK_First_128p5bpm_techno_loop_glade_Bbmin",
        "MSK_First_129_techno_loop_opal",
    )
    rows = []
    for name in names:
        bpm = 128.5 if "p5" in name or "129" in name else float(name[10:13]) if "bpm" in name else None
        write_loop(tmp_path / "pack" / f"{name}.wav")
        rows.append({"file": f"{name}.wav", "frames": 100, "sample_rate_hz": RATE, "bpm": bpm, "key": "Bbmin"})
    (tmp_path / "pack" / "manifest.json").write_text(json.dumps({"files": rows}))
    write_loop(tmp_path / "pack" / f"{names[0]}_stems" / f"{names[0]}_drums.wav", 130)
    write_loop(tmp_path / "pack" / "Mine_129.wav")
    write_loop(tmp_path / "MSK_Other_100bpm.wav", 100, 4)
    titles = {sound.name: sound.title for sound in scan(tmp_path).sounds}
    assert [titles[name] for name in names] == [
        "techno loop cobalt",
        "techno loop amber",
        "piano take dense birch",
        "techno loop glade",  # tempo and key stand below it
        "techno loop opal",
    ]
    assert titles[f"{names[0]}_drums"] == "techno loop cobalt drums"
    assert (titles["MSK_Other_100bpm"], titles["Mine_129"]) == ("MSK Other", "Mine 129")  # are none of the pack's


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("MSK_Live_133p5bpm_techno_loop_hollow", "techno loop hollow"),
        ("MSK_Live_piano_take_medium_copper_Bbmaj", "piano take medium copper"),
        ("Mine_alone", "Mine alone"),  # nothing tells which of these words all of its pack would share
    ],
)
def test_a_pack_of_one_file_is_called_as_in_a_pack_of_many(tmp_path: Path, name: str, title: str) -> None:
    write_loop(tmp_path / f"{name}.wav")
    kind = "piano" if "piano" in name else "techno"
    bpm = 133.5 if "bpm" in name else None
    row = {"file": f"{name}.wav", "frames": 100, "sample_rate_hz": RATE, "bpm": bpm, "key": "Bbmaj", "kind": kind}
    (tmp_path / "manifest.json").write_text(json.dumps({"files": [row]}))
    assert [sound.title for sound in scan(tmp_path).sounds] == [title]


def test_two_panels_keep_each_others_stars(tmp_path: Path) -> None:
    file = tmp_path / "stars.json"
    one, other = Marks(file), Marks(file)
    one.set(tmp_path / "a.wav", True)
    other.set(tmp_path / "b.wav", True)
    one.move(tmp_path / "a.wav", tmp_path / "c.wav")
    made = Marks(file)
    assert [tmp_path / f"{name}.wav" in made for name in "abc"] == [False, True, True]


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    file = tmp_path / "stars.json"
    file.write_text('["/music/a.wav", ')
    Marks(file).set(tmp_path / "b.wav", True)
    assert tmp_path / "b.wav" in Marks(file)
    assert (tmp_path / "stars.json.damaged").read_text() == '["/music/a.wav", '
