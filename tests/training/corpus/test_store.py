"""The corpus on disk."""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.training.songs import click_song, write_corpus
from training.corpus import Corpus, CorpusWriter, SongLabels, split_of


def test_what_is_written_is_read(corpus_path: Path) -> None:
    corpus = Corpus(corpus_path)
    audio, onsets = click_song(125.0, 12.0, 1)
    song = corpus.songs[1]
    assert (song.name, song.bpm, song.beat0_frame, song.licence) == ("song-1", 125.0, 0.0, "CC0-1.0")
    np.testing.assert_allclose(corpus.audio(song), audio, atol=1e-4)
    np.testing.assert_array_equal(corpus.onset_frames(song), onsets)
    assert corpus.seconds == pytest.approx(72)


def test_outside_a_song_is_silence(corpus_path: Path) -> None:
    corpus = Corpus(corpus_path)
    song = corpus.songs[2]
    part = corpus.audio(song, -100, 300)
    assert not part[:100].any()
    np.testing.assert_array_equal(part[100:], corpus.audio(song, 0, 200))
    assert not corpus.audio(song, song.frames + 5, 10).any()


def test_a_torn_song_is_cut_off_and_the_build_goes_on(tmp_path: Path) -> None:
    whole = write_corpus(tmp_path / "whole", songs=4, seconds=2)
    torn = write_corpus(tmp_path / "torn", songs=3, seconds=2)
    torn_ends = {"audio.i16": b"123", "onsets.i64": b"12345", "notes.f64": b"1", "songs.jsonl": b'{"name": "half'}
    for name, junk in torn_ends.items():
        with open(torn / name, "ab") as file:
            file.write(junk)
    audio, onsets = click_song(135.0, 2.0, 3)
    with CorpusWriter(torn, "techno", 0) as writer:
        assert len(writer.songs) == 3
        writer.append(audio, SongLabels("song-3", "train", "CC0-1.0", 135.0, 0.0, onsets))
    for name in ("audio.i16", "onsets.i64", "notes.f64", "songs.jsonl"):
        assert (torn / name).read_bytes() == (whole / name).read_bytes()


def test_a_full_disk_names_the_corpus_and_the_build_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_corpus(tmp_path / "full", songs=2, seconds=2)
    audio, onsets = click_song(135.0, 2.0, 3)
    song = SongLabels("song-2", "train", "CC0-1.0", 135.0, 0.0, onsets)

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")  # of a file without a name

    with monkeypatch.context() as disk, CorpusWriter(folder, "techno", 0) as writer:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space") as told:
            writer.append(audio, song)
    assert told.value.filename == str(folder)
    with CorpusWriter(folder, "techno", 0) as writer:
        writer.append(audio, song)
    assert [song.name for song in Corpus(folder).songs] == ["song-0", "song-1", "song-2"]


def test_another_seed_is_not_mixed_in(tmp_path: Path) -> None:
    CorpusWriter(tmp_path, "techno", 0).close()
    with pytest.raises(ValueError, match="asked for"):
        CorpusWriter(tmp_path, "techno", 1)


def test_bad_songs_are_refused(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path, "techno", 0) as writer:
        with pytest.raises(ValueError, match="audio: shape"):
            writer.append(np.zeros((2, 100), np.float32), SongLabels("a", "train", ""))
        with pytest.raises(ValueError, match="split: 'dev'"):
            writer.append(np.zeros((100, 2), np.float32), SongLabels("a", "dev", ""))


def test_a_folder_without_a_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no corpus\.json"):
        Corpus(tmp_path)
    CorpusWriter(tmp_path / "empty", "techno", 0).close()
    with pytest.raises(ValueError, match="holds no songs"):
        Corpus(tmp_path / "empty")


def test_splits_are_nine_to_half_to_half() -> None:
    shares = Counter(split_of(f"song-{i}") for i in range(4000))
    assert shares["train"] == pytest.approx(3600, abs=80)
    assert shares["valid"] == pytest.approx(200, abs=60)
