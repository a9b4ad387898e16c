"""Packs of a model that tells its notes: takes filed as asked, measured at their notes, verified in the same way."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musika_daw.hearing.check import check_take
from musika_daw.score.density import density_of_rate, merge_onsets
from musika_daw.score.midi_file import decode_midi, encode_midi
from musika_daw.sound.sounds import read_sound
from pack_builder.notes import take_notes
from pack_builder.plan.jobs import density_class
from pack_builder.record.density import HEARD, NOTES, counts_notes, density_filed
from pack_builder.record.manifest import MANIFEST, read_manifest
from pack_builder.record.rows import Row
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import page_data

pytestmark = pytest.mark.slow

SECONDS = 12
ASKED = (0.05, 0.35, 0.65, 0.95)
TAKES: dict[str, Any] = {
    "kinds": ("piano",),
    "loops_per_bpm": None,
    "takes": "4",
    "take_seconds": str(SECONDS),
    "density": "0.05-0.95",
}


@pytest.fixture(scope="module")
def original(built_once: Callable[..., Path]) -> Path:
    return built_once(**TAKES, models=("piano:score",))


@pytest.fixture
def pack(original: Path, tmp_path: Path) -> Path:
    """A copy, which a test may change."""
    return Path(shutil.copytree(original, tmp_path / "pack"))


def rows_of(folder: Path) -> tuple[Row, ...]:
    return read_manifest(folder).rows


def densities(folder: Path) -> list[str]:
    """What a deep check says of densities."""
    return [difference.what for difference in verify(folder, deep=True).differences if "density" in difference.what]


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The manifest with each of its rows changed."""
    manifest = json.loads((folder / MANIFEST).read_text())
    for row in manifest["files"]:
        change(row)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_takes_are_filed_and_measured_as_they_are_asked(original: Path) -> None:
    rows = rows_of(original)
    assert [row.music.density_asked for row in rows] == list(ASKED)
    for row, asked in zip(rows, ASKED):
        assert Path(row.file).parent.name == density_class(asked)
        assert row.music.density_curve is not None
        assert row.music.density_curve["counted"] == NOTES
        notes = take_notes(original, row)
        assert notes is not None
        body = notes.onset < SECONDS - 3
        written = float(density_of_rate(len(merge_onsets(notes.onset[body])) / (SECONDS - 3)))
        assert row.music.density_measured == pytest.approx(written, abs=0.08)
    assert [Path(row.file).parent.name for row in rows] == ["sparse", "medium", "medium", "dense"]
    pages = json.loads(page_data(original)[0])["files"]
    assert [entry["density"] for entry in pages] == ["sparse", "medium", "medium", "dense"]
    assert verify(original, deep=True).differences == ()


def test_a_model_without_a_score_is_counted_and_filed_by_ear(built_once: Callable[..., Path]) -> None:
    folder = built_once(**TAKES)
    for row in rows_of(folder):
        samples, header = read_sound(folder / row.file)
        density = check_take(samples, header.sample_rate_hz, SECONDS).density
        assert density is not None
        assert row.music.density_curve is not None
        assert row.music.density_curve["counted"] == HEARD
        assert row.music.density_measured == pytest.approx(density, abs=0.01)
        assert Path(row.file).parent.name == density_class(density)
    assert verify(folder, deep=True).differences == ()


def test_without_midi_files_takes_are_filed_alike_and_their_count_is_not_checked(
    original: Path, built_once: Callable[..., Path]
) -> None:
    folder = built_once(**TAKES, models=("piano:score",), midi=False)
    assert [row.file for row in rows_of(folder)] == [row.file for row in rows_of(original)]
    assert [row.music for row in rows_of(folder)] == [row.music for row in rows_of(original)]
    assert verify(folder, deep=True).differences == ()


def test_a_false_density_is_told(pack: Path) -> None:
    changed(pack, lambda row: row.update(density_measured=row["density_measured"] + 0.07))
    assert len(densities(pack)) == len(ASKED)
    assert all("manifest says" in what for what in densities(pack))


def test_packs_that_do_not_say_what_was_counted_were_counted_by_ear(pack: Path) -> None:
    def older(row: dict[str, Any]) -> None:
        samples, header = read_sound(pack / row["file"])
        row["density_measured"] = check_take(samples, header.sample_rate_hz, SECONDS).density
        del row["density_curve"]["counted"]

    changed(pack, older)
    rows = rows_of(pack)
    assert not any(counts_notes(row.music.density_curve) for row in rows)
    assert (rows[-1].music.density_measured or 1.0) < ASKED[-1] - 0.08  # what the picker leaves of it
    assert densities(pack) == []


def faster(path: Path) -> None:
    """Its notes are played in half the time."""
    music = decode_midi(path.read_bytes())
    path.write_bytes(encode_midi(replace(music, bpm=2 * music.bpm)))


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no midi"), faster])
def test_a_lost_or_changed_midi_file_is_told_once_and_no_density(pack: Path, damage: Callable[[Path], object]) -> None:
    midi = rows_of(pack)[-1].midi
    assert midi is not None
    damage(pack / midi.file)
    found = {difference.file for difference in verify(pack, deep=True).differences}
    assert found == {midi.file}
    assert densities(pack) == []


@pytest.mark.parametrize(
    ("curves", "filed"),
    [
        ({"asked": [[0.0, 0.9]], "counted": NOTES}, 0.9),
        ({"asked": [[0.0, 0.9]], "counted": HEARD}, 0.4),
        ({"asked": [[0.0, 0.9]]}, 0.4),
        ({"asked": [[0.0, 0.2], [8.0, 0.9]], "counted": NOTES}, 0.4),
        ({"asked": None, "counted": NOTES}, 0.4),
        (None, 0.4),
    ],
)
def test_the_asked_density_files_a_take_where_it_is_one_and_is_played(curves: Any, filed: float) -> None:
    assert density_filed(curves, 0.4) == filed


def test_a_take_that_falls_silent_is_measured_so_whatever_it_was_told(original: Path) -> None:
    row = rows_of(original)[-1]
    samples, header = read_sound(original / row.file)
    half = samples * (np.arange(len(samples)) < len(samples) * 0.375)[:, None]  # of the body
    findings = check_take(half.astype(np.float32), header.sample_rate_hz, SECONDS, take_notes(original, row))
    assert findings.density is not None
    lost = np.log(2) / np.log(32)
    assert findings.density == pytest.approx((row.music.density_measured or 0.0) - lost, abs=0.03)
