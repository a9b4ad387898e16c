"""The parts of a loop beside it: they add up to it, whatever it went through, and what is wrong with one is named."""

import json
import shutil
import xml.etree.ElementTree as Xml
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rpp
import soundfile

from musika_daw.sound.riff import write_wave
from musika_daw.sound.riff_reader import read_wave
from musika_daw.sound.sounds import FORMATS, read_any_header
from musika_daw.sound.tags import ACID_ROOT_SET
from musika_daw.system.atomic import sha256_of
from pack_builder.again import differences, options_again, options_extended
from pack_builder.inspect import lines_of
from pack_builder.plan.options import BuildOptions, place_from
from pack_builder.record.manifest import read_checksums, read_manifest
from pack_builder.record.rows import Row, plain
from pack_builder.render.source import MUSIKA
from pack_builder.render.stems.stems import tolerance
from pack_builder.run.build import BuildError, build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import ROW, Ran, Silent, page_data, small_texts
from tests.pack_builder.pack_stand_in import SOURCE, techno
from tests.pack_builder.publish.test_labels import check_element

pytestmark = pytest.mark.slow

Run = Callable[..., Ran]
APART = {"kinds": ("techno",), "models": ("techno:parts",), "stems": True}
LOOPS = ("--kind", "techno", "--bars", "1", "--bpm", "120", "--loops-per-bpm", "1", "--jobs", "1", "--stems")


def options_of(out: Path, **texts: Any) -> BuildOptions:
    return BuildOptions.parse(**small_texts(**APART | {"out": str(out)} | texts))


def every_file(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def off(folder: Path, row: Row) -> float:
    """How far the stems of a loop are from it, at most, as libsndfile reads them."""
    assert row.stems is not None
    loop = soundfile.read(folder / row.file, always_2d=True)[0]
    parts = [soundfile.read(folder / stem.file, always_2d=True)[0] for stem in row.stems.files]
    assert {part.shape for part in parts} == {loop.shape}
    return float(np.abs(sum(parts) - loop * 10 ** (row.stems.gain_db / 20)).max())


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stems") / "pack"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pack_builder.publish.page.EMBEDDED_S", 0)
        build(options_of(out, finish="club", kits="1"), Silent(), SOURCE)
    return out


@pytest.fixture
def pack(original: Path, tmp_path: Path) -> Path:
    """A copy, which a test may change, in a folder of another name."""
    return Path(shutil.copytree(original, tmp_path / "renamed"))


def test_beside_every_loop_lie_its_parts_and_add_up_to_it(original: Path) -> None:
    rows = read_manifest(original).rows
    assert {row.music.shape for row in rows if row.stems is None} == {"shot"}
    loops = [row for row in rows if row.stems]
    assert {row.music.shape for row in loops} == {"loop", "fill"}
    for row in loops:
        assert row.stems is not None
        stem = Path(row.file).stem
        assert [part.file for part in row.stems.files] == [
            f"{Path(row.file).parent.as_posix()}/{stem}_stems/{stem}_{role}.wav" for role in ("drums", "chords")
        ]
        assert off(original, row) <= tolerance(FORMATS["wav24"], 2)
        assert all(read_checksums(original)[part.file] == part.sha256 for part in row.stems.files)
    names = [path.name for path in original.rglob("*.wav")]
    assert len(set(names)) == len(names)
    report = verify(original, deep=True)
    assert (report.differences, report.unlisted, report.stems) == ((), (), 2 * len(loops))


def test_the_loops_are_those_of_a_pack_without(original: Path, tmp_path: Path) -> None:
    build(options_of(tmp_path / "plain", finish="club", kits="1", stems=False), Silent(), SOURCE)
    plain_ones, apart = every_file(tmp_path / "plain"), every_file(original)
    loops = {name for name in plain_ones if name.endswith(".wav")}
    assert {name for name in apart if name.endswith(".wav")} - loops
    assert all(plain_ones[name] == apart[name] for name in loops)
    assert '"stems": {' not in (tmp_path / "plain" / "manifest.json").read_text()


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if not form.lossy])
def test_they_add_up_in_every_format_and_say_what_they_are(tmp_path: Path, name: str) -> None:
    build(options_of(tmp_path / "pack", bpm="128.5", format=name, finish="warm"), Silent(), SOURCE)
    [row] = read_manifest(tmp_path / "pack").rows
    assert row.stems is not None
    assert off(tmp_path / "pack", row) <= tolerance(FORMATS[name], 2)
    loop = read_any_header(tmp_path / "pack" / row.file)
    for stem in row.stems.files:
        header = read_any_header(tmp_path / "pack" / stem.file)
        assert (header.frames, header.bits, header.channels) == (loop.frames, loop.bits, 2)
        assert header.tags.acid is not None
        assert (header.tags.acid.beats, header.tags.acid.tempo_bpm) == (4, pytest.approx(128.5))
        facts = json.loads(header.tags.info["ICMT"])
        assert (facts["stem"], facts["loop"]) == (stem.role, Path(row.file).name)
        assert facts["seed"] == row.source.seed
    assert verify(tmp_path / "pack").differences == ()


@pytest.mark.parametrize("form", ["wav24", "flac", "aiff"])
def test_the_key_is_that_of_what_has_one(tmp_path: Path, parts_model: Path, form: str) -> None:
    """From the real engine, of untrained weights, at a tempo whose length is no whole number of frames."""
    values = {
        "models": (str(parts_model),),
        "attempts": "1",
        "keep_best": True,
        "bpm": "131.7",
        "bars": "2",
        "format": form,
    }
    options = options_of(tmp_path / "pack", finish="clean", asked_key="Gm", loops_per_bpm="2", **values)
    build(options, Silent(), MUSIKA)
    rows = read_manifest(tmp_path / "pack").rows
    for row in rows:
        assert row.stems is not None
        assert row.music.key == "Gmin"
        assert off(tmp_path / "pack", row) <= tolerance(FORMATS[form], len(row.stems.files))
        for stem in row.stems.files:
            tags = read_any_header(tmp_path / "pack" / stem.file).tags
            assert tags.acid is not None
            assert tags.key == (None if stem.role == "drums" else "Gmin")
            if form == "wav24":
                assert bool(tags.acid.flags & ACID_ROOT_SET) == (stem.role != "drums")
    assert len({stem.role for row in rows if row.stems for stem in row.stems.files}) > 1
    assert verify(tmp_path / "pack").differences == ()


def test_a_build_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    values = {"bpm": "120,124,128.5"}
    build(options_of(tmp_path / "one", jobs="2", **values), Silent(), SOURCE)
    options = options_of(tmp_path / "two", **values)
    with pytest.raises(KeyboardInterrupt):
        build(options, Silent(stop_after=2), SOURCE)
    stems = sorted((tmp_path / "two").rglob("*_stems/*.wav"))
    assert len(stems) == 4
    stems[0].unlink()  # a part that is gone is made again with its loop, the others are kept
    again = Silent()
    build(options.changed(resume=True), again, SOURCE)
    assert again.kept == 1
    one, two = every_file(tmp_path / "one"), every_file(tmp_path / "two")
    assert {name for name in one if one[name] != two.get(name)} <= {"manifest.json"}
    assert one.keys() == two.keys()


def test_a_manifest_makes_them_again_and_extend_goes_on_with_them(pack: Path, tmp_path: Path) -> None:
    place = place_from({"out": str(tmp_path / "again"), "jobs": "1"}, models=APART["models"])
    build(options_again(str(pack), (), place)[0], Silent(), SOURCE)
    assert differences(pack, tmp_path / "again") == []
    assert every_file(tmp_path / "again").keys() == every_file(pack).keys()
    manifest = read_manifest(pack)
    text = (pack / "manifest.json").read_text()
    first = manifest.rows[0].stems
    assert first is not None
    (pack / "manifest.json").write_text(text.replace(first.files[1].sha256, "0" * 64))
    assert differences(pack, tmp_path / "again") == [first.files[1].file]
    (pack / "manifest.json").write_text(text)
    before = every_file(pack)
    build(options_extended(1, 0, replace(place, out=pack)), Silent(), SOURCE)
    after = every_file(pack)
    assert all(after[name] == data for name, data in before.items() if name.endswith(".wav"))
    assert sum(row.stems is not None for row in read_manifest(pack).rows) == 1 + sum(
        row.stems is not None for row in manifest.rows
    )
    assert verify(pack).differences == ()


def paths_of(pack: Path) -> tuple[Path, Path, Path]:
    """A loop and its two stems."""
    row = read_manifest(pack).rows[0]
    assert row.stems is not None
    one, two = (pack / stem.file for stem in row.stems.files)
    return pack / row.file, one, two


def swap(pack: Path) -> None:
    _, one, two = paths_of(pack)
    one_bytes, two_bytes = one.read_bytes(), two.read_bytes()
    one.write_bytes(two_bytes)
    two.write_bytes(one_bytes)


def change(path: Path, how: Callable[[np.ndarray], np.ndarray]) -> None:
    samples, header = read_wave(path)
    write_wave(path, how(samples), header.sample_rate_hz, header.tags)


def shifted(pack: Path) -> None:
    change(paths_of(pack)[1], lambda samples: np.roll(samples, 1, axis=0))


def sworn(pack: Path) -> None:
    """The manifest says the hashes of what lies there."""
    text = (pack / "manifest.json").read_text()
    sums = (pack / "checksums.sha256").read_text()
    for stem in read_manifest(pack).rows[0].stems.files:
        digest = sha256_of(pack / stem.file)
        text, sums = text.replace(stem.sha256, digest), sums.replace(stem.sha256, digest)
    (pack / "manifest.json").write_text(text)
    (pack / "checksums.sha256").write_text(sums)


DAMAGE: dict[str, tuple[Callable[[Path], object], tuple[int, ...], str]] = {
    "gone": (lambda pack: paths_of(pack)[1].unlink(), (1,), "missing"),
    "swapped": (swap, (1, 2), "sha256"),
    "swapped and sworn": (lambda pack: (swap(pack), sworn(pack)), (1, 2), "says that it is"),
    "late": (shifted, (0, 1), "sha256"),
    "late and sworn": (lambda pack: (shifted(pack), sworn(pack)), (0,), "its stems add up to it but for"),
    "short": (lambda pack: change(paths_of(pack)[2], lambda samples: samples[:-1]), (2,), "frames"),
    "no sound file": (lambda pack: paths_of(pack)[2].write_text("hello"), (2,), "not a RIFF/WAVE file"),
    "louder loop": (lambda pack: change(paths_of(pack)[0], lambda samples: samples * 1.01), (0,), "its stems add up"),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("deep", [False, True])
def test_what_is_wrong_with_one_is_named(run: Run, pack: Path, name: str, deep: bool) -> None:
    damage, where, message = DAMAGE[name]
    files = [path.relative_to(pack).as_posix() for path in paths_of(pack)]
    damage(pack)
    found = verify(pack, deep).differences
    assert {difference.file for difference in found} == {files[index] for index in where}
    assert any(message in difference.what for difference in found), found
    assert run("verify", str(pack)).code == 1


def test_the_page_the_readme_inspect_and_the_table_tell_of_them(run: Run, pack: Path) -> None:
    row = read_manifest(pack).rows[0]
    assert row.stems is not None
    [page] = page_data(pack)
    shown = json.loads(page)["files"]
    assert [[stem["file"] for stem in file["stems"]] for file in shown] == [
        [stem.file for stem in each.stems.files] if each.stems else [] for each in read_manifest(pack).rows
    ]
    readme = (pack / "README.txt").read_text()
    assert "loops in parts" in readme
    assert "add up to it" in readme
    assert dict(lines_of(pack / row.file))["stems"].split(", ") == sorted(
        Path(stem.file).name for stem in row.stems.files
    )
    assert dict(lines_of(pack / row.stems.files[1].file))["stem"] == f"chords of {Path(row.file).name}"
    count = sum(len(each.stems.files) for each in read_manifest(pack).rows if each.stems)
    assert f"and {count} stems, which add up to their loops, are as the manifest says" in run("verify", str(pack)).out
    assert "stems" not in (pack / "manifest.csv").read_text().splitlines()[0]


def test_sessions_hold_them_on_muted_tracks_where_their_loops_lie(original: Path) -> None:
    rows = [row for row in read_manifest(original).rows if row.stems and row.music.bpm == 120]
    stems = {f"../{stem.file}": row for row in rows for stem in row.apart()}
    places: dict[str, set[str]] = {"loops": set(), "stems": set()}
    for track in rpp.loads(next((original / "Projects").glob("*120bpm.rpp")).read_text()).findall("TRACK"):
        for item in track.findall("ITEM"):
            file = item.find("SOURCE").find("FILE")[1]
            assert track.find("MUTESOLO")[1] == ("1" if file in stems else "0")
            assert track.find("NAME")[1].endswith(" stem") == (file in stems)
            loop = f"../{stems[file].file}" if file in stems else file
            places["stems" if file in stems else "loops"].add(f"{loop} {item.find('POSITION')[1]}")
    assert places["loops"] == places["stems"] != set()
    with zipfile.ZipFile(next((original / "Projects").glob("*120bpm.dawproject"))) as archive:
        root = Xml.fromstring(archive.read("project.xml"))
    check_element(root)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(set(ids)) == len(ids)
    tracks = {track.get("id"): track for track in root.iter("Track")}
    heard = set()
    for lane in root.iterfind("Arrangement/Lanes/Lanes"):
        for file in lane.iter("File"):
            heard.add(file.get("path"))
            assert (tracks[lane.get("track")].find("Channel/Mute") is not None) == (file.get("path") in stems)
    assert set(stems) < heard


def test_a_model_without_parts_is_refused_in_one_line(run: Run, tmp_path: Path) -> None:
    ran = run("build", *LOOPS, "--out", str(tmp_path / "pack"))
    assert (ran.code, ran.err) == (
        2,
        "error: --stems: the model techno plays no score of parts, which the stems would be played from "
        "(--model parts does)\n",
    )
    assert not (tmp_path / "pack").exists()


def test_what_cannot_be_is_refused_before_anything_is_loaded(run: Run, tmp_path: Path) -> None:
    ran = run("build", "--kind", "piano", "--stems", "--out", str(tmp_path / "pack"))
    assert (ran.code, ran.err) == (2, "error: --stems: piano has none (--kind techno has them)\n")
    (tmp_path / "x.vst3").write_bytes(b"")
    chain = tmp_path / "own.toml"
    chain.write_text(f'[[effect]]\nuse = "vst3"\npath = "{tmp_path / "x.vst3"}"\n')
    ran = run("build", *LOOPS, "--finish", str(chain), "--out", str(tmp_path / "pack"))
    assert ran.code == 2
    assert ran.err.endswith(
        "x.vst3', cannot be combined with --stems: what a vst3 does to one part of a loop is not known\n"
    )
    assert not (tmp_path / "pack").exists()


def test_parts_that_do_not_add_up_end_the_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        "tests.pack_builder.pack_stand_in.StandIn.stems",
        lambda self, bpm, bars, controls, rate, start_beat: {"drums": techno(bpm, bars, rate, controls.seed) * 0.9},
    )
    options = options_of(tmp_path / "pack", bpm="120")
    with pytest.raises(BuildError, match=r"^model techno, techno/loop/120/0: the parts of a loop do not add up to it$"):
        build(options, Silent(), SOURCE)
    assert not list((tmp_path / "pack").rglob("*.wav"))


def test_a_row_with_stems_is_read_back_and_a_damaged_one_refused() -> None:
    part = {"role": "drums", "file": "a.wav", "sha256": "0" * 64, "loudness_lufs": None, "true_peak_dbtp": -1.5}
    stems = {"gain_db": -0.5, "files": [part]}
    row = Row.from_dict(plain(ROW) | {"stems": stems})
    assert row.stems is not None
    assert Row.from_dict(json.loads(json.dumps(plain(row)))) == row
    assert plain(row)["stems"] == stems
    assert "stems" not in plain(ROW)
    wrongs: list[Any] = [
        None,
        [],
        {},
        stems | {"more": 1},
        stems | {"files": []},
        stems | {"files": {}},
        stems | {"gain_db": "0"},
        stems | {"gain_db": True},
        stems | {"files": [part | {"more": 1}]},
        stems | {"files": [part | {"role": 3}]},
        stems | {"files": [3]},
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"^manifest: stems?\b"):
            Row.from_dict(plain(ROW) | {"stems": wrong})
