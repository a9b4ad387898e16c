"""`musika-daw` as a user types it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from musika_daw.cli import main
from musika_daw.files import write_blocks


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
    [(["a.mp3"], "out: 'a.mp3', must end in"), (["a.wav", "--bpm", "20"], "invalid value for '--bpm'"),
     (["a.wav", "--loop", "--seconds", "4"], "give --loop or --seconds"),
     (["a.wav", "--model", "nobody"], "model: 'nobody' is neither"),
     (["nowhere/a.wav", "--loop", "--bars", "1"], "out: nowhere")],
)  # fmt: skip
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

    with pytest.raises(OSError, match="No space left"):
        write_blocks(path, blocks(), 44_100)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_models_and_doctor_name_what_is_shipped() -> None:
    for command in ("models", "doctor"):
        code, text = run(command)
        assert code == 0, text
        assert "techno" in text
        assert "piano" in text


def test_help_needs_no_torch() -> None:
    code = "import sys; sys.argv=['musika-daw','--help']; from musika_daw.cli import main\n"
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
    assert write_blocks(tmp_path / f"a.{suffix}", [np.stack([tone, tone], 1)], 44_100) == len(tone)
    read = soundfile.read(tmp_path / f"a.{suffix}", dtype="float32")[0]
    assert len(read) == len(tone)
    assert np.abs(read[:, 0] - tone).max() < 0.02
