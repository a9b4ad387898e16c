"""Files below a folder: links are followed, rings end, and every file comes once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from musika_daw.system.folders import alone_in, files_below
from tests.waiting import wait_for


def names(folder: Path, left_out: Path | None = None) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_below(folder, left_out)]


def test_linked_folders_are_followed_and_rings_end(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    for path in (music / "b" / "deep" / "1.wav", music / "2.wav", elsewhere / "3.wav", elsewhere / "more" / "4.wav"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (music / "album").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(music)  # a ring
    (music / "b" / "up").symlink_to("..")
    (music / "a").symlink_to("b")  # a folder within: its own path stays
    (music / "twice").symlink_to(elsewhere / "more")
    (music / "single.wav").symlink_to(elsewhere / "3.wav")
    (music / "nowhere").symlink_to(tmp_path / "nothing")
    (music / ".hidden").mkdir()
    (music / ".hidden" / "5.wav").touch()
    assert names(music) == ["2.wav", "b/deep/1.wav", "nowhere", "single.wav", "album/3.wav", "album/more/4.wav"]
    assert names(music, elsewhere) == ["2.wav", "b/deep/1.wav", "nowhere", "single.wav", "twice/4.wav"]
    (music / "itself.wav").symlink_to("itself.wav")
    assert names(music, elsewhere) == ["2.wav", "b/deep/1.wav", "itself.wav", "nowhere", "single.wav", "twice/4.wav"]
    (music / "itself.wav").unlink()
    assert names(music / "album") == [
        "3.wav",
        "more/4.wav",
        "back/2.wav",
        "back/b/deep/1.wav",
        "back/nowhere",
        "back/single.wav",
    ]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    assert list(files_below(tmp_path / "gone", unread=lambda path, error: told.append(path.name))) == []
    assert told == ["gone"]


def test_a_folder_that_is_held_is_waited_for_or_told_and_free_when_its_holder_dies(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    hold = "import sys, pathlib, musika_daw.system.folders as f\nwith f.alone_in(pathlib.Path(sys.argv[1])):\n input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(folder)], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as holder:
        assert wait_for(lambda: folder.exists() and _is_held(folder))
        with pytest.raises(BlockingIOError), alone_in(folder, wait=False):
            raise AssertionError("held twice")
        holder.kill()
        with alone_in(folder):  # which waits
            (folder / "a").touch()
    assert [path.name for path in folder.iterdir()] == ["a"]


def _is_held(folder: Path) -> bool:
    try:
        with alone_in(folder, wait=False):
            return False
    except BlockingIOError:
        return True


def test_a_folder_that_was_made_for_nothing_is_gone_again(tmp_path: Path) -> None:
    with alone_in(tmp_path / "new"):
        assert (tmp_path / "new").is_dir()
    assert not (tmp_path / "new").exists()
    (tmp_path / "empty").mkdir()
    with alone_in(tmp_path / "empty"):
        pass
    assert (tmp_path / "empty").is_dir(), "it was there before"
    (tmp_path / "file").touch()
    with alone_in(tmp_path / "file"):
        pass  # whoever writes into it is told
