"""Building: the tree, the same bytes in every way to get there, and every way to be stopped."""

import base64
import io
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika_daw.hearing.check import seam
from musika_daw.hearing.limits import SEAM_LIMIT
from pack_builder.plan.options import BuildOptions
from pack_builder.publish.page import EMBEDDED_S, PREVIEW_S
from pack_builder.record.journal import JOURNAL
from pack_builder.record.manifest import read_checksums, read_manifest
from pack_builder.run.build import Result, build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Silent, audio_bytes, page_data
from tests.pack_builder.pack_stand_in import SOURCE

Small = Callable[..., BuildOptions]


def built(options: BuildOptions, observer: Silent | None = None) -> Result:
    return build(options, observer or Silent(), SOURCE)


def test_a_pack_without_a_page_is_the_same_but_for_the_page(small: Small, whole: dict[str, bytes]) -> None:
    options = small(no_page=True)
    assert built(options).rendered == 4
    assert not list(options.place.out.glob("*.html"))
    assert audio_bytes(options.place.out) == whole
    assert verify(options.place.out).differences == ()


def test_the_tree_is_complete_and_verifies(small: Small) -> None:
    options = small()
    result = built(options)
    assert result.rendered == 4
    names = {path.relative_to(options.place.out).as_posix() for path in options.place.out.rglob("*") if path.is_file()}
    texts = {"README.txt", "LICENSE.txt", "manifest.json", "manifest.csv", "checksums.sha256", "index.html"}
    assert texts < names
    sets = {name for name in names if name.startswith(("Presets/", "Projects/"))}
    assert {Path(name).suffix for name in sets} == {".sfz", ".dspreset", ".dawproject", ".rpp"}
    assert names - texts - sets == {row.file for row in result.manifest.rows}
    assert set(read_checksums(options.place.out)) == names - {"manifest.json", "checksums.sha256"}
    report = verify(options.place.out)
    assert (report.files, report.differences, report.unlisted) == (4, (), ())


def test_every_loop_says_what_it_is_to_libsndfile(small: Small) -> None:
    options = small(bpm="120,128.5,171", bars="4")
    for row in built(options).manifest.rows:
        with soundfile.SoundFile(options.place.out / row.file) as file:
            assert (file.subtype, file.samplerate, file.channels, file.frames) == ("PCM_24", 44100, 2, row.sound.frames)
            log = file.extra_info
        if row.music.shape == "loop":
            assert row.sound.frames == round(4 * 240 * 44100 / row.music.bpm)
            for text in (
                f"Tempo     : {row.music.bpm:f}",
                "Beats     : 16",
                f"End : {row.sound.frames - 1}",
                "labl : 4 : bar 4",
            ):
                assert text in log
        else:
            assert "acid" not in log


@pytest.mark.parametrize("form", ["wav24", "flac", "aiff"])
def test_a_key_that_was_heard_is_in_every_place_where_keys_are_read(
    small: Small, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    import mutagen

    monkeypatch.setattr("pack_builder.render.write.key_of", lambda *_: ("F#min", 0.9))
    options = small(format=form)
    for row in built(options).manifest.rows:
        assert row.music.key == "F#min"
        path = options.place.out / row.file
        assert path.stem.endswith("_F#min")
        with soundfile.SoundFile(path) as file:
            log = file.extra_info
        if form == "wav24":
            assert '"key": "F#min"' in log
            assert ("Root note : 0x42" in log) == (row.music.shape == "loop")
        else:
            tags = mutagen.File(path).tags
            assert str(tags["TKEY"] if form == "aiff" else tags["initialkey"][0]) == (
                "F#m" if form == "aiff" else "F#min"
            )
    assert "RootNoteInvalid" not in log or "acid" not in log


@pytest.mark.parametrize(
    ("form", "text"),
    [("wav24", "acid, smpl\nand cue chunks"), ("flac", "LOOPLENGTH, INITIALKEY"), ("aiff", "an ID3 tag")],
)
def test_the_readme_tells_of_what_is_there(small: Small, form: str, text: str) -> None:
    options = small(format=form, label="My_Label", name="Night_Drive")
    built(options)
    readme = (options.place.out / "README.txt").read_text()
    assert readme.startswith("My Label - Night Drive\n" + 22 * "=" + "\n")
    assert text in readme
    assert ("musika-pack inspect" in readme) == (form == "wav24")
    assert "One_Shots" not in readme
    assert "{" not in readme
    takes = small(kinds=("piano",), out=str(options.place.out) + "2")
    built(takes)
    assert "downbeat" not in (takes.place.out / "README.txt").read_text()


def test_what_is_written_is_what_was_measured(small: Small) -> None:
    options = small()
    for row in built(options).manifest.rows:
        samples, _ = soundfile.read(options.place.out / row.file, dtype="float32")
        assert row.quality.true_peak_dbtp is not None
        assert np.abs(samples).max() <= 10 ** (-1 / 20) + 1e-4
        if row.music.bpm and row.music.beats:
            assert seam(samples, 44100, row.music.beats)[0] == pytest.approx(row.quality.seam_score, abs=0.01)
            assert row.quality.seam_score is not None
            assert row.quality.seam_score < SEAM_LIMIT
            assert row.quality.measured_bpm == pytest.approx(row.music.bpm, rel=0.005)


@pytest.mark.parametrize("sample_rate_hz", [48000, 88200, 96000])
def test_other_sample_rates(small: Small, sample_rate_hz: int) -> None:
    options = small(bpm="133", takes="1", sample_rate=str(sample_rate_hz))
    rows = built(options).manifest.rows
    assert rows[0].sound.frames == round(240 * sample_rate_hz / 133)
    assert not verify(options.place.out).differences


def test_same_seed_same_bytes_other_seed_other_music(small: Small, whole: dict[str, bytes], tmp_path: Path) -> None:
    built(small())
    assert audio_bytes(small().place.out) == whole
    other = small(seed="8", out=str(tmp_path / "other"))
    built(other)
    assert not set(audio_bytes(other.place.out).values()) & set(whole.values())


def test_workers_change_nothing(small: Small, whole: dict[str, bytes]) -> None:
    options = small(jobs="2")
    manifest = built(options).manifest
    assert audio_bytes(options.place.out) == whole
    assert [row.job for row in manifest.rows] == [
        "techno/loop/120/0",
        "techno/loop/257/2/0",
        "piano/take/0",
        "piano/take/1",
    ]


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("models", "message"),
    [
        (("drums",), "--model: 'drums', is neither one of"),
        (("violin",), "--model: 'violin', its weights are of kind 'violin', asked for is techno, piano"),
        (("techno", "techno:x"), "--model: 'techno:x', second model of kind 'techno'"),
    ],
)
def test_wrong_models_are_named_before_anything_is_written(
    small: Small, models: tuple[str, ...], message: str, jobs: str
) -> None:
    with pytest.raises(ValueError, match=message):
        built(small(models=models, jobs=jobs))
    assert not small().place.out.exists()


def test_folders_that_hold_something_else_are_refused(small: Small, tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    built(small())  # an empty folder is fine
    with pytest.raises(ValueError, match=r"holds a pack with seed 7, not 9; must be a new or empty folder"):
        built(small(seed="9", resume=True))
    with pytest.raises(ValueError, match=r"holds a pack with bpm 120, 128.5, not 90; must be a new or empty folder"):
        built(small(bpm="90", resume=True))
    with pytest.raises(ValueError, match=r"holds a pack made with .*; name these by --model, or an empty folder"):
        built(_other_weights(small))
    holiday = tmp_path / "holiday"
    holiday.mkdir()
    (holiday / "beach.jpg").touch()
    with pytest.raises(ValueError, match=r"holds something else \(beach.jpg\), must be a new or empty folder"):
        built(small(out=str(holiday), resume=True))
    with pytest.raises(ValueError, match="not a directory, must be a folder"):
        built(small(out=str(holiday / "beach.jpg")))
    (holiday / "manifest.json").write_text("{}")
    with pytest.raises(ValueError, match="manifest: must be of format"):
        built(small(out=str(holiday)))
    (holiday / JOURNAL).write_text("{}\n")
    with pytest.raises(ValueError, match="damaged"):
        built(small(out=str(holiday)))


def test_a_pack_keeps_its_name_where_its_folder_was_renamed(small: Small, tmp_path: Path) -> None:
    for stopped in (True, False):
        first, second = tmp_path / f"first{stopped}", tmp_path / f"second{stopped}"
        with suppress(KeyboardInterrupt):
            built(small(out=str(first), name=None), Silent(stop_after=2 if stopped else None))
        first.rename(second)
        again = small(out=str(second), name=None, resume=True)
        assert built(again).rendered == (2 if stopped else 0)
        assert {row.file.split("/")[-1].split("_")[1] for row in read_manifest(second).rows} == {f"First{stopped}"}
        with pytest.raises(ValueError, match=f"holds a pack with name First{stopped}, not Third; must be"):
            built(small(out=str(second), name="Third", resume=True))


def test_a_pack_whose_names_have_whole_tempi_goes_on_with_them(small: Small) -> None:
    before = small().changed(exact_tempo=False)
    with pytest.raises(KeyboardInterrupt):
        built(before, Silent(stop_after=1))
    assert built(small(resume=True)).rendered == 3
    names = {row.file.rpartition("_")[0] for row in read_manifest(before.place.out).rows if row.music.bpm_exact}
    loops = {"120bpm": "MSK_First_120bpm_techno_loop", "128_5bpm": "MSK_First_129bpm_techno_loop"}
    assert names == {f"Loops/Techno_Loops/{folder}/{name}" for folder, name in loops.items()}


def _other_weights(small: Small) -> BuildOptions:
    path = small().place.out / "manifest.json"
    path.write_text(path.read_text().replace('"weights_sha256": "74', '"weights_sha256": "99', 1))
    return small(resume=True)


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pack_builder.publish.page.EMBEDDED_S", EMBEDDED_S)


@pytest.mark.usefixtures("embedded")
def test_the_longest_take_is_built_and_its_page_plays_a_preview(small: Small) -> None:
    options = small(kinds=("piano",), takes="1", take_seconds="600", density="0.1", attempts="1", keep_best=True)
    assert built(options).rendered == 1
    [row] = read_manifest(options.place.out).rows
    assert row.sound.frames == 600 * 44100
    [[entry]] = [json.loads(text)["files"] for text in page_data(options.place.out)]
    assert entry["preview"] == PREVIEW_S
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(entry["sound"])))
    assert len(heard) == PREVIEW_S * rate
    real = soundfile.read(options.place.out / row.file, frames=20 * rate)[0]
    assert np.corrcoef(heard[: 20 * rate, 0], real[:, 0])[0, 1] > 0.99
    assert np.abs(heard[-rate // 100 :]).max() < 0.01  # it fades


@pytest.mark.usefixtures("embedded")
def test_long_loops_and_high_rates_are_embedded_whole(small: Small) -> None:
    options = small(
        kinds=("techno",), bpm="60", bars="16", loops_per_bpm="1", sample_rate="96000", attempts="1", keep_best=True
    )
    assert built(options).rendered == 1
    [row] = read_manifest(options.place.out).rows
    [[entry]] = [json.loads(text)["files"] for text in page_data(options.place.out)]
    assert entry["preview"] is None
    assert soundfile.info(io.BytesIO(base64.b64decode(entry["sound"]))).frames == row.sound.frames == 64 * 96000


def test_a_key_is_refused_by_a_model_without_a_score_before_anything_is_written(small: Small) -> None:
    options = small(kinds=("piano",), takes="1", take_key="Am", models=("piano:free",))
    with pytest.raises(ValueError, match=r"^--take-key: 'Amin', the model \S+ plays no score"):
        built(options)
    for model in ("techno:free", "piano:free"):
        with pytest.raises(ValueError, match=r"^--key: 'Amin', the model \S+ plays no score"):
            built(small(asked_key="Am", models=(model,)))
    assert not options.place.out.exists()


def test_chords_voices_and_density_are_refused_by_a_model_that_would_not_heed_them(small: Small) -> None:
    for model in ("techno:free", "piano:free"):
        with pytest.raises(ValueError, match=r"^--chords: 'Am \| F', the model \S+ plays no score, which would follow"):
            built(small(chords="Am F", models=(model,)))
    with pytest.raises(ValueError, match=r"^--voices: 'kick=3', the model \S+ plays no score of parts"):
        built(small(voices="kick=3", models=("techno:free",)))
    for values, line in (
        ({"density": "0.2-0.4"}, "--density: '0.2-0.4', the model piano knows no density, allowed is none"),
        ({}, "--density: '0.1-0.9', the model piano knows no density, allowed is none"),
        ({"density_curve": "0:0.2 1:0.5"}, "--density-curve: the model piano knows no density"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
            built(small(kinds=("piano",), models=("piano:free",), **values))
    assert not small().place.out.exists()
    assert built(small(kinds=("piano",), density="none", takes="1", models=("piano:free",))).rendered == 1


def test_all_files_are_labelled_with_the_key_that_is_asked(small: Small) -> None:
    rows = built(small(asked_key="A#", one_shots="1", bars="2")).manifest.rows
    assert {row.music.key for row in rows if row.music.shape != "shot"} == {"Bbmaj"}
    assert all(row.file.endswith("_Bbmaj.wav") for row in rows if row.music.shape != "shot")


def test_a_date_goes_into_the_files_only_when_asked(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    options = small(kinds=("techno",), bpm="120")
    [row] = built(options).manifest.rows
    assert "ICRD : 1970-01-02" in soundfile.SoundFile(options.place.out / row.file).extra_info
    assert read_manifest(options.place.out).created == "1970-01-02T00:00:00+00:00"
