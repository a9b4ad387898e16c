from __future__ import annotations

from itertools import pairwise

import pytest

from bridge import FakeTransport, Transport, is_jump


def test_a_script_of_everything_is_where_arithmetic_says() -> None:
    fake = FakeTransport(120).play(1).tempo(3, 60).halt(5).play(6).locate(8, 16).nudge(9, 0.6)
    assert fake.truth(0.5).position_beats == 0
    assert fake.truth(3).position_beats == 4
    assert fake.truth(5).position_beats == fake.truth(6).position_beats == 6
    assert fake.truth(7.5).position_beats == 7.5
    assert fake.truth(9).position_beats == 17
    assert fake.truth(10).position_beats == pytest.approx(18.01)


def test_a_ramp_arrives_at_its_tempo() -> None:
    fake = FakeTransport(120).play(0).ramp(0, 140, over_s=4)
    assert fake.truth(2).tempo_bpm == pytest.approx(130)
    assert fake.truth(4).position_beats == pytest.approx(130 * 4 / 60)
    assert fake.truth(10).tempo_bpm == 140


def test_a_loop_wraps() -> None:
    fake = FakeTransport(120).loop(0, 4, 8).play(0)
    assert fake.truth(4.5).position_beats == pytest.approx(5)


def test_silences_are_silent_and_a_vanished_daw_comes_back_at_zero() -> None:
    fake = FakeTransport(120).play(0).dropout(1, 0.5).vanish(3, 5).play(6)
    assert fake.report(1.2) is None
    assert fake.report(4) is None
    assert fake.truth(2).position_beats == 4
    back = fake.report(5.5)
    assert back is not None
    assert (back.playing, back.position_beats) == (False, 0)
    assert fake.truth(7).position_beats == 2


def test_jitter_is_bounded_late_and_repeatable() -> None:
    fake = FakeTransport(120).play(0).jitter(1, 5, up_to_s=0.01)
    late = [
        fake.truth(t / 100).position_beats - (fake.report(t / 100) or Transport()).position_beats
        for t in range(100, 600)
    ]
    assert 0 <= min(late) < max(late) <= 0.02
    assert fake.report(2) == fake.report(2)


def test_run_publishes_what_it_yields_and_no_jump_where_none_is_scripted() -> None:
    heard: list[Transport] = []
    fake = FakeTransport(120, listener=heard.append).play(0).tempo(1, 140).loop(0, 0, 4)
    records = list(fake.run(5, 0.05))
    assert heard == records
    assert fake.counts.received == len(records) == 101
    jumps = [b.host_time_s for a, b in pairwise(records) if is_jump(a, b)]
    assert jumps == []


def test_latest_follows_the_clock_and_holds_in_silence() -> None:
    now = [100.0]
    fake = FakeTransport(120, clock=lambda: now[0]).play(0).dropout(2, 1)
    with fake:
        now[0] = 101.0
        assert fake.latest().position_beats == 2
        assert fake.latest().host_time_s == 101
        now[0] = 102.5
        assert fake.latest().host_time_s == 101
        now[0] = 103.5
        assert fake.latest().position_beats == 7


def test_a_listener_that_fails_is_counted_and_does_no_harm() -> None:
    def fail(_: Transport) -> None:
        raise RuntimeError("no")

    fake = FakeTransport(listener=fail)
    assert len(list(fake.run(0.1, 0.01))) == 11
    assert fake.counts.listener_errors == 11


def test_a_value_no_transport_may_have_is_refused_when_scripted() -> None:
    with pytest.raises(ValueError, match="tempo_bpm"):
        FakeTransport().tempo(1, 5000)
