"""The clock filter against simulated clocks, whose truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.clock.clock import ClockFilter
from bridge.clock.line import Line, break_point

Jitter = Callable[[float], float]


def period(frames: int, phase_s: float = 0.0) -> Jitter:
    """Handed over at the start of the next audio period of 48 kHz."""
    length_s = frames / 48000
    return lambda t: (math.floor((t - phase_s) / length_s + 1)) * length_s + phase_s


def uniform(up_to_s: float, seed: int = 1) -> Jitter:
    rng = random.Random(seed)
    return lambda t: t + rng.uniform(0, up_to_s)


class Run:
    """A clock of several tempos through a filter; what the filter thought after each tick."""

    def __init__(self, parts: list[tuple[float, float]], jitter: Jitter, **options: float) -> None:
        self.filter = ClockFilter(**options)  # type: ignore[arg-type]
        self.tempo_error: list[float] = []
        self.phase_s: list[float] = []
        self.changes: list[int] = []
        self.starts: list[int] = []
        t = 100.0
        self.ticks = 0
        for bpm, beats in parts:
            self.starts.append(self.ticks)
            for _ in range(round(beats * 24)):
                self.filter.tick(jitter(t))
                state = self.filter.state
                self.tempo_error.append(abs((state.tempo_bpm or math.inf) - bpm))
                self.phase_s.append((state.position(t) - self.ticks) * 60 / bpm / 24)
                self.changes.append(self.filter.changes)
                self.ticks += 1
                t += 60 / bpm / 24

    def settled_beats(self, part: int = -1, within_bpm: float = 0.1) -> float:
        """Beats after the beginning of a part from which on the tempo was right."""
        ends = [*self.starts[1:], self.ticks]
        errors = self.tempo_error[self.starts[part] : ends[part]]
        wrong = [i for i, error in enumerate(errors) if error > within_bpm]
        return (wrong[-1] + 1) / 24 if wrong else 0.0


@pytest.mark.parametrize("phase_s", [0.0, 0.0011, 0.0037])
@pytest.mark.parametrize(
    ("before", "after"),
    [(120, 140), (140, 120), (120, 121), (128, 127), (90, 180), (180, 90), (100, 60), (120, 100), (174, 87.5)],
)
def test_a_tempo_step_is_followed_within_four_beats(before: float, after: float, phase_s: float) -> None:
    run = Run([(before, 16), (after, 16)], period(256, phase_s))
    assert run.settled_beats() <= 4
    assert run.changes[run.starts[1] - 1] == 0
    assert run.filter.last_tick == run.ticks - 1
    assert run.filter.lost == 0


@pytest.mark.parametrize(("before", "after"), [(120, 140), (140, 120), (90, 180), (180, 90), (120, 100)])
def test_after_a_step_the_beat_is_right_within_one_beat(before: float, after: float) -> None:
    run = Run([(before, 16), (after, 16)], period(256))
    late = run.phase_s[run.starts[1] + 24 :]
    middle = sorted(late)[len(late) // 2]
    assert max(abs(phase - middle) for phase in late) < 0.005


@settings(max_examples=60, deadline=None)
@given(st.floats(60, 200), st.floats(60, 200), st.floats(0, 0.005))
def test_any_step_is_followed_and_no_tick_miscounted(before: float, after: float, phase_s: float) -> None:
    run = Run([(before, 12), (after, 16)], period(256, phase_s))
    if abs(after / before - 1) > 0.02:  # less is a nudge, and takes longer to tell from jitter
        # quantisation beats with some tempos; the last tenths of a bpm take longer there
        assert run.settled_beats(within_bpm=0.4) <= 8
    assert abs(run.phase_s[-1]) < 0.0075
    assert run.filter.last_tick == run.ticks - 1


@settings(max_examples=150, deadline=None)
@example(229.28, 247.446, 130.5, 0.001, 1)  # after 14 ticks the new tempo is one tick of the old one away from its line
@example(114.66, 120.42, 100.0, 0.001, 1)
@example(77.96, 73.77, 100.0, 0.003, 1)
@given(
    st.floats(50, 260),
    st.floats(0.8, 1.25),
    st.floats(60, 200),
    st.sampled_from([0.0003, 0.001, 0.003]),
    st.integers(0),
)
def test_no_tick_is_miscounted_after_a_step_where_stamps_are_fine(
    bpm: float, ratio: float, step_at: float, jitter_s: float, seed: int
) -> None:
    then_bpm = ratio if ratio > 2 else bpm * ratio
    clock, chance, at_s = ClockFilter(24, jitter_s), random.Random(seed), 0.0
    for number in range(700):
        clock.tick(at_s + chance.uniform(0, 0.9 * jitter_s))
        before = min(1.0, max(0.0, step_at - number))  # share of this tick at the first tempo
        at_s += (before / bpm + (1 - before) / then_bpm) * 60 / 24
    assert clock.last_tick == 699


def test_most_steps_are_within_a_tenth_in_four_beats() -> None:
    rng = random.Random(7)
    settled = []
    for _ in range(60):
        parts = [(rng.uniform(60, 200), 12.0), (rng.uniform(60, 200), 12.0)]
        settled.append(Run(parts, period(256, rng.random() / 100)).settled_beats())
    settled.sort()
    assert settled[30] < 2.5
    assert settled[53] <= 4


@pytest.mark.parametrize("bpm", [60, 120, 140.625, 174])
def test_nothing_drifts_in_ten_minutes(bpm: float) -> None:
    run = Run([(bpm, bpm * 10)], period(256, 0.001))
    late = run.phase_s[24 * 8 :]
    assert max(late) - min(late) < 0.001
    assert max(run.tempo_error[24 * 8 :]) < 0.05
    assert run.filter.changes == 0
    assert run.filter.last_tick == run.ticks - 1


def test_a_tempo_that_beats_with_the_audio_period_stays_within_the_period() -> None:
    # at 117.2 bpm a tick is four periods of 256 frames less 2 us: it slips a whole period now and then
    run = Run([(117.2, 1172)], period(256, 0.001))
    assert max(abs(phase) for phase in run.phase_s[24:]) <= 256 / 48000 + 1e-6
    assert max(run.tempo_error[24 * 8 :]) < 0.02


@pytest.mark.parametrize("by", [0.05, -0.05])
@pytest.mark.parametrize("bpm", [90, 120, 174])
@pytest.mark.parametrize("beats_before", [64, 512])
def test_a_nudge_of_a_twentieth_is_noticed(bpm: float, by: float, beats_before: int) -> None:
    run = Run([(bpm, beats_before), (bpm + by, 160)], period(256, 0.001))
    # the right tempo, much nearer than the nudge is large, and the phase never left the jitter's width
    assert run.settled_beats(within_bpm=0.02) < 96
    after = run.phase_s[run.starts[1] :]
    assert max(after) - min(after) < 0.0065


def test_a_ramp_is_followed_and_left() -> None:
    steps = [(120 + 20 * i / 192, 1 / 24) for i in range(192)]
    run = Run([(120, 12), *steps, (140, 16)], period(256))
    assert max(abs(phase) for phase in run.phase_s[24:]) < 0.015
    assert run.settled_beats(within_bpm=1.0) <= 4
    assert run.settled_beats(within_bpm=0.2) <= 12
    assert run.filter.last_tick == run.ticks - 1


@pytest.mark.parametrize("seed", range(3))
def test_jitter_of_ten_milliseconds_is_learnt(seed: int) -> None:
    run = Run([(120, 64)], uniform(0.01, seed))
    assert run.filter.jitter_s > 0.008
    assert max(run.tempo_error[24 * 16 :]) < 0.1
    assert run.filter.last_tick == run.ticks - 1


@pytest.mark.parametrize("bpm", [20, 999])
def test_the_slowest_and_the_fastest_tempo(bpm: float) -> None:
    run = Run([(120, 8), (bpm, 32), (120, 8)], uniform(0.0002), jitter_s=0.0005)
    assert run.settled_beats(1, 0.01 * bpm) <= 8
    assert run.settled_beats(2) <= 4
    assert run.filter.last_tick == run.ticks - 1


def test_periods_of_1024_frames_with_their_jitter_stated() -> None:
    run = Run([(120, 16), (140, 16)], period(1024, 0.003), jitter_s=0.022)
    assert run.settled_beats(within_bpm=0.5) <= 6
    assert run.filter.last_tick == run.ticks - 1


@settings(max_examples=60, deadline=None)
@given(st.integers(100, 380), st.integers(1, 3), st.floats(0, 0.005))
def test_lost_ticks_are_counted(first: int, count: int, phase_s: float) -> None:
    clock, jitter = ClockFilter(), period(256, phase_s)
    for i in range(400):
        if not first <= i < first + count:
            clock.tick(jitter(i / 48))
    assert clock.last_tick == 399
    assert clock.lost == count
    assert clock.state.tempo_bpm == pytest.approx(120, abs=0.1)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([60.0, 93.0, 120.0, 174.0, 234.375]),
    st.sampled_from([0.005, 0.02]),
    st.sampled_from([0.0, 0.005]),
)
def test_no_tick_is_miscounted_where_a_server_drops_cycles(seed: int, bpm: float, lost: float, late: float) -> None:
    """Ticks with exact stamps: those of a dropped cycle never come, those of a late callback are a cycle late."""
    rng, clock, number = random.Random(seed), ClockFilter(jitter_s=0.0005), 0
    period, size, gone = 48000 * 60 / bpm / 24, 512, False
    for cycle in range(40 * 48000 // size):
        calm = not 300 < cycle < 3400
        gone = not calm and rng.random() < (0.3 if gone else lost)
        shift = size if not calm and rng.random() < late else 0
        while round(number * period) < (cycle + 1) * size:
            if not gone:
                clock.tick((round(number * period) + shift) / 48000)
            number += 1
    assert clock.last_tick == number - 1
    assert clock.state.position((number - 1) * period / 48000) == pytest.approx(number - 1, abs=0.01)


def test_lost_ticks_that_look_like_half_the_tempo_are_found_out() -> None:
    clock = ClockFilter(jitter_s=0.0005)
    for i in range(200):
        if i not in (101, 103, 105):
            clock.tick(i / 48)
    assert clock.last_tick == 199
    assert clock.state.tempo_bpm == pytest.approx(120)


def test_half_the_tempo_is_not_taken_for_lost_ticks() -> None:
    clock = ClockFilter(jitter_s=0.0005)
    for i in range(100):
        clock.tick(i / 48)
    for i in range(1, 50):
        clock.tick(99 / 48 + i / 24)
    assert clock.last_tick == 148
    assert clock.state.tempo_bpm == pytest.approx(60)


def test_one_late_tick_moves_nothing() -> None:
    clock = ClockFilter(jitter_s=0.0005)
    for i in range(200):
        clock.tick(i / 48 + (0.0107 if i == 100 else 0.0))
        if i > 100:
            assert clock.state.position(10.0) == pytest.approx(480, abs=1e-6)
    assert (clock.last_tick, clock.lost, clock.changes) == (199, 0, 0)


def test_ticks_that_come_late_in_a_lump_are_not_counted_twice() -> None:
    clock = ClockFilter()
    for i in range(200):
        late = 0.09 if 100 <= i < 104 else 0.0
        clock.tick(i / 48 if not late else 104 / 48 - 0.002 + i * 1e-5)
    assert clock.last_tick == 199
    assert clock.state.tempo_bpm == pytest.approx(120, abs=0.1)


@pytest.mark.parametrize("stall_s", [0.049, 0.072, 0.3, 1.01])
def test_a_sender_that_stalls_has_lost_nothing(stall_s: float) -> None:
    clock, jitter = ClockFilter(), period(256)
    for i in range(200):
        clock.tick(jitter(i / 48 + (stall_s if i >= 100 else 0.0)))
    assert clock.last_tick == 199
    assert clock.lost == 0
    assert clock.state.position(199 / 48 + stall_s + 0.0027) == pytest.approx(199, abs=0.1)
    assert clock.state.tempo_bpm == pytest.approx(120, abs=0.1)


def test_a_dropout_is_bridged_and_the_clock_stops_after_three_missing() -> None:
    clock = ClockFilter()
    for i in range(100):
        clock.tick(i / 48)
    state = clock.state
    last_s = 99 / 48
    assert state.is_running(last_s + 3.9 / 48)
    assert not state.is_running(last_s + 4.5 / 48)
    assert state.tempo_bpm == pytest.approx(120)
    assert state.position(last_s + 3 / 48) == pytest.approx(102)
    for i in range(140, 200):
        clock.tick(i / 48)
    assert clock.last_tick == 199


def test_a_long_silence_keeps_the_tempo_and_goes_on_counting() -> None:
    clock = ClockFilter()
    for i in range(100):
        clock.tick(i / 48)
    clock.tick(60.0)
    assert clock.last_tick == 100
    assert clock.state.tempo_bpm == pytest.approx(120)
    for i in range(1, 100):
        clock.tick(60.0 + i / 56)
    assert clock.state.tempo_bpm == pytest.approx(140, abs=0.1)
    assert clock.last_tick == 199


def test_a_clock_that_runs_backwards_does_not_go_back() -> None:
    clock = ClockFilter()
    for i in range(100):
        clock.tick(i / 48)
    clock.tick(98 / 48)
    assert (clock.last_tick, clock.backwards) == (100, 1)
    clock.tick(-500.0)
    for i in range(1, 60):
        clock.tick(-500 + i / 48)
    assert clock.backwards == 2
    assert clock.last_tick == 160
    assert clock.state.tempo_bpm == pytest.approx(120)


def test_a_new_grid_after_a_start_is_taken_at_once() -> None:
    clock = ClockFilter()
    for i in range(100):
        clock.tick(i / 48)
    clock.expect_start()
    start_s = 100.4 / 48
    number = clock.tick(start_s)
    assert number == 100
    assert clock.state.position(start_s) == pytest.approx(100, abs=0.01)
    assert clock.state.tempo_bpm == pytest.approx(120)


def test_a_start_on_the_running_grid_changes_nothing() -> None:
    clock, jitter = ClockFilter(), period(256)
    for i in range(100):
        clock.tick(jitter(i / 48))
    before = clock.state.position(10.0)
    clock.expect_start()
    clock.tick(jitter(100 / 48))
    assert clock.state.position(10.0) == pytest.approx(before, abs=0.2)
    assert clock.changes == 0


def test_nothing_is_claimed_before_six_ticks() -> None:
    clock = ClockFilter()
    assert clock.state.tempo_bpm is None
    assert not clock.state.is_running(0)
    for i in range(5):
        clock.tick(i / 48)
    assert clock.state.tempo_bpm is None
    assert not clock.is_locked
    clock.tick(5 / 48)
    assert clock.state.tempo_bpm == pytest.approx(120)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), max_size=60))
def test_no_times_can_break_it(times: list[float]) -> None:
    clock = ClockFilter()
    numbers = [clock.tick(t) for t in times]
    state = clock.state
    assert state.tempo_bpm is None or state.tempo_bpm > 0
    assert all(n >= 0 for n in numbers)


@pytest.mark.parametrize("options", [{"ticks_per_beat": 0}, {"jitter_s": 0}, {"jitter_s": 1}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be in"):
        ClockFilter(**options)  # type: ignore[arg-type]


def test_a_line_keeps_its_digits_far_from_zero() -> None:
    line = Line.through([(10**7 + i, 1e6 + i / 48) for i in range(10000)])
    assert line.period_s == pytest.approx(1 / 48, rel=1e-8)
    assert line.time_s(10**7) == pytest.approx(1e6, abs=1e-5)
    assert line.tick(1e6 + 100) == pytest.approx(10**7 + 4800, abs=1e-3)


@given(st.integers(20, 180))
def test_the_break_between_two_lines_is_found(at: int) -> None:
    points = [(i, i / 48 if i < at else at / 48 + (i - at) / 56) for i in range(200)]
    assert abs(break_point(points) - at) <= 1
