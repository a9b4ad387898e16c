"""The LMMS corpus: project files read and changed, and one of LMMS's own songs rendered by the real program."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.programs import need
from training.cli import main
from training.corpus import Corpus
from training.corpus.lmms import Project, build_lmms

SONG = (
    '<?xml version="1.0"?><!DOCTYPE lmms-project><lmms-project version="1.0" type="song">'
    '<head timesig_numerator="4" mastervol="100" bpm="128" timesig_denominator="4"/><song/></lmms-project>'
)
PACKED = len(SONG).to_bytes(4, "big") + zlib.compress(SONG.encode())
OWN_SONGS = Path("/usr/share/lmms/projects/shorties")


def project(folder: Path, text: str = SONG, name: str = "song.mmp") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_project_says_its_tempo_and_meter_packed_or_not(tmp_path: Path) -> None:
    packed = tmp_path / "song.mmpz"
    packed.write_bytes(PACKED)
    assert Project.read(packed) == Project.read(project(tmp_path))
    found = Project.read(packed)
    assert (found.name, found.bpm, found.bar_beats, found.volume) == ("song", 128, 4.0, 100.0)


def test_another_tempo_changes_nothing_else(tmp_path: Path) -> None:
    changed = Project.read(project(tmp_path)).at(140, 50)
    again = Project.read(project(tmp_path, changed.text, "changed.mmp"))
    assert (again.bpm, again.volume, again.bar_beats) == (140, 50.0, 4.0)
    assert again.at(128, 100).text == Project.read(project(tmp_path)).at(128, 100).text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SONG.replace("<song/>", "<song>"), "cannot be read"),
        (SONG.replace('"128"', '"fast"'), "cannot be read"),
        (SONG.replace('"128"', '"5"'), "must be 10..999"),
        (SONG.replace('numerator="4"', 'numerator="0"'), "true meter"),
        (SONG.replace('type="song"', 'type="instrumenttracksettings"'), "no song"),
        (SONG.replace('denominator="4"/>', 'denominator="4"><bpm id="1" value="128"/></head>'), "automated"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Project.read(project(tmp_path, text))


@given(st.integers(0, len(PACKED) - 1), st.binary(max_size=8))
def test_a_damaged_file_is_refused_in_one_line_or_read(
    tmp_path_factory: pytest.TempPathFactory, at: int, put: bytes
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "song.mmpz"
    path.write_bytes(PACKED[:at] + put + PACKED[at + len(put) :])
    said = ""
    try:
        said = f"{Project.read(path).bpm}"
    except ValueError as error:
        said = str(error)
    assert said
    assert "\n" not in said


def test_no_projects_and_no_program_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not installed"):
        build_lmms(tmp_path, tmp_path / "corpus", program="no-such-lmms")
    need("lmms")
    with pytest.raises(ValueError, match="holds no"):
        build_lmms(tmp_path, tmp_path / "corpus")
    with pytest.raises(ValueError, match="tempi: 0"):
        build_lmms(tmp_path, tmp_path / "corpus", tempi=0)


def test_a_real_song_comes_at_the_asked_tempo_and_goes_on_where_it_was(tmp_path: Path) -> None:
    need("lmms")
    songs, out = tmp_path / "songs", tmp_path / "corpus"
    songs.mkdir()
    shutil.copy(OWN_SONGS / "Greshz-CoolSnip.mmpz", songs)
    project(songs, SONG.replace("<song/>", "<song>"), "broken.mmp")
    told = CliRunner().invoke(main, ["corpus", "lmms", "--projects", str(songs), "--out", str(out), "--tempi", "2"])
    assert told.exit_code == 0, told.output
    assert "left out" in told.output
    assert "broken" in told.output
    corpus = Corpus(out)
    assert len(corpus.songs) == 2, told.output
    own, other = corpus.songs
    assert own.bpm == 140.0
    assert other.bpm is not None
    assert 0.88 * 140 - 1 < other.bpm < 1.14 * 140 + 1
    assert other.beat0_frame == 0.0
    assert own.split == other.split
    # the same bars, faster or slower
    assert own.frames * own.bpm == pytest.approx(other.frames * other.bpm, rel=0.05)
    assert 0.85 < np.abs(corpus.audio(own, 0, own.frames)).max() < 0.95
    before = (out / "songs.jsonl").read_bytes()
    again = CliRunner().invoke(main, ["corpus", "lmms", "--projects", str(songs), "--out", str(out), "--tempi", "2"])
    assert again.exit_code == 0
    assert (out / "songs.jsonl").read_bytes() == before
