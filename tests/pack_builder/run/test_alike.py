"""`musika-pack build --like`: a pack that sounds like a loop, in its tempo and key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from musika_daw.commands.cli import main as musika_daw
from musika_daw.score.parts import PARTS, voices_named
from pack_builder.cli import cli, main


def build(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["build", "--kind", "techno", *(str(a) for a in arguments)])
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alike") / "drop.wav"
    asked = ("--loop", "--bars", "2", "--bpm", "131", "--key", "Gm", "--seed", "2")
    result = CliRunner().invoke(musika_daw, ["render", str(out), *asked])
    assert result.exit_code == 0, result.output
    return out


@pytest.mark.slow
def test_a_pack_has_tempo_key_and_voices_of_a_loop_and_is_made_again_without_it(drop: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    code, text = build("--like", drop, "--loops-per-bpm", 1, "--bars", 2, "--jobs", 1, "--out", pack, "--no-page")
    assert code == 0, text
    manifest = json.loads((pack / "manifest.json").read_text())
    recipe = manifest["pack"]["recipe"]
    (loop,) = [row for row in manifest["files"] if row["shape"] == "loop"]
    assert (loop["bpm_exact"], loop["key"], recipe["asked_key"]) == ("131", "Gmin", "Gmin")
    assert {name for name, _ in voices_named(recipe["voices"])} <= set(PARTS)
    assert f"--voices {recipe['voices']}" in text
    arguments = ["build", "--from-manifest", str(pack), "--out", str(tmp_path / "again")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "every file has the bytes that the manifest says" in result.output


def test_what_cannot_go_with_it_is_refused_before_anything_is_written(
    drop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = tmp_path / "pack"
    for options, said in (
        (("--voices", "kick=3"), "--voices: 'kick=3', cannot be combined with --like"),
        (("--model", "techno"), "techno plays no score of parts"),
        (("--from-manifest", tmp_path), "--like: cannot be combined with --from-manifest"),
        (("--bars", "3"), "--bars"),
        (("--kind", "piano"), f"--like: '{drop}', piano has no voices"),
    ):
        kind = () if "--kind" in options else ("--kind", "techno")
        arguments = ("build", *kind, "--like", drop, *options, "--out", pack)
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        assert end.value.code == 2
        assert said in capsys.readouterr().err
        assert not pack.exists()
