"""The count of bars of LV2 by itself: random songs of many meters and tempi, played through and then sought in."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.clock.fake import Meters

RATE, BLOCK = 48_000, 2048
NEAR_BEATS = 0.003  # positions are told in ticks of 1/1920, rounded down; blocks end behind a change of tempo


class Song:
    """Meters and tempi that change at bars."""

    def __init__(self, meters: list[tuple[int, int, int]], tempi: list[tuple[int, float]], bars: int) -> None:
        self.meters = Meters(meters)
        starts, at = [0.0], 0.0
        for number in range(1, bars + 1):
            bar = self.meters.at(at)
            assert bar.number == number
            at += bar.numerator * 4 / bar.denominator
            starts.append(at)
        self.starts, self.beats = starts, at
        self._steps = [(starts[bar - 1], bpm) for bar, bpm in tempi if bar <= bars]
        self._frames = [0.0]
        for (beat, bpm), (later, _) in zip(self._steps, self._steps[1:]):
            self._frames.append(self._frames[-1] + (later - beat) * 60 * RATE / bpm)

    def at(self, frame: int) -> tuple[float, float]:
        """Beat and tempo at a frame."""
        step = max(i for i, start in enumerate(self._frames) if start <= frame + 1e-6)
        beat, bpm = self._steps[step]
        return beat + (frame - self._frames[step]) * bpm / (60 * RATE), bpm

    @property
    def frames(self) -> int:
        """Its length."""
        beat, bpm = self._steps[-1]
        return int(self._frames[-1] + (self.beats - beat) * 60 * RATE / bpm)

    def told(self, frame: int, passed: int, in_quarters: bool) -> tuple[str, float]:
        """What a host tells there, and the truth."""
        beat, bpm = self.at(frame)
        bar = self.meters.at(beat)
        within = (beat - bar.start_beats + 1e-9) * bar.denominator / 4
        if in_quarters:
            whole = math.floor(within)
            within = whole + math.floor((within - whole) * 4 / bar.denominator * 1920) / 1920
        return f"{passed} {frame} {bpm} {bar.numerator} {bar.denominator} {bar.number - 1} {within:.9f}", beat


@st.composite
def songs(draw: st.DrawFn) -> Song:
    later = st.lists(st.integers(2, 24), unique=True, max_size=5).map(sorted)
    meter = st.sampled_from([(4, 4), (3, 4), (7, 8), (5, 4), (2, 4), (6, 8), (5, 8)])
    meters = [(bar, *draw(meter)) for bar in [1, *draw(later)]]
    tempi = [(bar, draw(st.sampled_from([60.0, 97.0, 120.0, 133.33, 180.0]))) for bar in [1, *draw(later)]]
    return Song(meters, tempi, 26)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(songs(), st.lists(st.floats(0, 0.95), min_size=1, max_size=6), st.booleans())
def test_bars_that_were_heard_are_found_again(
    compiled: Callable[..., Path], song: Song, seeks: list[float], in_quarters: bool
) -> None:
    places = list(range(0, song.frames, BLOCK))
    stretches = [places] + [list(range(at := int(share * song.frames), at + 40 * BLOCK, BLOCK)) for share in seeks]
    lines, truth = [], []
    for stretch in stretches:
        for index, frame in enumerate(stretch):
            if frame >= song.frames:
                break
            line, beat = song.told(frame, BLOCK if index else 0, in_quarters)
            lines.append(line)
            truth.append(beat)
    done = subprocess.run(
        [compiled("bars")], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60
    )
    beats = np.array([float(line) for line in done.stdout.split()])
    off = np.abs(beats - truth)
    assert off.max() < NEAR_BEATS, (int(off.argmax()), float(off.max()), lines[max(0, int(off.argmax()) - 1) :][:2])
