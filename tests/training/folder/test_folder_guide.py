"""Fifty mixed files become a model by the four commands of the guide, and the model makes a pack."""

from __future__ import annotations

from pathlib import Path

import pytest

from musika_daw.instrument.checkpoint import find_model, load_weights
from tests.training.folder.guide import MODEL, TIME, Guide, commands, give


def test_the_guide_begins_with_four_commands() -> None:
    lines = commands("Four commands")
    assert [line.split()[1] for line in lines] == ["corpus", "encode", "gan", "export"]
    text = "\n".join(lines)
    assert all(part in text for part in (*MODEL, TIME, "~/Music/mine"))


def test_fifty_files_are_kept_or_named(guide: Guide) -> None:
    assert sum(p.is_file() or p.is_symlink() for p in guide.music.rglob("*") if p.suffix != ".jpg") == 50
    skipped = guide.said[0].split("\nskipped:\n")[1]
    for name, words in guide.reasons.items():
        assert f"  {name}: " in skipped
        assert words in skipped.split(f"  {name}: ")[1].splitlines()[0], name
    assert "39 files kept" in guide.said[0]
    assert "11 skipped" in guide.said[0]
    assert {Path(n).suffix.lower() for n in guide.tempi} >= {".wav", ".flac", ".mp3", ".ogg", ".aiff", ".m4a"}


def test_the_licence_of_the_fourth_command_is_in_the_model(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(guide.home)
    facts = load_weights(find_model("mytechno"), "generator").facts
    assert (facts["licence"], facts["kind"], facts["steps"]) == ("all rights reserved, 2026 by me", "techno", 2)
    assert facts["labels"] == ["phase", "tempo", "density", "energy"]


def test_the_model_renders_and_makes_a_pack_that_verifies(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(guide.home)
    monkeypatch.setattr("pack_builder.publish.page.EMBEDDED_S", 0)
    render, pack = commands("Four commands", 1)
    give(render, guide.home)
    assert (guide.home / "loop.wav").stat().st_size > 100_000
    # two steps make no music: what the gate says of it is not asked here
    give(f"{pack} --bars 1 --loops-per-bpm 1 --attempts 1 --keep-best --jobs 1", guide.home)
    assert "5 audio files are as the manifest says" in give("musika-pack verify packs/mine", guide.home)
