"""Files are whole or absent."""

import errno
from pathlib import Path

import pytest

from musika_daw.system import atomic
from musika_daw.system.atomic import inside, sha256_of, write_atomic


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "a.txt"
    write_atomic(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert [item.name for item in path.parent.iterdir()] == ["a.txt"]
    assert path.read_bytes() == b"old"


def test_sha256_is_that_of_the_content(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "", "a//b", "C:/x", "a\\b", "./a"])
def test_paths_that_leave_the_pack_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="inside the pack"):
        inside(Path("pack"), name)


def test_paths_in_the_pack_are_joined() -> None:
    assert inside(Path("pack"), "a/b.wav") == Path("pack/a/b.wav")
