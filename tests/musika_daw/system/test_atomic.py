"""Files are whole or absent."""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from musika_daw.system import atomic
from musika_daw.system.atomic import inside, naming, part_of, replacing, sha256_of, write_atomic


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


@pytest.fixture
def no_more_than_20_kb() -> Iterator[None]:
    """The system refuses to let a file grow, as it does on a full disk."""
    resource = pytest.importorskip("resource")  # of POSIX
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def _by_torch(path: Path) -> None:
    import torch

    with replacing(path, "wb") as stream:
        torch.save({"a": torch.zeros(100_000)}, stream)


def _by_safetensors(path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    with part_of(path) as part:
        save_file({"a": torch.zeros(100_000)}, part)


def _by_libsndfile(path: Path) -> None:
    import soundfile

    noise = np.random.default_rng(0).uniform(-1, 1, 100_000)
    with part_of(path) as part:
        soundfile.write(part, noise, 44_100, format="FLAC")


def _by_ourselves(path: Path) -> None:
    write_atomic(path, bytes(100_000))


@pytest.mark.parametrize("write", [_by_torch, _by_safetensors, _by_libsndfile, _by_ourselves])
@pytest.mark.usefixtures("no_more_than_20_kb")
def test_whoever_writes_a_full_disk_is_told_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(atomic, "FULL_BYTES", 1 << 62)  # libsndfile tells nothing: the disk is looked at
    path = tmp_path / "a.bin"
    with pytest.raises(OSError, match=r"File too large|No space left") as told:
        write(path)
    assert told.value.filename == str(path)
    assert not list(tmp_path.iterdir())


def test_an_error_that_is_not_of_the_disk_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="of its own"), part_of(tmp_path / "a"):
        raise RuntimeError("of its own")
    with pytest.raises(FileNotFoundError) as told, part_of(tmp_path / "a"):
        (tmp_path / "another").read_bytes()
    assert told.value.filename == str(tmp_path / "another")


def test_what_has_no_name_of_its_own_is_called_by_the_name_it_is_for(tmp_path: Path) -> None:
    path, other = tmp_path / "nowhere" / "loop.wav", tmp_path / "weights"
    for missing, told in ((path.with_name("tmp19x2"), path), (other, other)):
        with pytest.raises(FileNotFoundError) as error, naming(path):
            missing.open("rb")
        assert error.value.filename == str(told)


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
