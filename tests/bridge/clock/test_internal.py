from __future__ import annotations

import pytest

from bridge import InternalClock, Transport


class Clock:
    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_it_plays_halts_locates_and_changes_tempo() -> None:
    time, heard = Clock(), list[Transport]()
    clock = InternalClock(120, clock=time, listener=heard.append)
    clock.play()
    time.now_s = 52
    assert clock.latest().position_beats == 4
    clock.tempo(60)
    time.now_s = 54
    assert clock.latest().position_beats == 6
    clock.locate(33)
    assert clock.latest().bar_start_beats == 32
    clock.halt()
    time.now_s = 60
    assert clock.latest().position_beats == 33
    assert [r.tempo_bpm for r in heard] == [120, 60, 60, 60]


def test_it_is_steered_and_goes_on_where_a_song_is() -> None:
    time = Clock()
    clock = InternalClock(120, clock=time)
    assert clock.steers
    clock.take_over(7.5, playing=False)
    assert (clock.latest().position_beats, clock.latest().playing) == (7.5, False)
    clock.steer("play")
    time.now_s += 1
    assert clock.latest().position_beats == 9.5
    clock.steer("stop")
    time.now_s += 1
    assert clock.latest().position_beats == 9.5
    clock.take_over(32, playing=True)
    time.now_s += 1
    assert clock.latest().position_beats == 34


def test_it_loops_without_drifting() -> None:
    time = Clock()
    clock = InternalClock(123.4, clock=time)
    clock.loop(4, 8)
    clock.play()
    time.now_s = 50 + 36000
    beats = 36000 * 123.4 / 60
    assert clock.latest().position_beats == pytest.approx(4 + (beats - 4) % 4, abs=1e-6)


def test_stopping_the_source_stops_the_music() -> None:
    clock = InternalClock()
    with clock:
        clock.play()
        assert clock.latest().playing
    assert not clock.latest().playing


def test_values_out_of_range_are_refused() -> None:
    clock = InternalClock()
    with pytest.raises(ValueError, match="tempo_bpm: 0"):
        clock.tempo(0)
    with pytest.raises(ValueError, match="end_beats: 4"):
        clock.loop(4, 4)
    with pytest.raises(ValueError, match="signature_denominator: 5"):
        InternalClock(signature=(4, 5))
