"""A build that is stopped, killed or out of room: whole files, and a way on to the same bytes."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from musika_daw.sound.sounds import read_sound
from musika_daw.system.folders import alone_in
from pack_builder.plan.options import BuildOptions
from pack_builder.record.journal import CARDS, JOURNAL
from pack_builder.record.manifest import read_manifest
from pack_builder.run.build import BuildError
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Silent, audio_bytes
from tests.pack_builder.run.test_build import built

Small = Callable[..., BuildOptions]


@pytest.mark.parametrize("stop_after", [1, 3, 4])
def test_an_interrupted_build_goes_on_to_the_same_bytes(small: Small, whole: dict[str, bytes], stop_after: int) -> None:
    options = small()
    with pytest.raises(KeyboardInterrupt):
        built(options, Silent(stop_after))
    assert len(audio_bytes(options.place.out)) == stop_after
    assert not (options.place.out / "manifest.json").exists()
    with pytest.raises(ValueError, match="unfinished pack; add --resume"):
        built(options)
    observer = Silent()
    assert built(small(resume=True), observer).rendered == 4 - stop_after
    assert observer.kept == stop_after
    assert audio_bytes(options.place.out) == whole
    assert not (options.place.out / JOURNAL).exists()


def test_a_folder_that_another_program_writes_into_is_refused(small: Small) -> None:
    options = small(resume=True)
    with alone_in(options.place.out), pytest.raises(ValueError, match=r"--out: .* is being written by another program"):
        built(options)
    assert not options.place.out.exists()
    assert built(options).rendered == 4


def test_resuming_keeps_the_time_of_creation(small: Small) -> None:
    with pytest.raises(KeyboardInterrupt):
        built(small(), Silent(1))
    journal = small().place.out / JOURNAL
    journal.write_text(journal.read_text().replace('"created": "', '"created": "1999 '))
    built(small(resume=True))
    assert read_manifest(small().place.out).created.startswith("1999 ")


@pytest.mark.parametrize("damage", [0, 1, 500])
def test_pictures_made_before_an_interruption_are_kept_and_lost_ones_made_again(
    small: Small, monkeypatch: pytest.MonkeyPatch, damage: int
) -> None:
    built(small())
    page = (small().place.out / "index.html").read_text()
    options = small(out=str(small().place.out) + "2")
    with pytest.raises(KeyboardInterrupt):
        built(options, Silent(3))
    cards = options.place.out / CARDS
    cards.write_bytes(cards.read_bytes()[: len(cards.read_bytes()) - damage])
    made_again = []
    monkeypatch.setattr(
        "pack_builder.publish.page.read_sound", lambda path: made_again.append(path) or read_sound(path)
    )
    built(options.changed(resume=True))
    assert (options.place.out / "index.html").read_text() == page
    assert len(made_again) == (damage > 1)  # without its end of line a record is still whole
    assert not cards.exists()


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_journal_cut_short_by_a_crash_is_no_obstacle(small: Small, whole: dict[str, bytes], cut: int) -> None:
    options = small()
    with pytest.raises(KeyboardInterrupt):
        built(options, Silent(2))
    journal = options.place.out / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-cut])
    (options.place.out / "Loops" / "x.wav.part").write_bytes(b"half")
    assert built(small(resume=True)).rendered == 3
    assert audio_bytes(options.place.out) == whole
    assert not list(options.place.out.rglob("*.part"))


def test_resuming_a_finished_pack_mends_it(small: Small, whole: dict[str, bytes]) -> None:
    options = small()
    built(options)
    first, second, *_ = sorted(options.place.out.rglob("*.wav"))
    first.unlink()
    second.write_bytes(b"damaged")
    assert built(small(resume=True)).rendered == 2
    assert audio_bytes(options.place.out) == whole
    assert not verify(options.place.out).differences


def test_a_finished_pack_is_left_alone(small: Small) -> None:
    first = built(small())
    again = built(small())
    assert again.rendered == 0
    assert again.manifest == first.manifest


@pytest.mark.parametrize("fault", ["nan", "short"])
def test_sound_that_cannot_be_used_stops_the_build(small: Small, fault: str) -> None:
    with pytest.raises(BuildError, match=r"^model techno gave .*techno/loop/120/0"):
        built(small(models=(f"techno:{fault}",)))
    assert not audio_bytes(small().place.out)


def full_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter(range(writes))
    replace = os.replace

    def full(source: Any, target: Any) -> None:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)


@pytest.mark.parametrize("writes", [0, 1, 3, 5, 7, 8])
def test_a_full_disk_leaves_whole_files_and_a_way_on(
    small: Small, whole: dict[str, bytes], writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = small()
    with monkeypatch.context() as patch:
        full_after(writes, patch)
        with pytest.raises(BuildError, match=r"the disk is full; [0-9] files are finished"):
            built(options)
    assert not list(options.place.out.rglob("*.part"))
    for name, data in audio_bytes(options.place.out).items():
        assert data == whole[name]
    built(small(resume=True))
    assert audio_bytes(options.place.out) == whole


def test_too_small_a_disk_is_seen_before_anything_is_written(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(ValueError, match=r"needs 1 MB|needs 2 MB"):
        built(small())
    assert not small().place.out.exists()


@pytest.mark.parametrize(
    ("fault", "how"), [("die", "ended with code 9"), ("crash", "was ended by SIGSEGV"), ("oom", "was ended by SIGKILL")]
)
def test_a_worker_that_dies_is_reported_with_what_it_made(small: Small, fault: str, how: str) -> None:
    with pytest.raises(BuildError) as caught:
        built(small(jobs="2", models=(f"techno:{fault}",)))
    assert re.match(rf"a worker {how} while it made techno/loop/(120|257/2)/0 \(\w+\)", str(caught.value))
    assert ("memory" in str(caught.value)) == (fault == "oom")
    assert built(small(jobs="2", resume=False, out=str(small().place.out) + "2")).rendered == 4


# enough files that none of the stopped programs is through before it hears of it, however busy the machine
PROGRAM = """
import signal, sys
# what a shell starts in the background has Ctrl-C ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path[:0] = [{root!r}]
from tests.pack_builder.pack_stand_in import SOURCE
import pack_builder.run.build as module
from pack_builder.cli import main
if __name__ == "__main__":
    original = module.build
    module.build = lambda options, observer: original(options, observer, SOURCE)
    main(sys.argv[1:])
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.format(root=str(Path(__file__).parents[3])))
    return [
        sys.executable,
        str(path),
        "build",
        "--bars",
        "1",
        "--takes",
        "2",
        "--take-seconds",
        "2",
        "--bpm",
        "120,128.5",
        "--loops-per-bpm",
        "11",
        "--model",
        "techno:slow",
    ]


@pytest.mark.parametrize(
    ("jobs", "number"), [("1", signal.SIGINT), ("2", signal.SIGINT), ("2", signal.SIGTERM), ("2", signal.SIGKILL)]
)
def test_a_stopped_program_can_go_on(program: list[str], tmp_path: Path, jobs: str, number: int) -> None:
    program += ["--out", str(tmp_path / "pack"), "--jobs", jobs]
    # a session of its own, so that the signal reaches the workers too, as a terminal's Ctrl-C does
    pipe = subprocess.PIPE
    process = subprocess.Popen(program, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("[2/24]"):
        assert process.poll() is None
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    done = audio_bytes(tmp_path / "pack")
    assert 2 <= len(done) < 24
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 2
        assert errors.startswith("error: interrupted: what is finished in ")
        assert errors.count("\n") == 1
        assert not list((tmp_path / "pack").rglob("*.part"))
    resumed = subprocess.run([*program, "--resume"], capture_output=True, text=True, check=True, timeout=60)
    assert "24 files" in resumed.stdout
    after = audio_bytes(tmp_path / "pack")
    assert len(after) == 24
    assert all(after[name] == data for name, data in done.items())
    assert not verify(tmp_path / "pack").differences
