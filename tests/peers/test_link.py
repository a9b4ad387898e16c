"""The host in an Ableton Link session with a peer made with another library."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.peers.server import Jack
from tests.programs import end, need_module
from tests.waiting import wait_for


def _rows(path: Path) -> np.ndarray:
    """What the peer wrote: host time, beat, tempo, playing, peers."""
    rows = [line.split() for line in path.read_text().splitlines()]
    return np.array([[float(value) for value in row] for row in rows if len(row) == 5])


@pytest.mark.quick
def test_clicks_are_on_the_beats_that_another_peer_counts(jack: Jack, tmp_path: Path) -> None:
    need_module("aalink", "link")
    told = tmp_path / "peer.txt"
    with told.open("wb") as out:
        peer = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("link_peer.py"))], stdin=subprocess.PIPE, stdout=out
        )
    try:
        # who is there first has the tempo
        assert wait_for(lambda: len(_rows(told)) > 5)
        recorder = jack.record()
        recorder.client.transport_start()  # the recorder listens for clicks while the transport rolls
        session = jack.play("link", recorder)

        def say(text: str) -> None:
            assert peer.stdin is not None
            peer.stdin.write(f"{text}\n".encode())
            peer.stdin.flush()

        assert wait_for(lambda: session.source.peers == 1, 15)
        time.sleep(0.5)
        assert set(_rows(told)[:, 2]) == {97.5}, "joining changed the session's tempo"
        say("play 1")
        time.sleep(5)
        say("tempo 133")
        stepped_s = time.perf_counter()
        time.sleep(3)
        say("play 0")
        stopped_s = time.perf_counter()
        time.sleep(1)
        say("play 1")
        again_s = time.perf_counter()
        time.sleep(4)
        rows = _rows(told)
        clicks = np.array([at_s for _, _, at_s in recorder.clicks()])
        # host times of single cycles are late by chance; the server's frames are not
        frames = np.array([frame for _, frame, _ in recorder.clicks()])
        cycles = recorder.cycles
        offset_s = np.median([c.heard_s - c.counter / 48_000 for c in cycles])
        clicks = frames / 48_000 + offset_s
        beats = np.interp(clicks, rows[:, 0], rows[:, 1])
        error_ms = (beats - np.round(beats)) * 60_000 / np.interp(clicks, rows[:, 0], rows[:, 2])
        steady = (clicks < stepped_s - 0.1) | (clicks > stepped_s + 60 / 133 + 0.2)
        assert (clicks < stepped_s).sum() >= 4
        assert ((clicks > stepped_s) & steady).sum() >= 4
        assert np.abs(np.median(error_ms[steady])) < 3
        assert np.ptp(error_ms[steady][1:]) < 3
        assert not ((clicks > stopped_s + 0.1) & (clicks < again_s)).any()
        assert (clicks > again_s).sum() >= 4
    finally:
        end(peer)
