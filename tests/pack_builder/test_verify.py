"""Verifying: an untouched pack passes, and every kind of damage is named."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musika_daw.sound.riff import write_wave
from musika_daw.sound.riff_reader import read_wave
from musika_daw.sound.tags import Acid, Cue, Sampler, Tags
from pack_builder.plan.options import BuildOptions
from pack_builder.record.manifest import Manifest, read_manifest
from pack_builder.run.build import build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Silent, small_texts
from tests.pack_builder.pack_stand_in import SOURCE


@pytest.fixture(scope="module")
def original(built_once: Callable[..., Path]) -> Path:
    return built_once()


@pytest.fixture
def pack(original: Path, tmp_path: Path) -> Path:
    """A copy, which a test may change."""
    return Path(shutil.copytree(original, tmp_path / "pack"))


def loop_of(pack: Path) -> Path:
    return pack / read_manifest(pack).rows[0].file


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray] = lambda samples: samples, **tags: Any) -> None:
    samples, header = read_wave(path)
    write_wave(path, change(samples), header.sample_rate_hz, replace(header.tags, **tags))


def retag(path: Path, tags: Tags) -> None:
    samples, header = read_wave(path)
    write_wave(path, samples, header.sample_rate_hz, tags)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (lambda path: path.unlink(), "missing"),
    "one bit": (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\7"), "sha256"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:5000]), "cut short"),
    "no wav": (lambda path: path.write_bytes(b"hello"), "not a RIFF/WAVE file"),
    "shorter": (lambda path: rewrite(path, lambda samples: samples[:-1]), "frames 88199, manifest says 88200"),
    "mono": (lambda path: rewrite(path, lambda samples: samples[:, :1]), "channels 1, manifest says 2"),
    "empty": (lambda path: rewrite(path, lambda samples: samples[:0]), "holds no samples"),
    "louder": (lambda path: rewrite(path, lambda samples: samples * 1.05), "loudness"),
    "over": (lambda path: rewrite(path, lambda samples: samples * 1.8), "allowed up to -1"),
    "silent": (lambda path: rewrite(path, lambda samples: samples * 0), "loudness -inf"),
    "tempo": (lambda path: rewrite(path, acid=Acid(4, 121)), "acid says 4 beats at 121, manifest 4 at 120"),
    "beats": (lambda path: rewrite(path, acid=Acid(8, 120)), "acid says 8 beats"),
    "loop": (lambda path: rewrite(path, sampler=Sampler(((0, 5),))), "must be 0..88199"),
    "cues": (lambda path: rewrite(path, cues=(Cue(0, ""), Cue(1, ""))), "cue holds 2 markers, manifest says 1"),
    "no tags": (lambda path: retag(path, Tags()), "acid chunk is missing before data"),
    "no texts": (lambda path: rewrite(path, info={}), "LIST/INFO chunk is missing"),
}


def test_an_untouched_pack_passes(pack: Path) -> None:
    report = verify(pack)
    assert report.files == 4
    assert report.differences == ()


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(pack: Path, name: str) -> None:
    path, (damage, message) = loop_of(pack), DAMAGE[name]
    damage(path)
    report = verify(pack)
    found = [difference.what for difference in report.differences]
    assert any(message in what for what in found), found
    assert {difference.file for difference in report.differences} == {path.relative_to(pack).as_posix()}


def test_the_ceiling_is_that_of_the_chain(tmp_path: Path) -> None:
    (tmp_path / "loud.toml").write_text("ceiling_dbtp = -0.1\nloudness_lufs = -5.0\nlimiter_db = 3.0\n")
    options = BuildOptions.parse(**small_texts(out=str(tmp_path / "pack"), finish=str(tmp_path / "loud.toml")))
    build(options, Silent(), SOURCE)
    assert any(
        row.quality.true_peak_dbtp == pytest.approx(-0.1, abs=0.01) for row in read_manifest(options.place.out).rows
    )
    assert not verify(options.place.out, deep=True).differences
    rewrite(loop_of(options.place.out), lambda samples: samples * 1.05)
    assert any("allowed up to -0.1" in difference.what for difference in verify(options.place.out).differences)


def test_a_tempo_in_a_take_is_named(pack: Path) -> None:
    take = read_manifest(pack).rows[-1].file
    rewrite(pack / take, acid=Acid(4, 120))
    assert any("no tempo" in difference.what for difference in verify(pack).differences)


def test_changed_texts_are_named(pack: Path) -> None:
    (pack / "README.txt").write_text("mine")
    (pack / "LICENSE.txt").unlink()
    found = {(difference.file, difference.what) for difference in verify(pack).differences}
    assert found == {("README.txt", "sha256 differs from its checksum"), ("LICENSE.txt", "missing")}


def test_checksums_that_disagree_are_named(pack: Path) -> None:
    path = pack / "checksums.sha256"
    path.write_text("\n".join(path.read_text().splitlines()[1:]) + "\n")
    assert ["does not agree" in difference.what for difference in verify(pack).differences] == [True]
    path.unlink()
    assert any("missing" in difference.what for difference in verify(pack).differences)


def test_files_of_others_are_noted_and_no_difference(pack: Path) -> None:
    (pack / "Loops" / "mine.wav").write_bytes(b"")
    report = verify(pack)
    assert report.unlisted == ("Loops/mine.wav",)
    assert not report.differences


def test_a_manifest_cannot_point_outside_its_pack(pack: Path) -> None:
    manifest: Manifest = read_manifest(pack)
    rows = (replace(manifest.rows[0], file="../../etc/passwd"),)
    (pack / "manifest.json").write_text(replace(manifest, rows=rows).to_json())
    assert any("inside the pack" in difference.what for difference in verify(pack).differences)


def test_no_pack_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no manifest"):
        verify(tmp_path)
