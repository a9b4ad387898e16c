"""Files of a pack in a session of Ardour: as long as they are said to be, in frames and in beats of its tempo map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.packs.ardour import ARDOUR, TICKS, heard_by_ardour
from musika_daw.sound.riff import write_wave
from musika_daw.sound.tags import Acid, Tags
from tests.programs import need

RATE, BPM = 44100, 128.5


@pytest.fixture
def files(tmp_path: Path) -> dict[str, tuple[Path, int]]:
    """A four-bar loop at 128.5 bpm, and one that is a hundredth too long."""
    need("ardour7-lua", "taskset", str(ARDOUR))
    made = {}
    for name, bars in (("loop", 4.0), ("long", 4.04)):
        frames = round(bars * 240 / BPM * RATE)
        wave = 0.3 * np.sin(np.arange(frames) * 0.05)
        wave[frames // 2] = 0.75
        path = tmp_path / f"{name}.wav"
        write_wave(path, np.stack([wave, wave], 1).astype(np.float32), RATE, Tags(acid=Acid(16, BPM)))
        made[name] = path, frames
    return made


def test_a_loop_fills_its_bars_in_ardour(files: dict[str, tuple[Path, int]]) -> None:
    heard = heard_by_ardour(list(files.values()), RATE, BPM)
    path, frames = files["loop"]
    assert (heard[path].frames, heard[path].file_frames, heard[path].channels) == (frames, frames, 2)
    assert heard[path].ticks == pytest.approx(16 * TICKS, abs=2)
    assert heard[path].peak == pytest.approx(0.75, abs=1e-5)
    path, frames = files["long"]
    assert heard[path].file_frames == frames
    assert heard[path].ticks == pytest.approx(16.16 * TICKS, abs=2)


def test_a_file_shorter_than_said_is_seen(files: dict[str, tuple[Path, int]]) -> None:
    path, frames = files["loop"]
    assert heard_by_ardour([(path, frames + 100)], RATE, BPM)[path].file_frames == frames
