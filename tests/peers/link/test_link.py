"""The host in an Ableton Link session with a peer made with another library."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.peers.link.link_session import LinkPeer, link_clicks
from tests.peers.server import Jack
from tests.programs import need_module
from tests.waiting import wait_for

BPM, STEPPED_BPM = 97.5, 133.0


@pytest.mark.quick
def test_clicks_are_on_the_beats_that_another_peer_counts(jack: Jack, tmp_path: Path) -> None:
    need_module("aalink", "link")
    with closing(LinkPeer(tmp_path)) as peer:
        recorder = jack.record()
        recorder.client.transport_start()  # the recorder listens for clicks while the transport rolls
        session = jack.play("link", recorder)
        assert wait_for(lambda: session.source.peers == 1, 15)
        time.sleep(0.5)
        assert set(peer.rows()[:, 2]) == {BPM}, "joining changed the session's tempo"
        started_s = peer.play()
        time.sleep(5)
        peer.tempo(STEPPED_BPM)
        time.sleep(3)
        stopped_s = peer.halt()
        time.sleep(1)
        again_s = peer.play()
        time.sleep(4)
        rows = peer.rows()
        clicks = link_clicks(recorder, rows)
    stepped_s = rows[rows[:, 2] == STEPPED_BPM][0, 0]
    times_s = clicks.times_s
    first = times_s < stepped_s - 0.1
    second = (times_s > stepped_s + 60 / STEPPED_BPM) & (times_s < stopped_s)
    third = times_s > again_s
    for part, least in ((first, 4), (second, 3), (third, 4)):
        assert part.sum() >= least
    judged = clicks.late_ms[clicks.calm & (first | second | third)]
    assert len(judged) >= 6
    assert np.abs(judged).max() < 1
    for begun_s in (started_s, again_s):  # the first beat to be heard is that of a bar
        assert np.round(clicks.beats[times_s > begun_s][0]) % 4 == 0
    assert not ((times_s < started_s) | ((times_s > stopped_s + 0.1) & (times_s < again_s))).any()


def test_sound_is_early_by_what_lies_behind_the_server(jack: Jack, tmp_path: Path) -> None:
    need_module("aalink", "link")
    with closing(LinkPeer(tmp_path)) as peer:
        recorder = jack.record()
        recorder.client.transport_start()
        session = jack.play("link", recorder, latency_s=0.1)
        assert wait_for(lambda: session.source.peers == 1, 15)
        peer.play()
        time.sleep(6)
        clicks = link_clicks(recorder, peer.rows())
    assert clicks.calm.sum() >= 3
    assert np.abs(clicks.late_ms[clicks.calm] + 100).max() < 1


def test_who_joins_a_session_that_plays_begins_on_a_bar_of_it_once_told_to(jack: Jack, tmp_path: Path) -> None:
    need_module("aalink", "link")
    with closing(LinkPeer(tmp_path)) as peer:
        recorder = jack.record()
        recorder.client.transport_start()
        peer.play()
        session = jack.play("link", recorder)
        assert wait_for(lambda: session.source.peers == 1, 15)
        time.sleep(0.5)
        assert not session.host.grid.playing, "Link has learned to tell who joins that others play"
        assert session.steers
        session._act("play")
        time.sleep(6)
        rows = peer.rows()
        clicks = link_clicks(recorder, rows)
    assert np.round(clicks.beats[0]) % 4 == 0
    assert clicks.calm.sum() >= 3
    assert np.abs(clicks.late_ms[clicks.calm]).max() < 1
    beats_s = np.diff(rows[:, 1]) / np.diff(rows[:, 0])
    assert np.abs(beats_s * 60 - BPM).max() < 5, "the others were sent elsewhere"
