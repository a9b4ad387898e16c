"""`musika-daw like`, and `--like` of `render`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from musika_daw.commands.cli import main
from musika_daw.sound.labels import read_labels

RATE_HZ = 44_100


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def recording(parts_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop that says 126 bpm and D minor."""
    out = tmp_path_factory.mktemp("like") / "drop.wav"
    code, text = run(
        "render", out, "--loop", "--bars", 2, "--bpm", 126, "--key", "Dm", "--seed", 4, "--model", parts_model
    )
    assert code == 0, text
    return out


def test_what_is_found_are_options_of_render(recording: Path, parts_model: Path) -> None:
    code, text = run("like", recording, "--model", parts_model, "--tries", 3)
    assert code == 0, text
    first, second, options = text.splitlines()
    assert first.endswith("126.00 bpm (labelled), Dmin (labelled)")
    assert second.startswith("nearest of 3 styles of ")
    assert options.startswith("--bpm 126 --key Dmin --voices ")
    code, text = run("like", recording, "--model", parts_model, "--tries", 3, "--json")
    facts = json.loads(text)
    assert (facts["bpm"], facts["key"], facts["style_seed"]) == (126, "Dmin", None)
    assert f"--voices {facts['voices']}" in options
    assert facts["distance"] <= facts["typical"]


def test_progress_for_programs_is_a_line_after_each_try(recording: Path, parts_model: Path) -> None:
    code, text = run("like", recording, "--model", parts_model, "--tries", 3, "--json", "--progress", "json")
    assert code == 0, text
    *told, found = map(json.loads, text.splitlines())
    assert told == [{"done": done, "tries": 3} for done in (1, 2, 3)]
    assert found["voices"].startswith("drums=")


def test_render_like_a_loop_has_its_tempo_and_key_and_says_its_voices(
    recording: Path, parts_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "more.wav"
    code, text = run("render", out, "--loop", "--bars", 2, "--like", recording, "--model", parts_model)
    assert code == 0, text
    labels = read_labels(out)
    assert (labels.bpm, labels.key, labels.bars) == (126, "Dmin", 2)
    voices = text.split("--voices ")[1].split()[0]
    again = tmp_path / "again.wav"
    asked = ("--bpm", 126, "--key", "Dm", "--voices", voices)
    assert run("render", again, "--loop", "--bars", 2, *asked, "--model", parts_model)[0] == 0
    np.testing.assert_array_equal(soundfile.read(again)[0], soundfile.read(out)[0])


def test_what_is_asked_goes_before_what_is_heard(recording: Path, parts_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "more.wav"
    asked = ("--bpm", 100, "--key", "F#m")
    code, text = run("render", out, "--loop", "--bars", 2, "--like", recording, *asked, "--model", parts_model)
    assert code == 0, text
    assert (read_labels(out).bpm, read_labels(out).key) == (100, "F#min")


def test_a_recording_without_a_beat_silence_and_no_sound_are_refused_in_one_line(
    parts_model: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "hiss.wav", 0.1 * rng.standard_normal((8 * RATE_HZ, 2)), RATE_HZ)
    soundfile.write(tmp_path / "none_120bpm.wav", np.zeros((8 * RATE_HZ, 2)), RATE_HZ)
    (tmp_path / "text.wav").write_text("no sound at all")
    broken = 0.1 * rng.standard_normal((8 * RATE_HZ, 2))
    soundfile.write(tmp_path / "cut_120bpm.flac", broken, RATE_HZ)
    (tmp_path / "cut_120bpm.flac").write_bytes((tmp_path / "cut_120bpm.flac").read_bytes()[:500_000])
    broken[1000] = np.nan
    soundfile.write(tmp_path / "nan_120bpm.wav", broken, RATE_HZ, subtype="FLOAT")
    soundfile.write(tmp_path / "huge_120bpm.wav", np.full((8 * RATE_HZ, 2), 1e30), RATE_HZ, subtype="FLOAT")
    os.mkfifo(tmp_path / "pipe.wav")
    out = tmp_path / "out.wav"
    for name, said in (
        ("hiss.wav", "no steady beat is heard"),
        ("none_120bpm.wav", "silent"),
        ("text.wav", "text.wav"),
        ("missing.wav", "missing.wav: no such file"),
        ("pipe.wav", "pipe.wav: is no plain file"),
        ("cut_120bpm.flac", "cut_120bpm.flac: "),
        ("nan_120bpm.wav", "nan_120bpm.wav: holds numbers that are not finite"),
        ("huge_120bpm.wav", "huge_120bpm.wav: holds a sample of 1e+30, must be within 1e+10"),
    ):
        for command in (("like",), ("render", out, "--loop", "--like")):
            code, text = run(*command, tmp_path / name, "--model", parts_model)
            assert code == 2, text
            assert text.startswith("error: like: ")
            assert said in text
            assert len(text.strip().splitlines()) == 1, text
    assert not out.exists()


def test_voices_of_a_model_without_parts_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    code, text = run("render", out, "--loop", "--voices", "kick=3", "--model", tiny_model)
    assert code == 2
    assert "voices: kick=3, but tiny" in text or "plays no score of parts" in text
    assert not out.exists()
