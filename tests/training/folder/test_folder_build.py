"""A folder of fifty mixed files becomes a corpus; what is broken is named, and building again reads only news."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.training.folder.guide import Guide
from tests.training.folder.music import FORMATS, beat_song, drifting_song, write
from training.autoencoder.excerpts import Excerpts
from training.cli import main
from training.corpus import Corpus
from training.corpus.folder import FolderReport, build, build_folder, prepare
from training.corpus.folder.prepare import NO_GRID
from training.corpus.store import SAMPLE_RATE_HZ, CorpusWriter, Song, SongLabels


@dataclass(frozen=True)
class Built:
    source: Path
    corpus: Path
    tempi: dict[str, float | None]
    reasons: dict[str, str]
    report: FolderReport


@pytest.fixture(scope="module")
def built(guide: Guide) -> Built:
    """The corpus of the guide's first command."""
    return Built(guide.music, guide.corpus, guide.tempi, guide.reasons, build_folder(guide.music, guide.corpus))


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """No grids, so that builds are quick; the list says which files were read."""
    read: list[Path] = []
    real = prepare.prepare

    def counted(path: Path, scratch: Path, shortest_s: float) -> prepare.Prepared:
        read.append(path)
        return real(path, scratch, shortest_s)

    monkeypatch.setattr(prepare, "hear", lambda audio, rate: NO_GRID)
    monkeypatch.setattr(build, "prepare", counted)
    return read


def small(folder: Path, count: int = 4, seconds: float = 10.5) -> Path:
    for number in range(count):
        write(folder / f"{number}.wav", beat_song(110 + 7 * number, seconds, number), FORMATS[0])
    return folder


def test_every_broken_file_is_named_with_its_reason(built: Built) -> None:
    told = {row.path: row.reason for row in built.report.skipped}
    assert told.keys() == built.reasons.keys()
    for name, words in built.reasons.items():
        assert words in told[name], name


def test_the_rest_is_kept_at_its_length_and_tempo(built: Built) -> None:
    corpus = Corpus(built.corpus)
    assert {s.name for s in corpus.songs} == {*built.tempi, "again.mp3"}
    assert built.report.others == 1
    for song in corpus.songs:
        assert song.frames / SAMPLE_RATE_HZ == pytest.approx(10.5 if song.name in built.tempi else 12, abs=1.2)
        assert song.licence == "all rights reserved"
        assert np.abs(corpus.audio(song)).max() > 0.1
        bpm = built.tempi.get(song.name)
        if bpm is not None:
            assert song.bpm is not None
            # a tracker may hear every second beat
            assert min(abs(song.bpm * k / bpm - 1) for k in (1, 2)) < 0.002, song.name


def test_unsteady_files_are_listed_and_have_no_tempo(built: Built) -> None:
    unsteady = {name for name, bpm in built.tempi.items() if bpm is None}
    assert {row.path for row in built.report.unsteady} == unsteady
    songs = {s.name: s for s in Corpus(built.corpus).songs}
    for name in unsteady:
        assert songs[name].bpm is None
        assert songs[name].extra["confidence"] < 0.8


def test_the_corpus_feeds_a_trainer(built: Built) -> None:
    batch = Excerpts([Corpus(built.corpus)], [1.0], 20_000).batch(0, 3)
    assert batch.shape == (3, 2, 20_000)
    assert np.isfinite(batch).all()


def test_excerpts_are_swapped_left_and_right_as_often_as_asked(built: Built) -> None:
    as_they_are, swapped = (Excerpts([Corpus(built.corpus)], [1.0], 20_000, swapped=p).batch(0, 6) for p in (0.0, 1.0))
    assert np.abs(as_they_are[:, 0] - as_they_are[:, 1]).max() > 1e-3  # some of it is stereo
    np.testing.assert_array_equal(as_they_are, swapped[:, ::-1])


def test_building_again_reads_nothing(built: Built, deaf: list[Path]) -> None:
    before = (built.corpus / "audio.i16").stat().st_mtime_ns
    again = build_folder(built.source, built.corpus)
    assert deaf == []
    assert again.unchanged == len(built.tempi) + len(built.reasons) + 1
    assert (again.kept, again.skipped) == (built.report.kept, built.report.skipped)
    assert Corpus(built.corpus).songs
    assert (built.corpus / "audio.i16").stat().st_mtime_ns >= before


def test_changed_moved_new_and_vanished_files_are_brought_up_to_date(tmp_path: Path, deaf: list[Path]) -> None:
    source, out = small(tmp_path / "music"), tmp_path / "corpus"
    build_folder(source, out)
    deaf.clear()
    write(source / "0.wav", beat_song(90, 12, 50), FORMATS[0])
    (source / "new").mkdir()
    (source / "1.wav").rename(source / "new" / "one.wav")
    (source / "2.wav").unlink()
    write(source / "9.flac", beat_song(95, 11, 51, 48_000), FORMATS[1])
    report = build_folder(source, out)
    assert sorted(p.name for p in deaf) == ["0.wav", "9.flac"]
    assert report.gone == ["2.wav"]
    songs = {s.name: s for s in Corpus(out).songs}
    assert set(songs) == {"0.wav", "3.wav", "9.flac", "new/one.wav"}
    assert songs["0.wav"].frames == 12 * SAMPLE_RATE_HZ
    corpus = Corpus(out)
    np.testing.assert_allclose(corpus.audio(songs["new/one.wav"]), np.clip(beat_song(117, 10.5, 1), -1, 1), atol=1e-4)


def test_a_duplicate_takes_the_place_of_a_vanished_original(tmp_path: Path, deaf: list[Path]) -> None:
    source, out = small(tmp_path / "music", 1), tmp_path / "corpus"
    shutil.copy(source / "0.wav", source / "1.wav")
    assert build_folder(source, out).skipped[0].reason == "duplicate of 0.wav"
    (source / "0.wav").unlink()
    report = build_folder(source, out)
    assert [row.path for row in report.kept] == ["1.wav"]
    assert [s.name for s in Corpus(out).songs] == ["1.wav"]


def test_names_of_any_bytes_and_linked_folders_are_built(tmp_path: Path, deaf: list[Path]) -> None:
    source, out = small(tmp_path / "music", 2), tmp_path / "corpus"
    odd = os.fsdecode(b"caf\xe9\x1b.wav")
    (source / "1.wav").rename(source / odd)
    small(tmp_path / "real", 4)
    for number in (0, 1):  # the same pieces as those above
        (tmp_path / "real" / f"{number}.wav").unlink()
    (source / "album").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "ring").symlink_to(source)
    told = CliRunner().invoke(main, ["corpus", "folder", str(source), "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert "caf\\xe9 .wav: " in told.output
    kept = {song.name for song in Corpus(out).songs}
    assert kept == {"0.wav", odd, "album/2.wav", "album/3.wav"}
    assert build_folder(source, out).unchanged == 4


def test_what_wanted_ffmpeg_is_looked_at_again(
    tmp_path: Path, deaf: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = small(tmp_path / "music", 1), tmp_path / "corpus"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(source / "0.wav"), str(source / "1.wv")], check=True)
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))
        [row] = build_folder(source, out).skipped
        assert row.reason == "needs the program ffmpeg to be read"
    deaf.clear()
    assert "duplicate" in build_folder(source, out).skipped[0].reason
    assert [path.name for path in deaf] == ["1.wv"]
    assert build_folder(source, out).unchanged == 2


@pytest.mark.parametrize("stop", [1, 3])
def test_a_build_that_was_stopped_goes_on(stop: int, tmp_path: Path, deaf: list[Path]) -> None:
    source = small(tmp_path / "music")

    def interrupt(done: int, total: int, row: object) -> None:
        if done == stop:
            raise KeyboardInterrupt

    build_folder(source, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        build_folder(source, tmp_path / "stopped", progress=interrupt)
    # a song whose file has no row yet, as a kill between the two leaves it
    songs = tmp_path / "stopped" / "songs.jsonl"
    journal = tmp_path / "stopped" / "files.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))
    assert songs.read_text().count("\n") == stop
    deaf.clear()
    build_folder(source, tmp_path / "stopped")
    assert len(deaf) == 5 - stop
    for name in ("audio.i16", "onsets.i64", "songs.jsonl"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_full_disk_names_the_corpus_and_leaves_a_way_on(
    tmp_path: Path, deaf: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    music, out = small(tmp_path / "music"), tmp_path / "corpus"
    append = CorpusWriter.append

    def full(self: CorpusWriter, audio: np.ndarray, labels: SongLabels) -> Song:
        if labels.name == "2.wav":
            raise OSError(28, "No space left on device")
        return append(self, audio, labels)

    with monkeypatch.context() as patch:
        patch.setattr(CorpusWriter, "append", full)
        with pytest.raises(OSError, match=r"No space left on device: '.*corpus'"):
            build_folder(music, out)
    assert len(build_folder(music, out).kept) == 4
    assert sorted(path.name for path in deaf) == ["0.wav", "1.wav", "2.wav", "2.wav", "3.wav"]


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path, deaf: list[Path]) -> None:
    peaks = []
    for count in (2, 8):
        source = small(tmp_path / f"music{count}", count)
        tracemalloc.start()
        build_folder(source, tmp_path / f"corpus{count}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_long_files_are_cut_into_parts_that_fit_together(
    tmp_path: Path, deaf: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "PART_S", 4)
    source, out = small(tmp_path / "music", 1, 13), tmp_path / "corpus"
    (row,) = build_folder(source, out).kept
    assert row.parts == 3
    corpus = Corpus(out)
    assert [s.name for s in corpus.songs] == ["0.wav", "0.wav #2", "0.wav #3"]
    assert [s.frames for s in corpus.songs] == [4 * SAMPLE_RATE_HZ, 4 * SAMPLE_RATE_HZ, 5 * SAMPLE_RATE_HZ]
    whole = np.concatenate([corpus.audio(s) for s in corpus.songs])
    np.testing.assert_allclose(whole, np.clip(beat_song(110, 13, 0), -1, 1), atol=1e-4)


def test_two_processes_build_the_same_corpus(tmp_path: Path) -> None:
    source = small(tmp_path / "music", 3)
    for jobs in (1, 2):
        build_folder(source, tmp_path / f"out{jobs}", jobs=jobs)
    for name in ("audio.i16", "onsets.i64", "songs.jsonl"):
        assert (tmp_path / "out1" / name).read_bytes() == (tmp_path / "out2" / name).read_bytes(), name


def crash_at_one(path: Path, scratch: Path, shortest_s: float, known: bool) -> prepare.Prepared:
    """What `build` does with a file in its process, and a decoder that crashes on one of them."""
    if path.name == "1.wav":
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(10)
    return prepare.prepare(path, scratch, shortest_s)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_decoder_that_crashes_costs_its_file_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    monkeypatch.setattr(build, "_prepare", crash_at_one)
    report = build_folder(small(tmp_path / "music", 4), tmp_path / "corpus", jobs=jobs, apart=True)
    assert [row.path for row in report.kept] == ["0.wav", "2.wav", "3.wav"]
    assert [(row.path, row.reason) for row in report.skipped] == [
        ("1.wav", "damaged: what reads it was ended by SIGSEGV")
    ]


def test_a_corpus_belongs_to_one_folder_and_kind(tmp_path: Path, deaf: list[Path]) -> None:
    source, out = small(tmp_path / "music", 1), tmp_path / "corpus"
    build_folder(source, out)
    with pytest.raises(ValueError, match="was made of"):
        build_folder(small(tmp_path / "other", 1), out)
    with pytest.raises(ValueError, match="asked for"):
        build_folder(source, out, kind="piano")
    with pytest.raises(ValueError, match="kind: 'jazz', must be one of techno, piano"):
        build_folder(source, tmp_path / "x", kind="jazz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no sound files"):
        build_folder(tmp_path / "empty", tmp_path / "x")


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    source = small(tmp_path / "music", 1)
    write(source / "1.wav", drifting_song(24, 4), FORMATS[0])
    (source / "bad.mp3").write_bytes(b"no music")
    result = CliRunner().invoke(main, ["corpus", "folder", str(source), "--out", str(tmp_path / "c")])
    assert result.exit_code == 0, result.output
    assert "bad.mp3: damaged or not a sound file" in result.output
    assert "2 files kept" in result.output
    assert "without a steady beat" in result.output
