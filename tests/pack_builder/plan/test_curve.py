"""Density curves: points in, a curve followed, the measured one beside it."""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.hearing.check import measured_curve
from pack_builder.plan.curve import DensityCurve, Points, agreement, parse_curve
from pack_builder.plan.jobs import plan
from pack_builder.plan.options import BuildOptions
from pack_builder.record.manifest import read_manifest
from pack_builder.run.build import build
from tests.pack_builder.pack_helpers import Silent
from tests.pack_builder.pack_stand_in import SOURCE

POINTS = ((Fraction(0), Fraction(1, 5)), (Fraction(8), Fraction(4, 5)), (Fraction(16), Fraction(3, 10)))
PIANO = {"kinds": ("piano",), "takes": "1"}


@pytest.mark.parametrize("text", ["0:0.2 8:0.8 16:0.3", "0:0.2, 8:0.8, 16:0.3", " 0:0.20  8:0.8 16:0.3"])
def test_points_from_a_text(text: str) -> None:
    assert parse_curve(text) == POINTS


@pytest.mark.parametrize("heading", ["", "seconds,density\n"])
def test_points_from_a_table(tmp_path: Path, heading: str) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(f"{heading}0,0.2\n8,0.8\n\n16, 0.3\n")
    assert parse_curve(str(path)) == POINTS


BAD = [
    ("8:0.2 0:0.3", "seconds must rise"),
    ("0:2", "2, must be within 0..1"),
    ("0:0.2 8", "must be like"),
    ("601:0.2", "must be within 0..600"),
    ("nothing.csv", "or a readable csv file"),
    ("0.5", "must be like"),
    ("0:x", "must be a number within 0..1"),
    ("", "must be like"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_curves_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^--density-curve: .*{re.escape(message)}"):
        parse_curve(text)


def test_a_bad_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text("0,0.2,7\n")
    with pytest.raises(ValueError, match="each row must hold seconds and density"):
        parse_curve(str(path))
    path.write_text("seconds,density\n")
    with pytest.raises(ValueError, match="holds 0 points"):
        parse_curve(str(path))


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_a_curve_or_a_named_error(text: str) -> None:
    error = ""
    points: Points = ()
    try:
        points = parse_curve(text)
    except ValueError as refused:
        error = str(refused)
    assert bool(error) != bool(points)
    assert not error or error.startswith("--density-curve")


def test_a_curve_is_straight_between_its_points_and_level_beyond() -> None:
    curve = DensityCurve(((0.0, 0.2), (8.0, 0.8), (16.0, 0.3)))
    assert np.allclose(curve(np.array([-1.0, 0, 4, 8, 12, 16, 99])), [0.2, 0.2, 0.5, 0.8, 0.55, 0.3, 0.3])


def test_the_measured_curve_agrees_with_onsets_made_to_it() -> None:
    curve = DensityCurve(((0.0, 0.3), (10.0, 0.9), (20.0, 0.3)))
    times, at = [], 0.0
    while at < 20:
        times.append(at)
        at += 1 / (0.5 * 32 ** float(curve(np.array([at]))[0]))
    measured = measured_curve(np.array(times), 20.0)
    assert len(measured) == 40
    assert agreement(curve, measured) > 0.97
    assert agreement(DensityCurve(((0.0, 0.5), (1.0, 0.5))), measured) is None
    assert len(measured_curve(np.array(times), 600.0)) == 240


def test_a_take_follows_the_curve_and_both_are_in_the_manifest(small: Callable[..., BuildOptions]) -> None:
    options = small(**PIANO, density_curve="0:0.3 8:0.8 16:0.3", take_seconds="16")
    build(options, Silent(), SOURCE)
    [row] = read_manifest(options.place.out).rows
    assert row.music.density_curve is not None
    assert row.music.density_curve["asked"] == [[0.0, 0.3], [8.0, 0.8], [16.0, 0.3]]
    assert row.music.density_curve["r"] > 0.8
    assert all(0 <= value <= 1 for _, value in row.music.density_curve["measured"])
    assert row.music.density_asked is None


@pytest.mark.parametrize(("density", "asked"), [("0.5", [[0.0, 0.5]]), ("none", None)])
def test_constant_and_free_takes_have_a_measured_curve_too(
    small: Callable[..., BuildOptions], density: str, asked: list | None
) -> None:
    options = small(**PIANO, density=density)
    build(options, Silent(), SOURCE)
    [row] = read_manifest(options.place.out).rows
    assert row.music.density_curve is not None
    assert row.music.density_curve["asked"] == asked
    assert len(row.music.density_curve["measured"]) == 3  # 1.5 s without the decay


def test_takes_in_bars_have_exactly_that_length(small: Callable[..., BuildOptions]) -> None:
    options = small(**PIANO, take_seconds=None, take_bars="2", take_bpm="92.5")
    assert plan(options)[0].seconds == Fraction(2 * 240 * 10, 925)
    build(options, Silent(), SOURCE)
    [row] = read_manifest(options.place.out).rows
    assert row.sound.frames == round(Fraction(row.sound.frames_exact)) == round(480 / 92.5 * 44100)
    assert (row.music.bars, row.music.bpm, row.music.beats) == (2, None, None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"take_bars": "8"}, "--take-bars and --take-bpm: both must be given"),
        (
            {"take_bars": "8", "take_bpm": "90", "take_seconds": "3"},
            "--take-seconds: '3', cannot be combined with --take-bars",
        ),
        ({"take_bars": "900", "take_bpm": "60"}, "must be within 1..600 s"),
        ({"take_bars": "8", "take_bpm": "5"}, "--take-bpm: 5, must be within 20..300"),
        ({"density": "0.5", "density_curve": "0:0.2"}, "--density: '0.5', cannot be combined with --density-curve"),
        ({"density_curve": "0:0.2 30:0.5"}, "its last point is at 30 s, a take ends at 20 s"),
        ({"attempts": "0"}, "--attempts: 0, must be within 1..1000"),
        ({"format": "m4a"}, "--format: 'm4a', must be one of wav24"),
        ({"finish": "loud"}, "--finish: 'loud', must be one of clean, warm, club, none or a toml file"),
    ],
)
def test_options_that_do_not_go_together_are_named(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        BuildOptions.parse(**values)
