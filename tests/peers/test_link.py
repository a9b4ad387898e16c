"""The host in an Ableton Link session with a peer made with another library."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.peers.recorder import RATE
from tests.peers.server import Jack
from tests.programs import end, need_module
from tests.waiting import wait_for

CALM_S = 2.0  # a dropped cycle of 10.7 ms is made up for in that time
BPM, STEPPED_BPM = 97.5, 133.0


def _rows(path: Path) -> np.ndarray:
    """What the peer wrote: host time, beat, tempo, playing, peers."""
    rows = [line.split() for line in path.read_text().splitlines()]
    return np.array([[float(value) for value in row] for row in rows if len(row) == 5])


def _is_calm(offsets_s: np.ndarray) -> bool:
    """Whether the server played without a stop: its frames kept their distance to host time."""
    blocks = offsets_s[: len(offsets_s) // 16 * 16].reshape(-1, 16)
    return bool(np.ptp(np.median(blocks, 1)) < 0.001)


@pytest.mark.quick
def test_clicks_are_on_the_beats_that_another_peer_counts(jack: Jack, tmp_path: Path) -> None:
    need_module("aalink", "link")
    told = tmp_path / "peer.txt"
    with told.open("wb") as out:
        peer = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("link_peer.py"))], stdin=subprocess.PIPE, stdout=out
        )
    try:
        # who is there first has the tempo; of two that come within half a second of each other Link takes either
        assert wait_for(lambda: len(_rows(told)) > 5)
        assert wait_for(lambda: np.ptp(_rows(told)[:, 0]) > 1.5)
        recorder = jack.record()
        recorder.client.transport_start()  # the recorder listens for clicks while the transport rolls
        session = jack.play("link", recorder)

        def say(text: str) -> None:
            assert peer.stdin is not None
            peer.stdin.write(f"{text}\n".encode())
            peer.stdin.flush()

        def play() -> float:
            assert wait_for(lambda: 1 < _rows(told)[-1, 1] % 4 < 3)  # inside a bar: sound begins with the next one
            say("play 1")
            return time.perf_counter()

        assert wait_for(lambda: session.source.peers == 1, 15)
        time.sleep(0.5)
        assert set(_rows(told)[:, 2]) == {BPM}, "joining changed the session's tempo"
        started_s = play()
        time.sleep(5)
        say(f"tempo {STEPPED_BPM}")
        time.sleep(3)
        say("play 0")
        stopped_s = time.perf_counter()
        time.sleep(1)
        again_s = play()
        time.sleep(4)
        rows = _rows(told)
        stepped_s = rows[rows[:, 2] == STEPPED_BPM][0, 0]
        # host times of single cycles are late by chance, the server's frames are not; but they stand still where it
        # drops cycles, after which the host, which goes by Link's clock, bends its way back to the beat
        frames = np.array([frame for _, frame, _ in recorder.clicks()])
        cycles = list(recorder.cycles)  # more come all the time
        counters = np.array([cycle.counter for cycle in cycles])
        offsets_s = np.array([cycle.heard_s for cycle in cycles]) - counters / RATE
        clicks = frames / RATE + [np.median(offsets_s[np.abs(counters - frame) < RATE // 4]) for frame in frames]
        around = [(counters > f - CALM_S * RATE) & (counters < f + RATE // 2) for f in frames]
        calm = np.array([_is_calm(offsets_s[near]) for near in around])
        beats = np.interp(clicks, rows[:, 0], rows[:, 1])
        error_ms = (beats - np.round(beats)) * 60_000 / np.interp(clicks, rows[:, 0], rows[:, 2])
        first = clicks < stepped_s - 0.1
        second = (clicks > stepped_s + 60 / STEPPED_BPM) & (clicks < stopped_s)
        third = clicks > again_s
        for part, least in ((first, 4), (second, 3), (third, 4)):
            assert part.sum() >= least
        judged = error_ms[calm & (first | second | third)]
        assert len(judged) >= 6
        assert np.abs(judged).max() < 1
        for begun_s in (started_s, again_s):  # the first beat to be heard is that of a bar
            assert np.round(beats[clicks > begun_s][0]) % 4 == 0
        assert not ((clicks < started_s) | ((clicks > stopped_s + 0.1) & (clicks < again_s))).any()
    finally:
        end(peer)
