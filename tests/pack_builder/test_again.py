"""Reproducing and extending: the same bytes from the record alone, additions that disturb nothing."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pack_builder.again import options_again, options_extended, other_precision
from pack_builder.plan.options import BuildOptions, place_from
from pack_builder.plan.recipe import EARLIER, options_from, recipe_of
from pack_builder.record.manifest import read_manifest
from pack_builder.record.rows import Row, plain
from pack_builder.run.build import build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Ran, Silent, audio_bytes
from tests.pack_builder.pack_stand_in import SOURCE

Small = Callable[..., BuildOptions]
Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def original(built_once: Callable[..., Path]) -> Path:
    return built_once(kits="1", one_shots="1", finish="warm", density_curve="0:0.3 2:0.8", models=("techno:click",))


@pytest.fixture
def pack(original: Path, tmp_path: Path) -> Path:
    """A copy, which a test may change."""
    return Path(shutil.copytree(original, tmp_path / "pack"))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"density": "none", "takes": "3"},
        {"density_curve": "0:0.2 1.5:0.9"},
        {"finish": "club", "kits": "2"},
        {"take_bars": "3", "take_bpm": "77.7", "take_seconds": None},
        {"format": "flac", "keep_best": True, "attempts": "4"},
        {"no_page": True},
        {"chords": "Am % C/E"},
        {"styles": "dub,acid"},
        {"styles": "all", "bpm": None},
    ],
)
def test_a_recipe_gives_its_options_back(small: Small, values: dict) -> None:
    options = small(**values)
    again = options_from(recipe_of(options), options.place)
    assert again == options
    assert recipe_of(again) == recipe_of(options)


def test_a_recipe_of_before_there_was_an_option_is_understood(small: Small) -> None:
    earlier = {name: value for name, value in recipe_of(small()).items() if name not in EARLIER}
    assert options_from(earlier, small().place) == small().changed(exact_tempo=False, scored=())


def test_an_earlier_pack_is_still_the_same_request_and_can_be_extended(pack: Path, run: Run, small: Small) -> None:
    path = pack / "manifest.json"
    text = path.read_text()
    assert options_from(recipe_of(small()) | {"take_key": "A#min"}, small().place).music.take_key == "Bbmin"
    for name, value in EARLIER.items():
        now = recipe_of(small())[name]
        line = rf',\s*"{name}": ({re.escape(json.dumps(value))}|{re.escape(json.dumps(now))})'
        assert len(re.findall(line, text)) == 1
        text = re.sub(line, "", text)
    path.write_text(text)
    assert run("extend", str(pack), "--loops", "1", "--model", "techno:click", "--jobs", "1").code == 0
    assert verify(pack).differences == ()


@pytest.mark.parametrize("damage", [{"bpm": "x"}, {"chains": None}, {"density": ["1/0"]}, {"more": 1}])
def test_a_damaged_recipe_is_refused(small: Small, damage: dict) -> None:
    with pytest.raises(ValueError, match=r"^manifest: its recipe is damaged or of another version$"):
        options_from(recipe_of(small()) | damage, small().place)


def test_a_manifest_gives_the_same_bytes(run: Run, pack: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    ran = run(
        "build",
        "--from-manifest",
        str(pack / "manifest.json"),
        "--out",
        str(again),
        "--jobs",
        "2",
        "--model",
        "techno:click",
    )
    assert ran.code == 0
    assert "every file has the bytes that the manifest says" in ran.out
    assert audio_bytes(again) == audio_bytes(pack)
    for name in ("index.html", "manifest.csv", "checksums.sha256", "README.txt"):
        assert (again / name).read_bytes() == (pack / name).read_bytes()
    for path in [*pack.rglob("*.dawproject"), *pack.rglob("*.rpp"), *pack.rglob("*.sfz")]:
        assert (again / path.relative_to(pack)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("by", ["word", "job", "file", "stem", "pattern"])
def test_one_file_is_made_again(run: Run, pack: Path, tmp_path: Path, by: str) -> None:
    row = read_manifest(pack).rows[1]
    name = {
        "word": row.source.word,
        "job": row.job,
        "file": row.file,
        "stem": Path(row.file).stem,
        "pattern": f"*_{row.source.word}*",
    }[by]
    again = tmp_path / "again"
    ran = run("build", "--from-manifest", str(pack), "--only", name, "--out", str(again), "--model", "techno:click")
    assert ran.code == 0
    assert audio_bytes(again) == {row.file: (pack / row.file).read_bytes()}
    assert not verify(again).differences


def test_an_older_manifest_of_other_bytes_is_told(run: Run, pack: Path, tmp_path: Path) -> None:
    row = read_manifest(pack).rows[0]
    path = pack / "manifest.json"
    path.write_text(path.read_text().replace(row.sound.sha256, "0" * 64))
    ran = run(
        "build",
        "--from-manifest",
        str(pack),
        "--only",
        row.source.word,
        "--out",
        str(tmp_path / "again"),
        "--model",
        "techno:click",
    )
    assert ran.code == 1
    assert f"{row.file}: other bytes than the manifest says" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "x"], "--only: 'x', needs --from-manifest"),
        (["--from-manifest", "{pack}", "--only", "nothing"], "--only: 'nothing', must name a file of"),
        (["--from-manifest", "{pack}", "--bpm", "120"], "--bpm: cannot be combined with --from-manifest"),
        (["--from-manifest", "{pack}", "--kind", "techno"], "--kind: cannot be combined with --from-manifest"),
        (["--from-manifest", "nowhere"], "nowhere: holds no manifest.json"),
        (["--from-manifest", "nowhere", "--kind", "techno"], "nowhere: holds no manifest.json"),
    ],
)
def test_wrong_uses_are_named(run: Run, pack: Path, arguments: list[str], message: str, tmp_path: Path) -> None:
    filled = [text.format(pack=pack) for text in arguments]
    ran = run("build", *filled, "--out", str(tmp_path / "x"))
    assert ran.code == 2
    assert message in ran.err


def test_other_weights_are_refused(pack: Path, tmp_path: Path) -> None:
    path = pack / "manifest.json"
    path.write_text(path.read_text().replace('"weights_sha256": "74', '"weights_sha256": "99', 1))
    options, _ = options_again(str(pack), (), place_from({"out": str(tmp_path / "again")}))
    with pytest.raises(ValueError, match="--model: the pack was made with techno weights 99"):
        build(options, Silent(), SOURCE)


def test_a_pack_is_gone_on_with_and_made_again_in_its_own_precision(pack: Path, tmp_path: Path) -> None:
    def precisions(folder: Path) -> set[str]:
        return {model.precision for model in read_manifest(folder).models}

    path = pack / "manifest.json"
    text = path.read_text()
    assert precisions(pack) == {"32"}
    path.write_text(re.sub(r',\s+"precision": "32"', "", text))
    assert read_manifest(pack) == type(read_manifest(pack)).from_json(text), "packs of before had no other"
    path.write_text(text.replace('"precision": "32"', '"precision": "bf16"'))
    place = place_from({"models": ("techno:click",), "out": str(tmp_path / "again")})
    again = build(options_again(str(pack), (), place)[0], Silent(), SOURCE).folder
    assert precisions(again) == {"bf16"}
    assert other_precision(pack, again) is None
    place = place_from({"models": ("techno:click",), "out": str(pack)})
    build(options_extended(1, 0, place), Silent(), SOURCE)
    assert precisions(pack) == {"bf16"}
    path.write_text(text)
    assert other_precision(pack, again) == "its networks ran in 32, these in bf16"


def test_an_extension_adds_without_clashes_and_disturbs_nothing(run: Run, pack: Path) -> None:
    before, rows = audio_bytes(pack), read_manifest(pack).rows
    ran = run("extend", str(pack), "--loops", "5", "--takes", "1", "--model", "techno:click")
    assert ran.code == 0
    after, more = audio_bytes(pack), read_manifest(pack).rows
    assert before.items() <= after.items()
    assert len(after) == len(before) + 6
    assert more[: len(rows)] == rows
    assert len({row.source.word for row in more}) == len({row.file for row in more}) == len({row.job for row in more})
    assert not verify(pack, deep=True).differences
    assert run("extend", str(pack), "--loops", "2", "--model", "techno:click").code == 0
    assert len(audio_bytes(pack)) == len(before) + 8


def test_a_stopped_extension_goes_on_to_the_same_bytes(small: Small, tmp_path: Path) -> None:
    for name in ("one", "two"):
        build(small(out=str(tmp_path / name)), Silent(), SOURCE)
    build(options_extended(4, 0, place_from({"out": str(tmp_path / "one"), "resume": False})), Silent(), SOURCE)
    with pytest.raises(KeyboardInterrupt):
        build(
            options_extended(4, 0, place_from({"out": str(tmp_path / "two"), "resume": False})),
            Silent(stop_after=2),
            SOURCE,
        )
    with pytest.raises(ValueError, match="unfinished pack; add --resume"):
        options_extended(4, 0, place_from({"out": str(tmp_path / "two"), "resume": False}))
    build(options_extended(0, 0, place_from({"out": str(tmp_path / "two"), "resume": True})), Silent(), SOURCE)
    assert audio_bytes(tmp_path / "one") == audio_bytes(tmp_path / "two")


@pytest.mark.parametrize(
    ("loops", "takes", "message"),
    [("0", "0", "must be at least 1 of either"), ("-1", "0", "--loops: -1, must be within 0..100000")],
)
def test_wrong_extensions_are_named(run: Run, pack: Path, loops: str, takes: str, message: str) -> None:
    ran = run("extend", str(pack), "--loops", loops, "--takes", takes)
    assert (ran.code, message in ran.err) == (2, True)
    assert run("extend", str(pack.parent), "--loops", "1").err.endswith("holds no pack\n")


def test_deep_verification_hears_what_hashes_alone_would_not_tell(pack: Path) -> None:
    from pack_builder.record.manifest import write_manifest

    manifest = read_manifest(pack)
    measured = {"seam_score": 9.0, "tempo_error_pct": 3.0}
    wrong = [Row.from_dict(plain(row) | (measured if row.music.shape == "loop" else {})) for row in manifest.rows]
    write_manifest(pack, manifest, wrong, manifest.gaps, texts={})
    assert not [difference for difference in verify(pack).differences if "seam" in difference.what]
    said = {difference.what.split(" ")[0] for difference in verify(pack, deep=True).differences}
    assert {"seam", "tempo"} <= said
