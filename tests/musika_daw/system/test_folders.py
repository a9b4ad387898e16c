"""Files below a folder: links are followed, rings end, and every file comes once."""

from __future__ import annotations

from pathlib import Path

from musika_daw.system.folders import files_below


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
