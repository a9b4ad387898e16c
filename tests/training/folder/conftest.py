"""Fifty files of music, and what the guide's four commands make of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.folder.guide import MODEL, TIME, TINY, Guide, commands, give
from tests.training.folder.music import write_broken, write_good


@pytest.fixture(scope="package")
def guide(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guide]:
    """Fifty files in all formats, eleven of them unusable, and the four commands at a small size."""
    home = tmp_path_factory.mktemp("home")
    music = home / "Music" / "mine"
    made = Guide(music, write_good(music, 38, 10.5), write_broken(music))
    (music / "cover.jpg").write_bytes(b"\xff\xd8")
    (home / "models").mkdir()
    (home / "models" / "tiny").symlink_to(tiny_model)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("MUSIKA_MODELS", str(home / "models"))
        for line in commands("Four commands"):
            for text in MODEL:
                line = line.replace(text, text.replace("techno", "tiny"))
            made.said.append(give(line.replace(TIME, TINY), home))
        yield made
