from __future__ import annotations

import pytest

from bridge import CombinedSource, FakeTransport, InternalClock, Priority, SourceError, Transport, Valid, combine

LINK = Transport.of(playing=True, tempo_bpm=125, phase_beats=1.0, quantum_beats=4, host_time_s=10)
OSC = Transport.of(playing=True, tempo_bpm=124, position_beats=32.8, loop_on=False, host_time_s=10)
SPLIT = Priority(("osc", "link"), {"tempo": ("link", "osc")})


def test_tempo_and_phase_from_link_position_from_osc() -> None:
    record, chosen = combine({"osc": OSC, "link": LINK}, SPLIT, 10)
    assert record.tempo_bpm == 125
    assert record.position_beats == 33  # the beat of Link's phase that is nearest to what OSC says
    assert chosen == {"play": "osc", "loop": "osc", "tempo": "link", "position": "osc", "phase": "link"}


def test_everything_is_brought_to_one_moment() -> None:
    late = OSC.replace(host_time_s=9.5)
    record, _ = combine({"osc": late, "link": LINK}, Priority(("osc",)), 10)
    assert record.host_time_s == 10
    assert record.position_beats == pytest.approx(32.8 + 0.5 * 124 / 60)
    assert not record.knows(Valid.PHASE_BEATS)


def test_a_position_without_tempo_moves_by_the_tempo_of_another() -> None:
    bare = Transport.of(position_beats=8, host_time_s=9.5)
    record, _ = combine({"osc": bare, "link": LINK}, SPLIT, 10)
    assert record.position_beats % 4 == pytest.approx(1)
    assert record.position_beats == pytest.approx(9)  # 8 + 1.04, then onto the phase


def test_a_rolling_source_that_falls_silent_is_passed_over_a_stopped_one_later() -> None:
    priority = Priority(("osc", "link"), {}, stale_s=1, idle_stale_s=20)
    fresh = LINK.replace(host_time_s=15)
    assert combine({"osc": OSC, "link": fresh}, priority, 15)[1]["tempo"] == "link"
    stopped = OSC.replace(playing=False)
    assert combine({"osc": stopped, "link": fresh}, priority, 15)[1]["tempo"] == "osc"
    assert combine({"osc": stopped, "link": LINK.replace(host_time_s=35)}, priority, 35)[1]["tempo"] == "link"


def test_nothing_known_gives_nothing_known() -> None:
    record, chosen = combine({"osc": Transport()}, SPLIT, 5)
    assert record == Transport.of(host_time_s=5)
    assert chosen == {}


def test_a_source_returns_and_takes_over_again() -> None:
    now = [0.0]
    daw = FakeTransport(140, clock=lambda: now[0], name="daw").play(0).dropout(2, 4)
    own = InternalClock(100, clock=lambda: now[0])
    with CombinedSource([daw, own], clock=lambda: now[0]) as source:
        own.play()
        tempos = []
        for now[0] in (1.0, 2.5, 5.0, 7.0):
            tempos.append(source.latest().tempo_bpm)
    assert tempos == [140, 140, 100, 140]
    assert source.chosen["tempo"] == "daw"


class Broken(FakeTransport):
    def start(self) -> None:
        raise SourceError("port 'x' not found")

    @property
    def warnings(self) -> tuple[str, ...]:
        return ("odd",)


def test_sources_that_cannot_start_are_named_and_left_out() -> None:
    with CombinedSource([Broken(name="bad"), InternalClock(99)]) as source:
        assert source.latest().tempo_bpm == 99
        assert source.warnings == ("bad did not start: port 'x' not found", "bad: odd")
    with pytest.raises(SourceError, match="bad: port 'x' not found"):
        CombinedSource([Broken(name="bad")]).start()


def test_listeners_hear_the_combination() -> None:
    heard: list[Transport] = []
    own = InternalClock(99)
    CombinedSource([own], listener=heard.append)
    own.tempo(101)
    assert [record.tempo_bpm for record in heard] == [101]


def test_groups_names_and_times_are_checked() -> None:
    with pytest.raises(ValueError, match="group: 'mood', must be one of play, loop, tempo"):
        Priority(("a",), {"mood": ("a",)})
    with pytest.raises(ValueError, match="stale_s: 0, must be in"):
        Priority(("a",), {}, stale_s=0)
    with pytest.raises(ValueError, match="of different names"):
        CombinedSource([InternalClock(), InternalClock()])
