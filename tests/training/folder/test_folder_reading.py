"""Files of any format, rate and channel count come out as 44.1 kHz stereo."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training.folder.music import FORMATS, write
from training.corpus.folder.reading import UnusableError, blocks
from training.corpus.store import SAMPLE_RATE_HZ


@pytest.mark.parametrize("form", FORMATS, ids=lambda f: f"{f[0]}-{f[3]}-{f[4]}")
def test_a_tone_keeps_its_length_pitch_and_level(form: tuple[str, str, str | None, int, int], tmp_path: Path) -> None:
    time = np.arange(3 * form[3]) / form[3]
    tone = (0.4 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    path = write(tmp_path / f"tone.{form[0]}", np.stack([tone, tone], 1), form)
    audio = np.concatenate(list(blocks(path)))
    assert audio.shape[1] == 2
    assert len(audio) == pytest.approx(3 * SAMPLE_RATE_HZ, rel=0.05)
    middle = audio[SAMPLE_RATE_HZ : 2 * SAMPLE_RATE_HZ, 0]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) == pytest.approx(440, abs=1)
    assert np.abs(middle).max() == pytest.approx(0.4, abs=0.03)


def test_what_nothing_reads_is_offered_to_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "song.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + b"\0" * 100)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnusableError, match="needs the program ffmpeg"):
        list(blocks(path))
    program = tmp_path / "ffmpeg"
    program.write_text(
        f"#!{sys.executable}\nimport array, sys\nassert '{path}' in sys.argv\n"
        "sys.stdout.buffer.write(array.array('f', [0.25, -0.5] * 1000).tobytes())\n"
    )
    program.chmod(0o755)
    audio = np.concatenate(list(blocks(path)))
    np.testing.assert_array_equal(audio, np.tile(np.float32([0.25, -0.5]), (1000, 1)))
    program.write_text(f"#!{sys.executable}\nraise SystemExit(1)\n")
    with pytest.raises(UnusableError, match="not a sound file"):
        list(blocks(path))
    assert os.access(program, os.X_OK)
