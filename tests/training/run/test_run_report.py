"""What people watch: the report, its pictures, and the table on the terminal."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from tests.training.run.conftest import Stages
from training.runs.examples import averaged
from training.runs.pictures import latents_picture, png, spectrogram
from training.runs.report import curve, read_log, write_report
from training.runs.watch import LiveTable, watching


@pytest.mark.parametrize("stage", ["autoencoder", "gan"])
def test_a_run_leaves_a_report_with_sound_inside(stage: str, stages: Stages) -> None:
    text = (getattr(stages, stage) / "report.html").read_text()
    assert "<polyline" in text
    assert "step 4" in text
    # three pairs of the first set and three of the last
    assert text.count("data:image/png;base64,") == 12
    assert text.count("data:audio/flac;base64,") == 12
    # self-contained: nothing is fetched
    assert set(re.findall(r"(?:src|href)=(.{6})", text)) == {"'data:"}
    parser = HTMLParser()
    parser.feed(text)
    parser.close()


def test_examples_are_held_out_music_and_pieces_of_the_same_length(stages: Stages) -> None:
    import soundfile

    for run in (stages.autoencoder, stages.gan):
        for number in range(3):
            pair = [soundfile.read(run / "examples" / f"000004-{number}-{r}.flac")[0] for r in ("target", "made")]
            assert pair[0].shape == pair[1].shape
            assert pair[0].std() > 1e-4


@pytest.mark.parametrize("stage", ["autoencoder", "gan"])
def test_tensorboard_holds_the_same_sound(stage: str, stages: Stages) -> None:
    import soundfile
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = getattr(stages, stage)
    events = EventAccumulator(str(run / "events"), size_guidance={"audio": 0})
    events.Reload()
    assert sorted(events.Tags()["audio"]) == sorted(f"{role}/{i}" for role in ("made", "target") for i in range(3))
    heard = next(e for e in events.Audio("made/1") if e.step == 4)
    sound, rate_hz = soundfile.read(io.BytesIO(heard.encoded_audio_string))
    file, file_rate_hz = soundfile.read(run / "examples" / "000004-1-made.flac", always_2d=True)
    assert rate_hz == file_rate_hz
    np.testing.assert_allclose(sound.reshape(-1), file.mean(1), atol=2e-4)


def test_the_report_grows_and_stays_small(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    rows = ["step,seconds,total,rec"] + [f"{i},{i},{1 / (i + 1)},nan" for i in range(20_000)]
    (tmp_path / "log.csv").write_text("\n".join(rows) + "\n")
    for step in range(0, 400, 10):
        for role in ("made", "target"):
            (tmp_path / "examples" / f"{step:06d}-0-{role}.png").write_bytes(png(np.zeros((8, 8))))
            (tmp_path / "examples" / f"{step:06d}-0-{role}.flac").write_bytes(b"fLaC")
    text = write_report(tmp_path).read_text()
    assert text.count("<h3>") == 6
    assert text.count("<audio") == 4
    assert len(text) < 100_000
    steps, seconds, columns = read_log(tmp_path / "log.csv")
    assert steps[-1] == 19_999
    assert seconds[-1] == 19_999
    assert set(columns["rec"]) == {None}


def test_an_empty_run_has_a_report(tmp_path: Path) -> None:
    assert "no steps yet" in write_report(tmp_path).read_text()


def test_curves_are_inside_their_frame() -> None:
    text = curve("a <loss>", [1, 2, 3], [5.0, None, 0.001])
    points = re.search(r"points='([^']*)'", text)
    assert points is not None
    places = [tuple(float(v) for v in p.split(",")) for p in points[1].split()]
    assert len(places) == 2
    assert all(0 <= x <= 360 and 0 <= y <= 170 for x, y in places)
    assert "a &lt;loss&gt;" in text
    assert "(log)" in text
    assert curve("none", [1], [None]) == ""


def test_pictures_are_png_files_of_their_values() -> None:
    values = np.linspace(0, 1, 64).reshape(4, 16)
    image = np.asarray(Image.open(io.BytesIO(png(values))).convert("L"), float)
    assert image.shape == (4, 16)
    assert (np.diff(image.ravel()) >= -1).all()
    assert latents_picture(np.zeros((10, 3))).shape == (3, 10)


def test_a_tone_is_a_line_at_its_height() -> None:
    def row(hz: float) -> int:
        tone = np.sin(2 * np.pi * hz * np.arange(44_100) / 44_100)
        return int(spectrogram(np.stack([tone, tone], 1), 44_100)[:, 200].argmax())

    assert row(4000) < row(1000) < row(300)


def test_averaged_weights_are_only_borrowed(stages: Stages) -> None:
    from musika_daw.instrument.models import TINY
    from tests.training.run.tiny import QUICK_GAN
    from training.generator.gan import GanTrainer

    trainer = GanTrainer(TINY.generator, QUICK_GAN)
    before = {k: v.clone() for k, v in trainer.generator.state_dict().items()}
    trainer.ema.shadow = {k: torch.zeros_like(v) for k, v in before.items()}
    with averaged(trainer):
        assert not trainer.generator.training
        assert all((v == 0).all() for v in trainer.generator.state_dict().values())
    assert trainer.generator.training
    assert all(torch.equal(v, before[k]) for k, v in trainer.generator.state_dict().items())


def test_the_live_table_shows_losses_and_where_to_look(tmp_path: Path) -> None:
    table = LiveTable(tmp_path, 10, 100)
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    for step in (10, 20):
        table(step, 60.0 * step, {"total": 100 / step, "rec": 0.5})
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for words in ("starting", "step 20", "report.html", "total", "5.0000", "9.5000"):
        assert words in text, words


def test_without_a_terminal_reports_are_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with watching(tmp_path, 1) as report:
        assert report is not None
        report(7, 60, {"total": 1.25})
    assert capsys.readouterr().out == "   1.0 min  step      7  total 1.250\n"
    with watching(tmp_path, 1, quiet=True) as report:
        assert report is None
