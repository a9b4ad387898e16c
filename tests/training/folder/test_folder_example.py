"""The example folder is music that a corpus can be made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from tests.training.songs import write_corpus
from training.corpus import techno
from training.corpus.folder.example import write_example


def test_songs_are_written_once_and_named_after_their_tempo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # how the songs sound is another test's matter
    monkeypatch.setattr(techno, "build_techno", lambda out, hours, seed: write_corpus(out, songs=2))
    files = write_example(tmp_path / "music", 0.2)
    assert [f.name for f in files] == ["example 01 120 bpm.flac", "example 02 125 bpm.flac"]
    assert soundfile.info(files[0]).frames == 12 * 44_100
    stamps = [f.stat().st_mtime_ns for f in files]
    assert [f.stat().st_mtime_ns for f in write_example(tmp_path / "music", 0.2)] == stamps
    assert sorted(p.name for p in (tmp_path / "music").iterdir()) == [f.name for f in files]
