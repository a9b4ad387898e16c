"""The example folder is music that a corpus can be made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika_daw.score.techno.style import Style, style_named
from tests.training.songs import click_song
from training.corpus import SongLabels, techno
from training.corpus.folder.example import write_example
from training.corpus.techno import render_song


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Style | None]:
    """How the songs sound is another test's matter: clicks of 12 s; the list says which styles were asked for."""
    styles: list[Style | None] = []

    def render(seed: int, index: int, oneshots: object, style: Style | None = None) -> tuple[np.ndarray, SongLabels]:
        styles.append(style)
        bpm = 120.0 + 5 * index
        return click_song(bpm, 12, index)[0], SongLabels("song", "train", "CC0-1.0", bpm, 0.0)

    monkeypatch.setattr(techno, "render_song", render)
    return styles


def test_songs_are_written_once_and_named_after_their_tempo(tmp_path: Path, asked: list[Style | None]) -> None:
    files = write_example(tmp_path / "music", 0.35)
    assert [f.name for f in files] == ["example 01 120 bpm.flac", "example 02 125 bpm.flac"]
    assert soundfile.info(files[0]).frames == 12 * 44_100
    stamps = [f.stat().st_mtime_ns for f in files]
    assert [f.stat().st_mtime_ns for f in write_example(tmp_path / "music", 0.35)] == stamps
    assert sorted(p.name for p in (tmp_path / "music").iterdir()) == [f.name for f in files]
    assert asked == [None] * 4


def test_one_style_may_be_asked_for(tmp_path: Path, asked: list[Style | None]) -> None:
    write_example(tmp_path / "music", 0.1, style="acid")
    assert asked == [style_named("acid")]
    with pytest.raises(ValueError, match="style: 'polka', must be one of techno, house, "):
        write_example(tmp_path / "other", 0.1, style="polka")
    assert not (tmp_path / "other").exists()


def test_a_song_of_a_style_is_of_that_style() -> None:
    assert {render_song(0, i, None, 1, style=style_named("acid"))[1].extra["style"] for i in range(3)} == {"acid"}
