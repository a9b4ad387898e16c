from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.clock.motion import expected, is_jump, merge, position_error_s
from bridge.clock.transport import Transport, Valid

tempos = st.floats(20, 999)
times = st.floats(0, 1000)


def rolling(**fields: object) -> Transport:
    base = {
        "playing": True,
        "tempo_bpm": 120.0,
        "position_beats": 0.0,
        "position_s": 0.0,
        "position_frames": 0,
        "host_time_s": 10.0,
        "sample_rate_hz": 48000.0,
    }
    return Transport.of(**{**base, **fields})


@given(tempos, times)
def test_all_positions_move_together(tempo_bpm: float, dt_s: float) -> None:
    moved = expected(rolling(tempo_bpm=tempo_bpm), 10 + dt_s)
    assert moved.position_s == pytest.approx(dt_s, abs=1e-9)
    assert moved.position_beats == pytest.approx(dt_s * tempo_bpm / 60, abs=1e-6)
    assert moved.position_frames == pytest.approx(dt_s * 48000, abs=1)


@given(st.floats(60, 180), st.floats(60, 180), st.floats(0.5, 20), st.floats(0, 1))
def test_a_ramp_in_two_steps_is_the_ramp_in_one(start: float, end: float, over_s: float, part: float) -> None:
    ramp = rolling(tempo_bpm=start, tempo_increment_bpm_per_s=(end - start) / over_s)
    once = expected(ramp, 10 + over_s)
    twice = expected(expected(ramp, 10 + part * over_s), 10 + over_s)
    assert once.tempo_bpm == pytest.approx(end)
    assert once.position_beats == pytest.approx((start + end) / 2 * over_s / 60)
    assert twice.position_beats == pytest.approx(once.position_beats)


def test_a_ramp_without_end_stays_within_tempo() -> None:
    far = expected(rolling(tempo_increment_bpm_per_s=10.0), 10 + 1000)
    assert far.tempo_bpm == 1000
    # 88 s of ramp from 120 to 1000, then 912 s at 1000
    assert far.position_beats == pytest.approx(560 * 88 / 60 + 1000 * 912 / 60)


@given(st.floats(0, 200), st.integers(1, 16), st.integers(0, 16))
def test_a_loop_wraps_positions_together(dt_s: float, length: int, start: int) -> None:
    looped = rolling(loop_on=True, loop_start_beats=start, loop_end_beats=start + length)
    moved = expected(looped, 10 + dt_s)
    assert moved.position_beats < start + length
    straight = dt_s * 2
    if straight >= start + length:
        turns = (straight - moved.position_beats) / length
        assert turns == pytest.approx(round(turns), abs=1e-6)
    assert moved.position_s == pytest.approx(moved.position_beats / 2, abs=1e-6)


def test_play_beyond_the_loop_end_is_not_wrapped() -> None:
    beyond = rolling(loop_on=True, loop_start_beats=0, loop_end_beats=4, position_beats=5.0)
    assert expected(beyond, 11).position_beats == 7


def test_a_ramp_through_a_loop_drops_the_seconds_it_cannot_know() -> None:
    looped = rolling(loop_on=True, loop_start_beats=0, loop_end_beats=4, tempo_increment_bpm_per_s=1.0)
    moved = expected(looped, 15)
    assert moved.position_beats < 4
    assert not moved.valid & (Valid.POSITION_S | Valid.POSITION_FRAMES)


def test_bar_start_follows_in_three_four() -> None:
    waltz = rolling(signature_numerator=3, signature_denominator=4, bar_start_beats=0.0)
    assert expected(waltz, 10 + 3.6).bar_start_beats == 6
    assert expected(waltz, 10 + 1.5).bar_start_beats == 3


def test_what_does_not_play_does_not_move() -> None:
    for stopped in (rolling(playing=False), rolling().without(Valid.PLAYING)):
        assert expected(stopped, 20).position_beats == 0
        assert expected(stopped, 20).host_time_s == 20
    no_tempo = rolling().without(Valid.TEMPO_BPM)
    assert expected(no_tempo, 11).position_beats == 0
    assert expected(no_tempo, 11).position_s == 1


def test_phase_goes_round_in_its_quantum() -> None:
    link = Transport.of(playing=True, tempo_bpm=120, phase_beats=3.5, quantum_beats=4, host_time_s=0)
    assert expected(link, 1).phase_beats == pytest.approx(1.5)


@given(times, tempos)
def test_no_jump_where_nobody_touches_anything(dt_s: float, tempo_bpm: float) -> None:
    record = rolling(tempo_bpm=tempo_bpm, loop_on=True, loop_start_beats=0, loop_end_beats=16)
    assert not is_jump(record, expected(record, 10 + dt_s))


@pytest.mark.parametrize("to", [0.0, 1.5, 7.9, 8.2, 64.0])
def test_a_locate_is_a_jump_forwards_as_well_as_back(to: float) -> None:
    before = rolling(position_beats=8.0)
    after = rolling(position_beats=to, host_time_s=10.02)
    assert is_jump(before, after) == (abs(to - 8.04) > 0.1)
    assert position_error_s(before, after) == pytest.approx((to - 8.04) / 2)


def test_a_loop_wrap_is_no_jump_even_when_told_a_little_early_or_late() -> None:
    loop = {"loop_on": True, "loop_start_beats": 4.0, "loop_end_beats": 8.0}
    before = rolling(position_beats=7.96, **loop)
    for position in (3.99 + 0.06, 4.03, 7.99):
        assert not is_jump(before, rolling(position_beats=position, host_time_s=10.03, **loop))
    assert is_jump(before, rolling(position_beats=6.0, host_time_s=10.03, **loop))


def test_nobody_can_tell_without_time_or_position() -> None:
    assert position_error_s(Transport(), rolling()) is None
    assert position_error_s(rolling(), Transport.of(host_time_s=11, playing=True)) is None
    assert not is_jump(Transport(), rolling())


def test_merging_a_tempo_moves_the_position_first() -> None:
    merged = merge(rolling(), Transport.of(tempo_bpm=60, host_time_s=11))
    assert (merged.position_beats, merged.tempo_bpm, merged.host_time_s) == (2, 60, 11)
    assert expected(merged, 12).position_beats == 3


def test_merging_a_jump_drops_the_positions_it_does_not_tell() -> None:
    jumped = merge(rolling(), Transport.of(position_beats=64, host_time_s=11))
    assert jumped.knows(Valid.POSITION_BEATS | Valid.TEMPO_BPM)
    assert not jumped.valid & (Valid.POSITION_S | Valid.POSITION_FRAMES)
    kept = merge(rolling(), Transport.of(position_beats=2.01, host_time_s=11))
    assert kept.knows(Valid.POSITION_S | Valid.POSITION_FRAMES)


@given(st.floats(0, 10), tempos)
def test_merging_nothing_changes_nothing_but_the_time(dt_s: float, tempo_bpm: float) -> None:
    record = rolling(tempo_bpm=tempo_bpm)
    assert merge(record, Transport.of(host_time_s=10 + dt_s)) == expected(record, 10 + dt_s)
    assert merge(record, Transport()) == record
