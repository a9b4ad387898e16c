"""`musika-daw` as a user types it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from musika_daw.commands.cli import main
from musika_daw.commands.console import told
from musika_daw.instrument.engine import Engine
from musika_daw.sound.files import write_blocks


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff"])
def test_bars_are_rendered_to_their_length(tiny_model: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"bars.{suffix}"
    code, text = run("render", out, "--model", tiny_model, "--bpm", 150, "--bars", 2, "--start-bar", 5)
    assert code == 0, text
    info = soundfile.info(out)
    assert (info.frames, info.samplerate, info.channels, info.subtype) == (8 * 60 * 44_100 // 150, 44_100, 2, "PCM_24")


def test_loops_and_takes_are_rendered(tiny_model: Path, tmp_path: Path) -> None:
    assert run("render", tmp_path / "l.wav", "--model", tiny_model, "--bpm", 133, "--bars", 1, "--loop")[0] == 0
    assert soundfile.info(tmp_path / "l.wav").frames == round(4 * 60 * 44_100 / 133)
    assert run("render", tmp_path / "t.ogg", "--model", tiny_model, "--seconds", 3, "--density", 0.5)[0] == 0
    assert soundfile.info(tmp_path / "t.ogg").frames == 3 * 44_100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.mp3"], "out: 'a.mp3', must end in"),
        (["a.wav", "--bpm", "20"], "error: --bpm: 20.0 is not in the range 60<=x<=200\n"),
        (["a.wav", "--loop", "--seconds", "4"], "give --loop or --seconds"),
        (["a.wav", "--model", "nobody"], "model: 'nobody', is neither"),
        (["nowhere/a.wav", "--loop", "--bars", "1"], "error: out: nowhere"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "--model" not in arguments:
        arguments = [*arguments, "--model", str(tiny_model)]
    code, text = run("render", *arguments)
    assert code == 2
    assert message in text
    assert text.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_blocks(path, [np.zeros((100, 2), np.float32)], 44_100)
    before = path.read_bytes()

    def blocks():  # type: ignore[no-untyped-def]
        yield np.ones((50, 2), np.float32)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as error:
        write_blocks(path, blocks(), 44_100)
    assert told(error.value) == f"{path}: no space left on device"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_models_and_doctor_name_what_is_shipped() -> None:
    for command in ("models", "doctor"):
        code, text = run(command)
        assert code == 0, text
        assert "techno" in text
        assert "piano" in text


def test_doctor_sends_nobody_to_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sounddevice", "jack"):
        (tmp_path / f"{name}.py").write_text("raise OSError('library not found')")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("musika_daw.instrument.checkpoint.shipped_models", tuple)
    code, text = run("doctor")
    assert code == 0, text
    for name in ("JACK", "PortAudio"):
        assert f"{name}'s library is missing, its package is named below (library not found)" in text
    assert "musika-daw doctor" not in text


def test_models_says_who_plays_a_score() -> None:
    code, text = run("models")
    assert code == 0
    for line in text.splitlines():
        score = Engine.load(line.split()[0]).config.score
        said = ("plays no score" in line, "--key, --chords" in line, "--parts" in line)
        assert said == (not score, bool(score), bool(score))
        assert ("--voices, --style" in line) == (score == "parts")


def test_help_needs_no_torch() -> None:
    code = "import sys; sys.argv=['musika-daw','--help']; from musika_daw.commands.cli import main\n"
    code += "try: main()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules and 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_package_gives_its_names_lazily() -> None:
    import musika_daw

    for name in musika_daw.__all__:
        assert getattr(musika_daw, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = musika_daw.nothing


@pytest.mark.parametrize("suffix", ["ogg", "flac", "wav", "aiff"])
def test_one_long_block_is_written_whole(tmp_path: Path, suffix: str) -> None:
    """A loop comes as one block, however long; two minutes of it are more than an encoder's stack holds at once."""
    tone = 0.1 * np.sin(np.arange(120 * 44_100) * 0.05).astype(np.float32)
    assert write_blocks(tmp_path / f"a.{suffix}", [np.stack([tone, tone], 1)], 44_100).frames == len(tone)
    read = soundfile.read(tmp_path / f"a.{suffix}", dtype="float32")[0]
    assert len(read) == len(tone)
    assert np.abs(read[:, 0] - tone).max() < 0.02


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "ogg"])
def test_no_file_clips_and_its_shape_stays(tmp_path: Path, suffix: str) -> None:
    wave = np.random.default_rng(0).standard_normal((44_100, 2)).astype(np.float32)
    loudest_db = 20 * np.log10(np.abs(wave).max())
    written = write_blocks(tmp_path / f"a.{suffix}", [wave[:1000], wave[1000:]], 44_100, 3.0)
    assert written.turned_down_db == pytest.approx(3 + loudest_db + 1, abs=1e-4)
    read = soundfile.read(tmp_path / f"a.{suffix}", dtype="float32")[0]
    if suffix != "ogg":
        np.testing.assert_allclose(read, wave * 10 ** ((-1 - loudest_db) / 20), atol=1e-6)
    assert np.abs(read).max() < 1
    quiet = write_blocks(tmp_path / f"b.{suffix}", [wave], 44_100, -20.0)
    assert quiet.turned_down_db == 0
    peak = np.abs(soundfile.read(tmp_path / f"b.{suffix}")[0]).max()
    assert peak == pytest.approx(10 ** ((loudest_db - 20) / 20), rel=0.1)
    assert write_blocks(tmp_path / f"c.{suffix}", [], 44_100).frames == 0
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.{suffix}" for name in "abc"}


def test_a_render_has_headroom_and_says_when_it_was_turned_down(tiny_model: Path, tmp_path: Path) -> None:
    """The same stretch at two gains differs by them; one that would clip is told."""
    peaks = []
    for gain in (-30, -20):
        assert run("render", tmp_path / "a.wav", "--model", tiny_model, "--bars", 1, "--gain-db", gain)[0] == 0
        peaks.append(float(np.abs(soundfile.read(tmp_path / "a.wav")[0]).max()))
    assert 20 * np.log10(peaks[1] / peaks[0]) == pytest.approx(10, abs=0.01)
    raw_db = 20 * np.log10(peaks[0]) + 30
    code, text = run("render", tmp_path / "a.wav", "--model", tiny_model, "--bars", 1, "--gain-db", 24)
    assert code == 0
    level = re.search(r"turned down to (-?[\d.]+) dB: at 24 dB it would clip", text)
    assert float(level[1]) == pytest.approx(-1 - raw_db, abs=0.06)
    assert np.abs(soundfile.read(tmp_path / "a.wav")[0]).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)


@pytest.mark.parametrize("model", ["techno", "piano", "parts"])
def test_the_shipped_models_do_not_clip_by_default(tmp_path: Path, model: str) -> None:
    for seed in (2, 15):  # the loudest of twenty
        code, text = run("render", tmp_path / "a.wav", "--model", model, "--bars", 2, "--seed", seed, "--loop")
        assert code == 0, text
        samples = soundfile.read(tmp_path / "a.wav")[0]
        least = 0.5 if model == "parts" else 0.05  # a desk holds peaks, and needs no headroom
        assert least < np.abs(samples).max() <= 10 ** (-1 / 20) + 1e-6


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("bars: 0,\n must be 1..64"), "bars: 0, must be 1..64"),
        (FileNotFoundError(2, "No such file or directory", "take.wav"), "take.wav: no such file or directory"),
        (OSError("Disk is full"), "disk is full"),
        (click.BadParameter("3 is not in the range 64<=x<=8192."), "argument: 3 is not in the range 64<=x<=8192"),
        (click.UsageError("Give --loop or --seconds."), "give --loop or --seconds"),
    ],
)
def test_errors_of_all_kinds_are_told_alike(error: Exception, line: str) -> None:
    assert told(error) == line


@pytest.mark.parametrize(
    ("program", "arguments", "line"),
    [
        ("musika-daw", ("run", "--block", "3"), "error: --block: 3 is not in the range 64<=x<=8192\n"),
        ("musika-daw", ("render",), "error: missing argument 'OUT'\n"),
        ("musika-pack", ("build", "--progress", "x"), "error: --progress: 'x' is not one of 'auto', 'json'\n"),
        ("musika-pack", ("verify",), "error: missing argument 'DIR'\n"),
        ("musika-train", ("encode", "c", "--threads", "-1"), "error: --threads: -1 is not in the range 0<=x<=256\n"),
        ("musika-train", ("corpus", "folder", "nowhere"), "error: DIR: directory 'nowhere' does not exist\n"),
    ],
)
def test_all_programs_report_in_one_style(program: str, arguments: tuple[str, ...], line: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
