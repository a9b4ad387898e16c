"""The same position gives the same sound; loops close; takes end."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.instrument.engine import CHUNK_LATENTS, Engine
from musika_daw.score.controls import Controls
from musika_daw.score.score import piece_of
from musika_daw.score.tempo import TempoMap, TempoPoint

RAMP = TempoMap(
    [
        TempoPoint(Fraction(0), Fraction(120)),
        TempoPoint(Fraction(8), Fraction(120), True),
        TempoPoint(Fraction(16), Fraction(150)),
    ]
)


@pytest.fixture(scope="module", params=["32", "bf16"])
def engine(tiny_model: Path, request: pytest.FixtureRequest) -> Engine:
    return Engine.load(tiny_model, request.param)


def error_db(a: np.ndarray, b: np.ndarray) -> float:
    return 20 * np.log10(np.abs(a - b).max() / np.abs(a).max() + 1e-12)


@given(st.lists(st.fractions(min_value=0, max_value=24, max_denominator=7), min_size=1, max_size=4))
@settings(max_examples=12, deadline=None)
def test_chunked_equals_whole(engine: Engine, cuts: list[Fraction]) -> None:
    places = sorted({Fraction(0), Fraction(24), *cuts})
    whole = engine.render(0, 24, RAMP, Controls(3))
    parts = [engine.render(a, b - a, RAMP, Controls(3)) for a, b in itertools.pairwise(places)]
    joined = np.concatenate(parts)
    assert joined.shape == whole.shape
    assert error_db(whole, joined) < -90


# a desk raises parts by up to 15 dB, and what single precision rounds with them
@pytest.mark.parametrize("precision", ["32", "bf16"])
@pytest.mark.parametrize(
    ("model", "seed", "floor_db"), [("techno", 13, -120), ("piano", 15, -120), ("parts", 13, -105)]
)
def test_no_sample_of_a_shipped_model_depends_on_where_rendering_began(
    model: str, seed: int, floor_db: float, precision: str
) -> None:
    shipped, tempo = Engine.load(model, precision), TempoMap.constant(129)
    whole = shipped.render(32, 24, tempo, Controls(seed))
    begin = tempo.frame(Fraction(32), shipped.sample_rate_hz)

    @given(st.fractions(min_value=32, max_value=52, max_denominator=9), st.fractions(Fraction(1, 9), 4))
    @settings(max_examples=6, deadline=None)
    def check(start: Fraction, beats: Fraction) -> None:
        part = shipped.render(start, beats, tempo, Controls(seed))
        first = tempo.frame(start, shipped.sample_rate_hz) - begin
        assert np.abs(part - whole[first : first + len(part)]).max() < 10 ** (floor_db / 20)

    check()


@pytest.fixture(scope="module", params=["32", "bf16"])
def piano(piano_model: Path, request: pytest.FixtureRequest) -> Engine:
    return Engine.load(piano_model, request.param)


@given(st.lists(st.fractions(min_value=0, max_value=24, max_denominator=7), min_size=1, max_size=3))
@settings(max_examples=8, deadline=None)
def test_chunked_equals_whole_with_a_score(piano: Engine, cuts: list[Fraction]) -> None:
    places = sorted({Fraction(0), Fraction(24), *cuts})
    whole = piano.render(0, 24, RAMP, Controls(3, density=lambda seconds: 0.5 + 0.4 * np.sin(seconds)))
    controls = Controls(3, density=lambda seconds: 0.5 + 0.4 * np.sin(seconds))
    parts = [piano.render(a, b - a, RAMP, controls) for a, b in itertools.pairwise(places)]
    assert error_db(whole, np.concatenate(parts)) < -90


def test_a_score_is_heard(piano: Engine) -> None:
    few, many = (piano.render(0, 8, TempoMap.constant(120), Controls(3, density=d)) for d in (0.2, 0.8))
    assert error_db(few, many) > -40


def test_a_model_with_a_score_tells_its_key(piano: Engine, engine: Engine) -> None:
    assert piano.key(Controls(1, style_seed=5)) == piece_of(5).key.name
    assert engine.key(Controls(1, style_seed=5)) is None


def test_a_loop_with_a_score_continues_where_it_began(piano: Engine) -> None:
    """Rendered on its circle, a loop of three bars has in its last frames what leads to its first."""
    loop = piano.loop(133, 3, Controls(4)).mean(1)
    bend = np.abs(np.diff(np.concatenate([loop, loop[:2]]), 2))
    assert bend[-2:].max() <= np.percentile(bend[:-2], 99.99)


def test_a_seek_gives_the_sound_of_playing_there(engine: Engine) -> None:
    played = engine.render(0, 200, TempoMap.constant(140), Controls(9))
    sought = engine.render(190, 10, TempoMap.constant(140), Controls(9))
    assert error_db(sought, played[-len(sought) :]) < -90


@pytest.mark.parametrize("model", ["tiny_model", "paper_model"])
@pytest.mark.parametrize(("bpm", "bars", "rate_hz"), [(120, 4, 44_100), (133.7, 2, 48_000), (97, 1, 96_000)])
def test_loops_have_their_exact_length(
    model: str, bpm: float, bars: int, rate_hz: int, request: pytest.FixtureRequest
) -> None:
    loop = Engine.load(request.getfixturevalue(model)).loop(bpm, bars, Controls(1), rate_hz)
    assert loop.shape == (round(Fraction(bars * 4 * 60 * rate_hz) / Fraction(str(bpm))), 2)
    assert np.isfinite(loop).all()
    assert loop.std() > 1e-3


def test_a_loop_s_wrap_is_like_any_other_place_in_it(engine: Engine) -> None:
    """The second difference at the wrap is inside the range of the rest, in every octave band of time."""
    for seed in range(5):
        loop = engine.loop(133, 2, Controls(seed)).mean(1)
        bend = np.abs(np.diff(np.concatenate([loop, loop[:2]]), 2))
        assert bend[-2:].max() <= np.percentile(bend[:-2], 99.99)


def test_paper_patches_render_chunked_as_whole(paper_model: Path) -> None:
    engine = Engine.load(paper_model)
    tempo = TempoMap.constant(125)
    whole = engine.render(0, 40, tempo, Controls(3))
    late = engine.render(30, 10, tempo, Controls(3))
    assert engine.sample_rate_hz == 22_050
    assert error_db(late, whole[-len(late) :]) < -90


def test_takes_have_their_length_and_end_in_silence(engine: Engine) -> None:
    for seconds, rate_hz in ((6.0, 44_100), (4.25, 48_000)):
        take = engine.take(seconds, Controls(2, density=0.5), rate_hz)
        assert take.shape == (round(seconds * rate_hz), 2)
        assert np.abs(take[-1]).max() == 0
        assert np.abs(take[-rate_hz // 10 :]).max() < 0.01 * np.abs(take).max()


@pytest.mark.parametrize(
    "other",
    [
        Controls(4),
        Controls(3, style_seed=9),
        Controls(3, density=0.9),
        Controls(3, energy=0.1),
        Controls(3, truncation=0.5),
        Controls(3, morph_seed=5, morph=0.5),
    ],
)
def test_every_control_changes_the_sound(engine: Engine, other: Controls) -> None:
    assert np.abs(engine.loop(128, 1, Controls(3)) - engine.loop(128, 1, other)).max() > 1e-4


def test_a_density_curve_may_be_a_function_of_seconds(engine: Engine) -> None:
    curve = Controls(3, density=lambda s: np.clip(s / 8, 0, 1))
    constant = Controls(3, density=0.0)
    drawn, flat = (engine.take(8, c) for c in (curve, constant))
    assert np.abs(drawn[200_000:] - flat[200_000:]).max() > np.abs(drawn[:10_000] - flat[:10_000]).max()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"seed": -1}, "seed: -1, must be in"),
        ({"density": 2.0}, "density: 2, must be in 0..1"),
        ({"truncation": -0.5}, "truncation: -0.5, must be in 0..1"),
        ({"morph": 1.5}, "morph: 1.5"),
    ],
)
def test_controls_out_of_range_are_named(kwargs: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Controls(**kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize("beat", [4 * 10**9, -(10**18), 1e30])
def test_a_place_beyond_the_timeline_is_named(engine: Engine, beat: float) -> None:
    """There places are no numbers of samples any more: it was silent, or an error of numpy."""
    with pytest.raises(ValueError, match=r"start_beat: .*, must be in -1e\+09\.\.1e\+09"):
        engine.render(beat, 4, TempoMap.constant(120))
    with pytest.raises(ValueError, match="start_beat"):
        engine.loop(120, 1, start_beat=beat)


def test_the_far_end_of_the_timeline_sounds_wherever_rendering_begins(engine: Engine) -> None:
    whole = engine.render(999_999_996, 4, TempoMap.constant(128))
    half = engine.render(999_999_998, 2, TempoMap.constant(128))
    assert np.sqrt(np.mean(whole**2)) > 1e-3
    np.testing.assert_allclose(whole[-len(half) :], half, atol=1e-5)


@pytest.mark.parametrize("seconds", [1.0, 13.7, 25.3])
def test_a_take_in_blocks_is_the_take(engine: Engine, seconds: float) -> None:
    controls = Controls(2, density=0.5)
    blocks = list(engine.take_blocks(seconds, controls))
    assert max(map(len, blocks)) <= CHUNK_LATENTS * engine.r_time
    np.testing.assert_array_equal(np.concatenate(blocks), engine.take(seconds, controls, engine.sample_rate_hz))


def test_a_take_keeps_the_tempo_it_is_given(piano: Engine) -> None:
    controls = Controls(6, density=0.6)
    own, slow, fast = (piano.take(8, controls, bpm=bpm) for bpm in (None, 70, 140))
    assert error_db(slow, fast) > -40
    assert error_db(own, piano.take(8, controls)) < -120


def test_a_rendering_can_be_stopped_between_any_two_layers(tiny_model: Path) -> None:
    engine = Engine.load(tiny_model)
    tempo, left = TempoMap.constant(128), [10**9]
    whole = engine.render(0, 2, tempo)

    def count_down() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyError("enough")

    engine.watch(count_down)
    assert np.array_equal(engine.render(0, 2, tempo), whole)
    calls = 10**9 - left[0]
    assert calls > 10
    for left[0] in range(calls):
        with pytest.raises(KeyError, match="enough"):
            engine.render(0, 2, tempo)
    left[0] = calls
    assert np.array_equal(engine.render(0, 2, tempo), whole)
