"""Packs of named styles: the name stands in folder, file name, tags and manifest, and stays when the pack goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from musika_daw.instrument.engine import Engine
from musika_daw.score.controls import Controls
from musika_daw.score.techno.timbres import TIMBRES
from musika_daw.sound.sounds import read_any_header
from pack_builder.again import options_again, options_extended
from pack_builder.plan.options import BuildOptions
from pack_builder.record.manifest import read_manifest
from pack_builder.render.one_shots.hits import faults
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Ran, Silent, audio_bytes
from tests.pack_builder.run.test_build import built

Small = Callable[..., BuildOptions]
Run = Callable[..., Ran]
STYLED = {"styles": "dub,electro", "kinds": ("techno",), "bpm": "124", "models": ("techno:parts",)}


def test_the_name_of_a_style_stands_wherever_one_looks(small: Small) -> None:
    options = small(**STYLED)
    rows = built(options).manifest.rows
    assert [(row.style, row.job) for row in rows] == [
        ("dub", "techno/loop/dub/124/0"),
        ("electro", "techno/loop/electro/124/0"),
    ]
    for row, folder, genre in zip(rows, ("Dub", "Electro"), ("Dub Techno", "Electro"), strict=True):
        assert row.file.startswith(f"Loops/Techno_Loops/{folder}/124bpm/MSK_First_124bpm_techno_{row.style}_loop_")
        info = read_any_header(options.place.out / row.file).tags.info
        assert info["IGNR"] == genre
        assert json.loads(info["ICMT"])["style"] == row.style
    assert "in 2 named styles: dub, electro" in (options.place.out / "README.txt").read_text()
    assert verify(options.place.out, deep=True).differences == ()


def test_a_pack_of_styles_goes_on_is_made_again_and_extended(small: Small, tmp_path: Path) -> None:
    options = small(**STYLED)
    with pytest.raises(KeyboardInterrupt):
        built(options, Silent(1))
    assert built(small(**STYLED, resume=True)).rendered == 1
    whole = audio_bytes(options.place.out)
    again, _ = options_again(str(options.place.out), (), small(**STYLED, out=str(tmp_path / "again")).place)
    assert built(again).rendered == 2
    assert audio_bytes(tmp_path / "again") == whole
    more = options_extended(2, 0, options.place)
    assert built(more).rendered == 2
    rows = read_manifest(options.place.out).rows
    assert [row.style for row in rows] == ["dub", "electro", "dub", "electro"]
    assert whole.items() <= audio_bytes(options.place.out).items()


def test_every_kick_of_a_style_is_one_hit() -> None:
    engine = Engine.load("parts")
    seeds = {seed for voices in TIMBRES.values() for seed in voices["kick"]}
    heard = {seed: engine.one_shot("kick", Controls(key="Amin", voices=(("kick", seed),))) for seed in seeds}
    assert {seed: found for seed, kick in heard.items() if (found := faults(kick, engine.sample_rate_hz))} == {}


def test_a_damaged_name_of_a_style_is_refused(small: Small) -> None:
    options = small(**STYLED)
    built(options)
    path = options.place.out / "manifest.json"
    path.write_text(path.read_text().replace('"style": "dub"', '"style": 3'))
    with pytest.raises(ValueError, match=r"^manifest: style must be a name$"):
        read_manifest(options.place.out)


def test_a_model_without_a_score_of_parts_is_refused(small: Small) -> None:
    options = small(**STYLED | {"models": ("techno:free",)})
    with pytest.raises(ValueError, match=r"^--styles: 'dub,electro', the model \S+ plays no score of parts$"):
        built(options)
    assert not options.place.out.exists()


def test_the_catalogue_is_listed_and_other_names_are_refused_in_a_line(run: Run) -> None:
    listed = run("styles").out.splitlines()
    assert len(listed) >= 12
    assert listed[0].split()[:3] == ["acid", "128,", "134"]
    refused = run("build", "--styles", "dubb")
    assert refused.code == 2
    assert refused.err.startswith("error: --styles: 'dubb', must be all, or some of acid, breaks, ")
    assert len(refused.err.splitlines()) == 1


def test_two_packs_of_different_seeds_share_no_file_name(small: Small, tmp_path: Path) -> None:
    both = tmp_path / "project"
    for name, seed in (("One", "1"), ("Two", "2")):
        options = small(
            out=str(tmp_path / name),
            name=None,
            seed=seed,
            kits="1",
            one_shots="1",
            stems=True,
            models=("techno:parts",),
        )
        built(options)
        for path in (path for path in options.place.out.rglob("*") if path.suffix in (".wav", ".mid")):
            assert not (both / path.name).exists()
            both.mkdir(exist_ok=True)
            shutil.copy(path, both)
    assert len(list(both.iterdir())) > 40
