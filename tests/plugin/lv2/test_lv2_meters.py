"""The LV2 told the time as hosts tell it, in songs whose meters change: every sample is that of its frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.clock.fake import Meters
from musika_daw.host.plugin.session import PluginSession
from tests.plugin.lv2.lv2_host import Lv2Host
from tests.plugin.plugin_stand_in import left_at

RATE, BLOCK = 48_000, 512
SONGS = {
    "one bar of 2/4": ((1, 4, 4), (3, 2, 4), (4, 4, 4)),
    "three, seven, five": ((1, 3, 4), (3, 7, 4), (4, 5, 4)),
    "eighths": ((1, 7, 8), (3, 4, 4), (4, 5, 8)),
    "four": ((1, 4, 4),),
}
Tell = Callable[[Meters, int, float, int], dict[str, float] | None]


def _whole_beats(meters: Meters, frame: int, bpm: float) -> tuple[float, Any, float]:
    beats = frame * bpm / (60 * RATE)
    bar = meters.at(beats)
    return beats, bar, (beats - bar.start_beats + 1e-9) * bar.denominator / 4


def ardour(meters: Meters, frame: int, bpm: float, told: int) -> dict[str, float]:
    """In every block, bars and beats of them in ticks; a part of an eighth is counted as if it were of a quarter."""
    _, bar, within = _whole_beats(meters, frame, bpm)
    whole = math.floor(within)
    ticks = math.floor((within - whole) * 4 / bar.denominator * 1920)
    return {
        "frame": frame,
        "speed": 1,
        "bar": bar.number - 1,
        "barBeat": whole + ticks / 1920,
        "beatUnit": bar.denominator,
        "beatsPerBar": bar.numerator,
        "beatsPerMinute": bpm,
    }


def plain(meters: Meters, frame: int, bpm: float, told: int) -> dict[str, float]:
    """As the specification has it, without `beat`."""
    _, _, within = _whole_beats(meters, frame, bpm)
    return ardour(meters, frame, bpm, told) | {"barBeat": within}


def complete(meters: Meters, frame: int, bpm: float, told: int) -> dict[str, float]:
    """With the beat of the song, counted in beats of the present meter."""
    beats, bar, _ = _whole_beats(meters, frame, bpm)
    return plain(meters, frame, bpm, told) | {"beat": beats * bar.denominator / 4}


def qtractor(meters: Meters, frame: int, bpm: float, told: int) -> dict[str, float] | None:
    """At new beats only; `beat` in the bar from 1, `barBeat` before the bar, frames through 32-bit floats."""
    _, bar, within = _whole_beats(meters, frame, bpm)
    place = bar.number * 100 + math.floor(within)
    if place == told:
        return None
    return {
        "frame": int(np.float32(frame)),
        "speed": 1,
        "bar": bar.number - 1,
        "beat": math.floor(within) + 1,
        "barBeat": meters.beats_before(bar.number),
        "beatUnit": bar.denominator,
        "beatsPerBar": bar.numerator,
        "beatsPerMinute": bpm,
    }


@pytest.fixture
def lv2(built: Path, folder: Path) -> Iterator[Callable[[], Lv2Host]]:
    made: list[Lv2Host] = []

    def make() -> Lv2Host:
        made.append(Lv2Host(built / "musika-daw.lv2", RATE))
        return made[-1]

    yield make
    for one in made:
        one.close()


def wrong_frames(one: Lv2Host, tell: Tell, meters: Meters, first: int, last: int, bpm: float) -> int:
    """How many frames of a bounce are not those of their place."""
    wrong, told = 0, -1
    for frame in range(first, last, BLOCK):
        time = tell(meters, frame, bpm, told)
        if time is not None:
            _, bar, within = _whole_beats(meters, frame, bpm)
            told = bar.number * 100 + math.floor(within)
        audio = one.process(BLOCK, time)
        wrong += int((audio[:, 0] != left_at(np.arange(frame, frame + BLOCK))).sum())
    return wrong


# what Qtractor counts as a beat before a bar, where units change, is not known
CASES = [(t, s) for t in (ardour, plain, complete, qtractor) for s in SONGS if (t, s) != (qtractor, "eighths")]


@pytest.mark.parametrize(("tell", "song"), CASES)
def test_a_bounce_through_changing_meters_is_exact(
    tell: Tell, song: str, host: Callable[..., PluginSession], lv2: Callable[[], Lv2Host]
) -> None:
    host()
    meters = Meters(SONGS[song])
    for bpm in (120.0, 97.0):
        assert wrong_frames(lv2(), tell, meters, 0, 13 * RATE // BLOCK * BLOCK, bpm) == 0


@pytest.mark.parametrize("tell", [ardour, plain, complete, qtractor])
def test_a_bounce_from_bars_that_were_never_heard_is_exact(
    tell: Tell, host: Callable[..., PluginSession], lv2: Callable[[], Lv2Host]
) -> None:
    host()
    meters = Meters(SONGS["three, seven, five"])
    one = lv2()
    assert wrong_frames(one, tell, meters, 0, 4 * BLOCK, 120) == 0
    assert wrong_frames(one, tell, meters, 20 * RATE // BLOCK * BLOCK, 24 * RATE // BLOCK * BLOCK, 120) == 0
    assert wrong_frames(one, tell, meters, 5 * RATE // BLOCK * BLOCK, 8 * RATE // BLOCK * BLOCK, 120) == 0


def test_far_into_a_song_frames_told_as_32_bit_floats_are_no_jumps(
    host: Callable[..., PluginSession], lv2: Callable[[], Lv2Host]
) -> None:
    host()
    first = 1000 * RATE // BLOCK * BLOCK
    one = lv2()
    assert wrong_frames(one, qtractor, Meters(), 0, 4 * BLOCK, 120) == 0
    assert wrong_frames(one, qtractor, Meters(), first, first + 8 * RATE // BLOCK * BLOCK, 120) == 0


def test_a_tempo_that_changes_is_counted_by_bars(
    host: Callable[..., PluginSession], lv2: Callable[[], Lv2Host]
) -> None:
    """Two tempos and one meter: the second of the song says nothing of its beat."""
    host()
    one = lv2()
    assert wrong_frames(one, plain, Meters(), 0, 4 * BLOCK, 120) == 0
    # bar 5 at 120 is at 8 s; from there on at 150
    for block in range(20):
        beats = 16 + block * BLOCK * 150 / (60 * RATE)
        frame = 8 * RATE + block * BLOCK
        audio = one.process(
            BLOCK,
            {
                "frame": frame,
                "speed": 1,
                "bar": beats // 4,
                "barBeat": beats % 4,
                "beatUnit": 4,
                "beatsPerBar": 4,
                "beatsPerMinute": 150,
            },
        )
        shift = round(16 * 60 * RATE / 150) - 8 * RATE
        assert np.array_equal(audio[:, 0], left_at(np.arange(frame, frame + BLOCK) + shift))
