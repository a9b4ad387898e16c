"""A soak in short: everything that moves is moved at random, and every click and hole is accounted for; `make soak` is
the long form."""

from __future__ import annotations

import pytest

from benchmarks.soak import MOVES, soak
from tests.peers.server import Jack


@pytest.mark.limit_s(400)
def test_forty_seconds_in_which_everything_moves_have_no_fault(jack: Jack) -> None:
    tally = soak(jack, 40 / 60, busy=1, seed=5, pause_s=(0.5, 2.5))
    print(tally.table())
    assert tally.faults() == []
    moves = [move for _, move in tally.moves]
    assert set(moves) == set(MOVES)
    assert tally.captures == ["of 4 bars"] * moves.count("capture")
    assert tally.seconds >= 40
    assert len(tally.clicks) > 40
    # too short to tell whether memory grows, but what is told is that of these processes
    assert all(20 < mib < 500 for mib in tally.host_mib)
    assert all(100 < mib < 1500 for mib in tally.renderer_mib)
