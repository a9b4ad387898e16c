"""The manifest: what is written is read back; anything else is refused in one line."""

import csv
import io
import json
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pack_builder.record.manifest import Head, Manifest, checksum_text, read_checksums, read_manifest, write_manifest
from pack_builder.record.rows import Gap, Model, Row, models_from, plain
from pack_builder.record.stream import iter_gaps, iter_rows, read_head
from tests.pack_builder.pack_helpers import GAP, ROW

PACK = Manifest(
    "MSK", "First", "2026-01-01", "musika-daw 1", {"seed": 7}, (Model("techno", "t", "ab"),), (ROW,), (GAP,)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_a_manifest_is_read_back() -> None:
    pack = replace(PACK, rows=(ROW, Row.from_dict(plain(ROW) | {"file": "Loops/b.wav", "bpm": 120, "frames": 7})))
    assert Manifest.from_json(pack.to_json()) == pack


def test_a_row_of_a_pack_that_was_built_earlier_is_read_and_written_as_it_stood() -> None:
    earlier = (
        '{"file": "Loops/a.wav", "sha256": "ab", "sample_rate_hz": 44100, "bits": 24, "channels": 2, "frames": 100, '
        '"frames_exact": "201/2", "bpm": 128.5, "bpm_exact": "257/2", "beats": 16, "bars": 4, "meter": "4/4", '
        '"kind": "techno", "shape": "loop", "role": "", "kit": null, "key": null, "key_fit": 0.1, "root_note": null, '
        '"root_cents": null, "likeness": null, "onset_s": null, "density_asked": null, "density_measured": null, '
        '"onsets_per_s": null, "density_curve": null, "energy_asked": null, "job": "techno/loop/257/2/0", '
        '"word": "cobalt", "seed": 1, "style_seed": 2, "start_beat": 0, "model": "techno", "weights_sha256": "cd", '
        '"finish": "clean", "measured_bpm": 128.49, "tempo_error_pct": -0.01, "downbeat_offset_ms": 0.1, '
        '"beat_offset_ms": 0.2, "seam_score": 0.0, "seam_flux_ratio": 1.0, "seam_step": 0.1, "end_db": null, '
        '"loudness_lufs": -12.0, "true_peak_dbtp": -1.0, "gain_db": 3.0, "clipped_frames": 0, "inside_limits": true, '
        '"broken": [], "attempts": 1, "tried": [{"seed": 1, "broken": {}}], "licence": "free"}'
    )
    row = Row.from_dict(json.loads(earlier))
    assert (row.sound.frames, row.music.bpm_exact, row.source.word, row.quality.seam_step) == (
        100,
        "257/2",
        "cobalt",
        0.1,
    )
    assert json.dumps(plain(row)) == earlier


def test_the_table_holds_the_same_rows() -> None:
    [row] = csv.DictReader(io.StringIO(PACK.to_csv()))
    assert row["frames_exact"] == "201/2"
    assert row["key"] == ""
    assert list(row) == [name for name in plain(ROW) if name not in ("tried", "density_curve")]


@settings(deadline=None)
@given(st.text() | json_values.map(json.dumps))
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^manifest: "):
        Manifest.from_json(text)


@settings(deadline=None)
@given(st.sampled_from(["format", "pack", "files", "gaps"]), json_values)
def test_other_contents_are_refused(name: str, value: Any) -> None:
    text = json.dumps(json.loads(PACK.to_json()) | {name: value})
    if value == [] and name in ("files", "gaps"):
        assert getattr(Manifest.from_json(text), "rows" if name == "files" else "gaps") == ()
        return
    with pytest.raises(ValueError, match=r"^manifest"):
        Manifest.from_json(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frames", "7"),
        ("frames", None),
        ("frames", True),
        ("bpm", "fast"),
        ("file", 3),
        ("key", 1),
        ("broken", "seam"),
        ("tried", {}),
        ("inside_limits", 1),
        ("density_curve", []),
    ],
)
def test_fields_of_another_type_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"'{name}'"):
        Row.from_dict(plain(ROW) | {name: value})


def test_missing_unknown_and_foreign_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="'colour'"):
        Row.from_dict(plain(ROW) | {"colour": 1})
    with pytest.raises(ValueError, match="manifest: gap, field 'tried'"):
        Gap.from_dict({name: value for name, value in vars(GAP).items() if name != "tried"})
    with pytest.raises(ValueError, match="object"):
        Row.from_dict([1])
    with pytest.raises(ValueError, match="model must hold"):
        models_from([{"kind": "techno"}])


def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no manifest\.json"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not text"):
        read_manifest(tmp_path)


def test_checksums_cover_texts_and_audio(tmp_path: Path) -> None:
    write_manifest(tmp_path, PACK, iter(PACK.rows), iter(PACK.gaps), texts={"README.txt": "hello"})
    assert set(read_checksums(tmp_path)) == {"Loops/a.wav", "README.txt", "manifest.csv"}
    assert read_manifest(tmp_path) == PACK
    assert (tmp_path / "manifest.json").read_text() == PACK.to_json()
    assert (tmp_path / "manifest.csv").read_text() == PACK.to_csv()


def test_rows_are_read_one_by_one(tmp_path: Path) -> None:
    rows = [replace(ROW, file=f"Loops/{number}.wav") for number in range(5)]
    write_manifest(tmp_path, PACK, iter(rows), iter([GAP, GAP]), texts={})
    assert list(iter_rows(tmp_path)) == rows
    assert list(iter_gaps(tmp_path)) == [GAP, GAP]
    assert read_head(tmp_path) == Head(**{field.name: getattr(PACK, field.name) for field in fields(Head)})


def test_a_manifest_that_another_program_wrote_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(json.loads(PACK.to_json()), indent=4))
    assert (list(iter_rows(tmp_path)), list(iter_gaps(tmp_path))) == ([ROW], [GAP])
    assert read_head(tmp_path).recipe == PACK.recipe


@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_manifest_never_passes_as_a_shorter_one(data: st.DataObject) -> None:
    text = PACK.to_json()
    at = data.draw(st.integers(0, len(text) - 4))
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "manifest.json").write_text(text[:at])
        with pytest.raises(ValueError, match=r"^manifest"):
            assert (list(iter_rows(place)), list(iter_gaps(place))) == ([ROW], [GAP])


def test_a_gap_tells_its_reasons_most_frequent_first() -> None:
    assert GAP.reasons == {"seam": 2, "tempo": 1}


@pytest.mark.parametrize("line", ["short", "0" * 64 + "  ../a", "g" * 64 + "  a", "0" * 64 + "a"])
def test_bad_checksum_lines_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "checksums.sha256").write_text(line + "\n")
    with pytest.raises(ValueError, match=r"checksum|inside"):
        read_checksums(tmp_path)


def test_checksum_lines_are_those_of_sha256sum() -> None:
    assert checksum_text([("ab", "x y.wav")]) == "ab  x y.wav\n"
