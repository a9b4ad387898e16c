"""Files are whole or absent."""

import errno
import os
from pathlib import Path

import pytest

from musika_daw.system.atomic import inside, part_of, replacing, sha256_of, write_atomic


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "a.txt"
    write_atomic(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert [item.name for item in path.parent.iterdir()] == ["a.txt"]
    assert path.read_bytes() == b"old"


def test_what_is_interrupted_leaves_the_old_file_whoever_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomic(path, "old")

    def write_half() -> None:
        with replacing(path, "wb") as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    def have_half_written() -> None:
        with part_of(path) as part:
            part.write_bytes(b"half")
            raise KeyboardInterrupt

    for write in (write_half, have_half_written):
        with pytest.raises(KeyboardInterrupt):
            write()
    assert [item.name for item in tmp_path.iterdir()] == ["a.bin"]
    assert path.read_text() == "old"


def test_with_sync_the_content_is_on_the_disk_before_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (order.append("fsync"), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda *names: (order.append("replace"), replace(*names)))
    with replacing(tmp_path / "a", sync=True) as stream:
        stream.write("\u00e4\r\n")
    assert order == ["fsync", "replace"]
    assert (tmp_path / "a").read_bytes() == "\u00e4\r\n".encode()


def test_sha256_is_that_of_the_content(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "", "a//b", "C:/x", "a\\b", "./a"])
def test_paths_that_leave_the_pack_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="inside the pack"):
        inside(Path("pack"), name)


def test_paths_in_the_pack_are_joined() -> None:
    assert inside(Path("pack"), "a/b.wav") == Path("pack/a/b.wav")
