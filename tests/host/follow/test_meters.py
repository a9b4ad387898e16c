"""Songs whose meters change, through every source: the host is where the song is, whatever the bars before it were."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st

from bridge import FakeTransport
from bridge.clock.fake import Meters
from musika_daw.host.follow.follower import Follower
from musika_daw.host.follow.jack_follower import JackFollower
from tests.host.follow.daws import DAWS, DIGIT_BEATS, UNTOLD

STEP_S = 0.02
RUNS = settings(deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # to shrink takes minutes
# Link knows no song; a position without tempo or bars has no meters either
SOURCES = [source for source in DAWS if source not in ("link", "mtc")]


@st.composite
def meters(draw: st.DrawFn, denominators: Sequence[int] = (4,), least: int = 2) -> tuple[tuple[int, int, int], ...]:
    bars = sorted({1, *draw(st.lists(st.integers(2, 14), max_size=5))})
    return tuple((bar, draw(st.integers(least, 9)), draw(st.sampled_from(denominators))) for bar in bars)


def errors_s(source: str, fake: FakeTransport, until_s: float) -> list[tuple[float, float, float]]:
    """(time, error in seconds, tempo) of the host while the script plays."""
    hear = DAWS[source](fake, until_s, 0.0)
    bpm = fake.truth(0).tempo_bpm
    follower = JackFollower(bpm) if source.startswith("jack") else Follower(bpm)
    rows = []
    for step in range(round(until_s / STEP_S)):
        now_s = step * STEP_S
        grid = follower.update(hear(now_s), now_s)
        truth = fake.truth(now_s)
        if truth.playing and grid.playing:
            error = (follower.here(now_s) - truth.position_beats) * 60 / truth.tempo_bpm
            rows.append((now_s, error, grid.bpm))
    return rows


@pytest.mark.parametrize("source", SOURCES)
@given(meters=meters(), bpm=st.sampled_from([60.0, 97.0, 120.0, 174.0]))
@settings(RUNS, max_examples=4)
def test_from_the_start_through_meters_that_change(
    source: str, meters: tuple[tuple[int, int, int], ...], bpm: float
) -> None:
    fake = FakeTransport(bpm, meters=meters).play(0.3)
    limit_s = 0.008 + DIGIT_BEATS.get(source, 0) * 60 / bpm
    for now_s, error_s, played_bpm in errors_s(source, fake, 12):
        if now_s > 1:
            assert abs(error_s) <= limit_s, (now_s, error_s)
            assert abs(played_bpm / bpm - 1) <= 0.006


@pytest.mark.parametrize("source", SOURCES)
@given(meters=meters(denominators=(4, 8), least=5), bpm=st.sampled_from([60.0, 120.0]))
@settings(RUNS, max_examples=4)
def test_meters_in_eighths(source: str, meters: tuple[tuple[int, int, int], ...], bpm: float) -> None:
    if source == "osc:bitwig":  # a bar has a whole number of quarters there
        meters = tuple((bar, 2 * (numerator // 2), denominator) for bar, numerator, denominator in meters)
    fake = FakeTransport(bpm, meters=meters).play(0.3)
    limit_s = 0.008 + DIGIT_BEATS.get(source, 0) * 60 / bpm
    rows = errors_s(source, fake, 14)
    late = [(now_s, error_s) for now_s, error_s, _ in rows if now_s > 1 and abs(error_s) > limit_s]
    if source in UNTOLD:
        # only while the length of a beat is being learned, after a change of it
        song = Meters(meters)
        for now_s, _ in late:
            beat = fake.truth(now_s).position_beats
            bar = song.at(beat)
            before = song.at(bar.start_beats - 0.01)
            assert bar.number == 1 or before.denominator != bar.denominator
            assert (beat - bar.start_beats) * 60 / bpm < 1.3
    else:
        assert late == []


@pytest.mark.parametrize("source", [s for s in SOURCES if s != "osc:reaper without seconds"])
@example(meters=((1, 2, 4), (10, 5, 4)), place=0.7, back=17.3)  # into the last bar before a change
@given(meters=meters(), place=st.floats(0, 60), back=st.floats(0, 20))
@settings(RUNS, max_examples=4)
def test_after_a_locate_to_bars_that_were_never_heard(
    source: str, meters: tuple[tuple[int, int, int], ...], place: float, back: float
) -> None:
    # one tempo from the start: the song's seconds say how many beats came before
    assume(abs(place - 7.4) > 0.2 and abs(back - place - 8) > 0.2)  # a jump that is one
    fake = FakeTransport(120, meters=meters).play(0.3).locate(4, place).locate(8, back)
    limit_s = 0.012 + DIGIT_BEATS.get(source, 0) * 0.5
    for now_s, error_s, played_bpm in errors_s(source, fake, 12):
        if 1 < now_s < 4 or 5 < now_s < 8 or now_s > 9:
            assert abs(error_s) <= limit_s, (now_s, error_s)
            assert abs(played_bpm / 120 - 1) <= 0.006


@pytest.mark.parametrize("source", SOURCES)
@given(meters=meters())
@settings(RUNS, max_examples=4)
def test_a_loop_over_bars_of_several_meters(source: str, meters: tuple[tuple[int, int, int], ...]) -> None:
    fake = FakeTransport(120, meters=meters).play(0.3).loop(0.2, 4.0, 15.0)
    limit_s = 0.012 + DIGIT_BEATS.get(source, 0) * 0.5
    for now_s, error_s, _ in errors_s(source, fake, 16):
        # the wrap itself is heard with the next report
        since_wrap_s = (now_s - 0.3 - 7.5) % 5.5 if now_s > 7.8 else now_s
        if since_wrap_s > 0.5 and not 7.6 < now_s < 8.5:
            assert abs(error_s) <= limit_s, (now_s, error_s)


@pytest.mark.parametrize("source", SOURCES)
@example(meters=((1, 9, 4), (2, 13, 8), (4, 7, 4)), bpm=61.46, then_bpm=133.07)  # twice as fast looks like eighths
@example(meters=((1, 3, 4), (5, 13, 8), (10, 4, 4)), bpm=249.3, then_bpm=106.7)
@example(meters=((1, 5, 8), (3, 9, 4), (4, 9, 4)), bpm=174.0, then_bpm=207.2)  # ticks of which beats?
@example(meters=((1, 5, 4), (4, 7, 8), (6, 12, 8), (8, 3, 4)), bpm=176.0, then_bpm=176.0)  # back to quarters
@example(meters=((1, 8, 4),), bpm=229.28, then_bpm=247.446)  # three ticks of the new tempo lie on the line of the old
@given(meters=meters(denominators=(4, 8), least=5), bpm=st.floats(50, 260), then_bpm=st.floats(50, 260))
@settings(RUNS, max_examples=4)
def test_a_step_of_tempo_between_meters(
    source: str, meters: tuple[tuple[int, int, int], ...], bpm: float, then_bpm: float
) -> None:
    if source == "osc:bitwig":  # a bar has a whole number of quarters there
        meters = tuple((bar, 2 * (numerator // 2), denominator) for bar, numerator, denominator in meters)
    fake, song = FakeTransport(bpm, meters=meters).play(0.3).tempo(6.03, then_bpm), Meters(meters)
    limit_s = 0.012 + DIGIT_BEATS.get(source, 0) * 60 / min(bpm, then_bpm)
    for now_s, error_s, _ in errors_s(source, fake, 16):
        if abs(error_s) <= limit_s or now_s < 1.5 or 6 < now_s < 8.5:
            continue
        beat = fake.truth(now_s).position_beats
        bar = song.at(beat)
        # only while the length of a beat is being learned, after a change of it
        assert source in UNTOLD, (now_s, error_s)
        assert bar.number == 1 or song.at(bar.start_beats - 0.01).denominator != bar.denominator, (now_s, error_s)
        assert (beat - bar.start_beats) * 60 / fake.truth(now_s).tempo_bpm < 1.3, (now_s, error_s)


@given(meters=meters(denominators=(2, 4, 8)), beats=st.floats(0, 200))
@settings(max_examples=100, deadline=None)
def test_meters_of_a_fake_daw(meters: tuple[tuple[int, int, int], ...], beats: float) -> None:
    signatures = {bar: (numerator, denominator) for bar, numerator, denominator in meters}
    start, number, signature, gone = 0.0, 1, signatures[1], 0
    while start + 4 * signature[0] / signature[1] <= beats:
        start += 4 * signature[0] / signature[1]
        gone += signature[0]
        number += 1
        signature = signatures.get(number, signature)
    bar = Meters(meters).at(beats)
    assert (bar.number, bar.start_beats, bar.numerator, bar.denominator) == (number, start, *signature)
    assert Meters(meters).beats_before(number) == gone


def test_meters_that_are_none() -> None:
    for wrong in ((), ((2, 4, 4),), ((1, 4, 4), (1, 3, 4))):
        with pytest.raises(ValueError, match=r"meters: .* must begin with bar 1"):
            Meters(wrong)
