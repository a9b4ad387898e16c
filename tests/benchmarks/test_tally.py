"""What a soak takes for a fault, and what it excuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.jack.tally import Tally, growth, slope
from benchmarks.soak import wrong_with


def tally(**measured: object) -> Tally:
    """Ten minutes without a fault, but for what is given."""
    told = {
        "begun_s": 1000.0,
        "seconds": 600.0,
        "host_mib": [90.0, 99.0, 100.0, 100.0, 100.5, 100.0, 100.2, 99.9, 100.1, 100.0],
        "renderer_mib": [400.0, 440.0, 434.0, 446.0, 414.0, 434.0, 436.0, 430.0, 434.0, 435.0],
        "moves": [(1002.0, "tempo"), (1200.0, "locate")],
        "clicks": np.array([(1000.0 + at_s, 0.01, float(at_s)) for at_s in range(5, 600)]),
    }
    return Tally(**{**told, **measured})  # type: ignore[arg-type]


def clicks_with(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.concatenate([tally().clicks, np.array(rows)])


def test_ten_calm_minutes_have_no_fault_and_a_table() -> None:
    calm = tally()
    assert calm.faults() == []
    table = calm.table()
    assert "clicks else" in table
    assert "595; off 0.010 ms in the median, 0.010 at most" in table
    assert "first 90.0 MiB, last 100.0, 90.0 to 100.5" in table


def test_memory_that_grows_by_more_than_two_percent_is_a_fault() -> None:
    settled = [400.0] * 5
    assert growth([*settled, *(400 + 0.5 * minute for minute in range(10))]) == pytest.approx(4.5 / 402.25)
    assert tally(renderer_mib=[*settled, *(400 + 0.5 * minute for minute in range(10))]).faults() == []
    grown = [*settled, *(400 + minute for minute in range(10))]
    assert slope(grown[5:]) == pytest.approx(1.0)
    assert tally(renderer_mib=grown).faults() == ["memory of the renderer grew by 2.2% from minute 5 on"]


def test_growth_is_not_judged_before_there_is_a_line_and_one_reading_bends_none() -> None:
    assert growth([100.0] * 7) is None
    assert growth([100.0] * 8) == 0
    assert growth([100.0] * 8 + [150.0] + [100.0] * 8) == 0


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ((1300.5, 10.7, 300.0), "1 clicks are more than 3 ms off, 10.7 at most, at minute 5.01 (100.5 s after locate)"),
        (
            (1300.5, -10.7, 300.0),
            "1 clicks are more than 3 ms off, 10.7 at most, at minute 5.01 (100.5 s after locate)",
        ),
        ((1300.5, 10.7, 1.9), None),  # just after a locate
        ((1401.5, 10.7, 300.0), None),  # after a cycle was dropped at 1400
        (
            (1399.0, 10.7, 300.0),
            "1 clicks are more than 3 ms off, 10.7 at most, at minute 6.65 (199.0 s after locate)",
        ),  # before it
        ((1300.5, 2.9, 300.0), None),
    ],
)
def test_a_click_off_its_frame_is_a_fault_in_calm_moments(row: tuple[float, float, float], fault: str | None) -> None:
    assert tally(clicks=clicks_with(row), dropped=[1400.0]).faults() == ([fault] if fault else [])


def test_holes_and_missing_beats_are_faults_unless_a_dropped_cycle_came_before() -> None:
    dropped = [1400.0, 1400.05]
    excused = tally(dropped=dropped, underruns=[(1401.0, 2)], missing=[1401.2])
    assert excused.faults() == []
    assert "2, 0 of them with no dropped cycle before" in excused.table()
    assert "1 times" in excused.table()
    wrong = tally(dropped=dropped, underruns=[(1401.0, 2), (1420.0, 1)], missing=[1402.5])
    assert wrong.faults() == [
        "1 beats have no click, at minute 6.71 (202.5 s after locate)",
        "1 underruns that no dropped cycle explains, at minute 7.00 (220.0 s after locate)",
    ]


def test_hosts_that_end_silence_and_wrong_captures_are_faults() -> None:
    assert tally(ended=["the host with parts has ended: "]).faults() == ["the host with parts has ended: "]
    assert tally(clicks=np.zeros((0, 3))).faults() == ["no click was heard in calm moments"]
    assert tally(wrong_captures=["a.wav: no .mid lies beside it"]).faults() == ["a.wav: no .mid lies beside it"]


def test_a_capture_has_its_bars_sound_in_each_and_its_notes(tmp_path: Path) -> None:
    file = tmp_path / "loop.wav"
    audio = np.full((4 * 88_200, 2), 0.1)
    soundfile.write(file, audio, 44_100)
    assert wrong_with(file, 120) == "no .mid lies beside it"
    file.with_suffix(".mid").touch()
    assert wrong_with(file, 120) == ""
    assert wrong_with(file, 121) == "352800 frames, 349884 are 4 bars at 121 bpm"
    audio[88_200:176_400] = 0
    soundfile.write(file, audio, 44_100)
    assert wrong_with(file, 120) == "bars [2] are silent"
