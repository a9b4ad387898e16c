"""A peer of another library in a Link session, and clicks held against the beats that it counts."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.peers.recorder import RATE, Recorder
from tests.programs import end
from tests.waiting import wait_for

CALM_S = 2.0  # a dropped cycle of 10.7 ms is made up for in that time


class LinkPeer:
    """`link_peer.py` in a process of its own, in the session of whoever comes later."""

    def __init__(self, folder: Path) -> None:
        self._told = folder / "peer.txt"
        with self._told.open("wb") as out:
            self._program = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("link_peer.py"))], stdin=subprocess.PIPE, stdout=out
            )
        # who is there first has the tempo; of two that come within half a second of each other Link takes either
        assert wait_for(lambda: len(self.rows()) > 5)
        assert wait_for(lambda: np.ptp(self.rows()[:, 0]) > 1.5)

    def rows(self) -> np.ndarray:
        """What it wrote so far: host time, beat, tempo, playing, peers."""
        rows = [line.split() for line in self._told.read_text().splitlines()]
        return np.array([[float(value) for value in row] for row in rows if len(row) == 5])

    def tempo(self, bpm: float) -> None:
        """Change the session's tempo."""
        self._say(f"tempo {bpm:g}")

    def play(self) -> float:
        """Start everybody, from inside a bar: sound begins with the next one. Returns the host time."""
        assert wait_for(lambda: 1 < self.rows()[-1, 1] % 4 < 3)
        self._say("play 1")
        return time.perf_counter()

    def halt(self) -> float:
        """Stop everybody; returns the host time."""
        self._say("play 0")
        return time.perf_counter()

    def close(self) -> None:
        """End it."""
        end(self._program)

    def _say(self, text: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(f"{text}\n".encode())
        self._program.stdin.flush()


@dataclass(frozen=True)
class LinkClicks:
    """Of every click its host time, the beat of the session then, how late that is after the nearest whole one, and
    whether the server had dropped no cycle about then."""

    times_s: np.ndarray
    beats: np.ndarray
    late_ms: np.ndarray
    calm: np.ndarray


def link_clicks(recorder: Recorder, rows: np.ndarray) -> LinkClicks:
    """The clicks of a recording against what a peer wrote.

    Host times of single cycles are late by chance, the server's frames are not. But these stand still where it drops
    cycles, after which the host, which goes by Link's clock, finds its way back to the beat.
    """
    frames = np.array([frame for _, frame, _ in recorder.clicks()])
    cycles = list(recorder.cycles)  # more come all the time
    counters = np.array([cycle.counter for cycle in cycles])
    offsets_s = np.array([cycle.heard_s for cycle in cycles]) - counters / RATE

    def near(frame: int, before_s: float, after_s: float) -> np.ndarray:
        first, last = np.searchsorted(counters, (frame - before_s * RATE, frame + after_s * RATE))
        return offsets_s[first:last]

    times_s = frames / RATE + [np.median(near(frame, 0.25, 0.25)) for frame in frames]
    told = times_s < rows[-1, 0]  # of later ones the peer has said nothing yet
    frames, times_s = frames[told], times_s[told]
    beats = np.interp(times_s, rows[:, 0], rows[:, 1])
    late_ms = (beats - np.round(beats)) * 60_000 / np.interp(times_s, rows[:, 0], rows[:, 2])
    return LinkClicks(times_s, beats, late_ms, np.array([_is_calm(near(frame, CALM_S, 0.5)) for frame in frames]))


def _is_calm(offsets_s: np.ndarray) -> bool:
    """Whether the server played without a stop: its frames kept their distance to host time."""
    blocks = offsets_s[: len(offsets_s) // 16 * 16].reshape(-1, 16)
    return bool(np.ptp(np.median(blocks, 1)) < 0.001)
