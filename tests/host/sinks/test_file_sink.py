"""A recording of what is heard, when the disk is full or the file very long."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from musika_daw.commands.cli import main
from musika_daw.host.sinks import file
from musika_daw.host.sinks.file import FileSink
from musika_daw.host.sinks.sink import SinkError
from tests.waiting import wait_for

resource = pytest.importorskip("resource")  # of POSIX
RATE = 48_000


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff"])
def test_what_was_written_before_the_disk_was_full_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    # the system refuses to let a file grow, as it does on a full disk
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(file, "DISK_FULL_BYTES", 1 << 62)
    path = tmp_path / f"a.{suffix}"
    made = FileSink(path, RATE, 512)
    random = np.random.default_rng(0)

    def fill(block: np.ndarray, at_s: float) -> None:
        block[:] = random.uniform(-0.5, 0.5, block.shape)

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        made.start(fill)
        assert wait_for(lambda: made.ended_early, 5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert wait_for(path.is_file, 5)
    made.stop()
    assert made.problem is not None
    assert re.fullmatch(rf"sink: .*a\.{suffix}: the disk is full, after 0\.\d s", made.problem)
    told = ["ffmpeg", "-v", "quiet", "-i", str(path), "-f", "f32le", "-"]  # a FLAC file tells no length now
    audio = np.frombuffer(subprocess.run(told, capture_output=True, check=True).stdout, "<f4").reshape(-1, 2)
    assert 0.2 * RATE < len(audio) < 0.4 * RATE
    assert np.abs(audio).max() == pytest.approx(0.5, abs=0.01)
    assert not list(tmp_path.glob("*.part"))


def test_what_keeps_a_file_from_being_made_is_told_in_the_words_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(SinkError, match=r"^sink: .*a/a\.wav: not a directory$"):
        FileSink(tmp_path / "a" / "a.wav").start(lambda block, at_s: None)
    with pytest.raises(SinkError, match=r"^sink: .*none/a\.wav: no such file or directory$"):
        FileSink(tmp_path / "none" / "a.wav").start(lambda block, at_s: None)


def test_no_recording_is_written_over(tmp_path: Path) -> None:
    def record(value: float) -> FileSink:
        made, count = FileSink(tmp_path / "a.wav", RATE, 512), 0

        def fill(block: np.ndarray, at_s: float) -> None:
            nonlocal count
            block[:] = value
            count += 1

        made.start(fill)
        assert wait_for(lambda: count > 2, 5)
        return made

    (tmp_path / "a.wav").write_bytes(b"")  # a name that was kept, such as mktemp's, is taken
    first = record(0.1)
    second = record(0.2)  # at once
    first.stop()
    second.stop()
    third = record(0.3)
    third.stop()
    (tmp_path / "a-4.wav.part").write_bytes(b"what a killed host had")
    fifth = record(0.5)
    fifth.stop()
    for made, name, value in ((first, "a", 0.1), (second, "a-2", 0.2), (third, "a-3", 0.3), (fifth, "a-5", 0.5)):
        assert made.path == tmp_path / f"{name}.wav"
        assert made.name == f"file {name}.wav"
        assert np.allclose(soundfile.read(made.path)[0], value, atol=1e-4)
    assert first.told is None
    assert second.told == f"sink: {tmp_path / 'a.wav.part'} is there already, this is recorded into a-2.wav"
    assert third.told == f"sink: {tmp_path / 'a.wav'} is there already, this is recorded into a-3.wav"
    assert (tmp_path / "a-4.wav.part").read_bytes() == b"what a killed host had"


@pytest.mark.live
def test_a_run_says_where_it_records_to(tmp_path: Path) -> None:
    out = tmp_path / "a.wav"
    out.write_bytes(b"of yesterday")
    ran = CliRunner().invoke(
        main,
        ["run", "internal", "--sink", f"file:{out}", "--model", "click", "--seconds", "1", "--no-control", "--no-view"],
    )
    assert ran.exit_code == 0
    assert f"sink: {out} is there already, this is recorded into a-2.wav\n" in ran.output
    assert out.read_bytes() == b"of yesterday"
    assert soundfile.info(tmp_path / "a-2.wav").frames > RATE // 2


@pytest.mark.parametrize(("suffix", "told"), [("wav", True), ("aiff", True), ("flac", False)])
def test_more_than_others_can_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, told: bool
) -> None:
    monkeypatch.setattr(file, "FULL_FRAMES", 4096)
    made = FileSink(tmp_path / f"a.{suffix}", RATE, 512)
    count = 0

    def fill(block: np.ndarray, at_s: float) -> None:
        nonlocal count
        count += 1

    made.start(fill)
    assert wait_for(lambda: count > 12, 5)
    made.stop()
    assert ("4 GiB" in (made.problem or "")) == told
    assert not made.ended_early


@pytest.mark.live
def test_a_run_whose_recording_broke_off_ends_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: object, data: np.ndarray) -> None:
        raise RuntimeError("System error.")

    monkeypatch.setattr(soundfile.SoundFile, "write", write)
    out = tmp_path / "a.wav"
    ran = CliRunner().invoke(
        main,
        ["run", "internal", "--sink", f"file:{out}", "--model", "click", "--seconds", "1", "--no-control", "--no-view"],
    )
    assert ran.exit_code == 2
    assert re.search(rf"error: sink: {re.escape(str(out))}: system error, after 0\.0 s", ran.output)
    assert not list(tmp_path.iterdir())
