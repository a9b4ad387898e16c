"""Every source through every move and fault of a scripted DAW: the grid that the host plays by, against the script.

Each DAW speaks its protocol (see `daws`), the real source reads it, the real follower makes the grid of it, on a clock
that is no real one. What one real program of each kind does instead is in `tests/peers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from bridge import FakeTransport
from musika_daw.host.follow.follower import Follower
from musika_daw.host.follow.jack_follower import JackFollower
from tests.host.follow.daws import DAWS, DIGIT_BEATS

STEP_S = 0.04
BARS = 16.0  # the loop, in beats: errors are told within it
ASKED = ("jack", "jack without ticks", "link")  # nothing arrives, so nothing arrives late
WITHOUT_TEMPO = ("mtc",)


@dataclass(frozen=True)
class Scenario:
    """What the DAW does, and when it is to be heard on the grid, and not to be heard at all.

    `on_grid` holds beginnings, ends and by how much more (ms) than its own digits a source may be off in between.
    """

    script: FakeTransport
    until_s: float
    on_grid: tuple[tuple[float, float, float], ...]
    still: tuple[tuple[float, float], ...] = ()
    jitter_s: float = 0.0


SCENARIOS = {
    "start, stop, continue": Scenario(
        FakeTransport(120).play(1).halt(5).play(7).halt(11),
        12,
        ((1.3, 5, 1), (7.3, 11, 1)),
        ((0, 1), (5.3, 7), (11.3, 12)),
    ),
    "locate forward and back": Scenario(
        FakeTransport(120).play(0.5).locate(5, 64).locate(9, 8), 13, ((0.8, 5, 1), (5.4, 9, 1), (9.4, 13, 1))
    ),
    "a loop of four bars": Scenario(
        FakeTransport(120).loop(0, 0, BARS).play(0.5), 20, ((0.8, 8.5, 1), (8.7, 16.5, 1), (16.7, 20, 1))
    ),
    "a tempo step": Scenario(FakeTransport(120).play(0.5).tempo(6, 140), 12, ((0.8, 6, 1), (6 + 60 / 140, 12, 1))),
    "a tempo ramp": Scenario(
        FakeTransport(120).play(0.5).ramp(5, 150, over_s=5), 15, ((0.8, 5, 1), (5, 10, 8), (10.5, 12, 3), (12, 15, 1))
    ),
    "a nudge of 0.05 bpm": Scenario(FakeTransport(120).play(0.5).nudge(8, 0.05), 24, ((0.8, 24, 1),)),
    "a dropout": Scenario(FakeTransport(120).play(0.5).dropout(5, 1.5), 12, ((0.8, 5, 1), (6.8, 12, 1))),
    "jitter of 10 ms": Scenario(FakeTransport(120).play(0.5), 20, ((3, 20, 10),), jitter_s=0.01),
    "gone and back": Scenario(
        FakeTransport(120).play(0.5).vanish(4, 7).play(8.5), 14, ((0.8, 4, 1), (8.9, 14, 1)), ((6.3, 8.5),)
    ),
    "running backwards": Scenario(
        FakeTransport(120).play(0.5).locate(5, 3).locate(5.05, 2.9).locate(5.1, 2.8).locate(5.15, 2.7),
        10,
        ((0.8, 5, 1), (5.6, 10, 1)),
    ),
    "20 bpm": Scenario(FakeTransport(20).play(0.5), 16, ((2, 16, 1),)),
    "999 bpm": Scenario(FakeTransport(999).play(0.5), 6, ((1, 6, 1),)),
}
SESSIONS = ("link", "link+osc:ableton")  # which go on when the DAW is gone: see the last test
OF_TEMPO = ("a tempo step", "a tempo ramp", "a nudge of 0.05 bpm")
CASES = [
    (source, name)
    for source in DAWS
    for name in SCENARIOS
    if not (source in WITHOUT_TEMPO and name in OF_TEMPO)
    and not (source in ASKED and SCENARIOS[name].jitter_s)
    and not (source in SESSIONS and name == "gone and back")
]


@pytest.mark.parametrize(("source", "name"), CASES, ids=[f"{source}: {name}" for source, name in CASES])
def test_the_grid_is_where_the_script_is(source: str, name: str) -> None:
    scenario = SCENARIOS[name]
    script = scenario.script
    hear: Callable[[float], object] = DAWS[source](script, scenario.until_s, scenario.jitter_s)
    bpm = script.truth(0).tempo_bpm
    follower = JackFollower(bpm) if source.startswith("jack") else Follower(bpm)
    round_beats = 4.0 if source == "link" else BARS  # a session knows its phase, not where the song is
    rows = []
    for step in range(round(scenario.until_s / STEP_S)):
        now_s = step * STEP_S
        grid = follower.update(hear(now_s), now_s)  # type: ignore[arg-type]
        truth = script.truth(now_s)
        off = follower.here(now_s) - truth.position_beats
        off = (off + round_beats / 2) % round_beats - round_beats / 2
        rows.append((now_s, grid.playing, off * 60_000 / truth.tempo_bpm))
    times, playing, off_ms = np.array(rows).T
    for begin_s, end_s, more_ms in scenario.on_grid:
        inside = (times >= begin_s) & (times < end_s)
        assert playing[inside].all(), "it does not play"
        limit_ms = more_ms + DIGIT_BEATS.get(source, 0) * 60_000 / bpm
        assert np.abs(off_ms[inside]).max() <= limit_ms
        if scenario.jitter_s:  # late by a constant is a latency; what jitter moves is the rest
            assert np.ptp(off_ms[inside]) < 6
    for begin_s, end_s in scenario.still:
        assert not playing[(times > begin_s) & (times < end_s)].any(), "it plays on"


@pytest.mark.parametrize("source", SESSIONS)
def test_a_session_goes_on_when_its_last_peer_has_left(source: str) -> None:
    script = FakeTransport(120).play(0.5).dropout(4, 3)
    hear, follower = DAWS[source](script, 12, 0.0), Follower(120)
    off_ms, jumps = [], set()
    for step in range(round(12 / STEP_S)):
        now_s = step * STEP_S
        grid = follower.update(hear(now_s), now_s)
        if now_s > 1:
            assert grid.playing
            jumps.add(grid.jumps)
            off_ms.append((follower.here(now_s) - script.truth(now_s).position_beats) * 500)
    assert np.abs(off_ms).max() < 1
    assert len(jumps) == 1, "it came back at another bar"
