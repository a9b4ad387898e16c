"""Options: every value is read, or refused in one line that names it and what is allowed."""

import re
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pack_builder.plan.jobs import plan
from pack_builder.plan.options import BuildOptions
from pack_builder.plan.parse import music_key, parse_bpm, parse_density
from pack_builder.plan.recipe import recipe_of
from pack_builder.run.folder import durations_s


@pytest.mark.parametrize(
    ("text", "step", "tempi"),
    [
        ("128", "5", ["128"]),
        ("120,128.5", "5", ["120", "128.5"]),
        ("128.5, 120,120", "5", ["120", "128.5"]),
        ("120-160", "20", ["120", "140", "160"]),
        ("120-130", "4", ["120", "124", "128"]),
        ("60-61", "0.5", ["60", "60.5", "61"]),
        ("90,120-125", "5", ["90", "120", "125"]),
        ("200-200", "5", ["200"]),
    ],
)
def test_tempi(text: str, step: str, tempi: list[str]) -> None:
    assert parse_bpm(text, step) == tuple(map(Fraction, tempi))


def test_the_default_range_is_nine_tempi() -> None:
    assert parse_bpm("120-160") == tuple(range(120, 161, 5))


@settings(deadline=None)
@given(st.text(max_size=12))
def test_any_text_is_tempi_or_a_named_error(text: str) -> None:
    error = ""
    tempi: tuple[Fraction, ...] = ()
    try:
        tempi = parse_bpm(text)
    except ValueError as refused:
        error = str(refused)
    assert bool(error) != bool(tempi)
    assert not error or (error.startswith("--bpm") and "60..200" in error)
    assert all(60 <= bpm <= 200 for bpm in tempi)


@pytest.mark.parametrize(("text", "pair"), [("0.1-0.9", ("0.1", "0.9")), ("0.5", ("0.5", "0.5")), ("0-1", ("0", "1"))])
def test_densities(text: str, pair: tuple[str, str]) -> None:
    assert parse_density(text) == tuple(map(Fraction, pair))


def test_no_density_leaves_it_to_the_model() -> None:
    assert parse_density("none") is None


@pytest.mark.parametrize(("text", "key"), [("Am", "Amin"), ("bb", "Bbmaj"), ("F# minor", "F#min"), ("8B", "Cmaj")])
def test_keys(text: str, key: str) -> None:
    assert music_key("--take-key", text) == key


def test_chords_are_written_one_way() -> None:
    assert BuildOptions.parse(chords="am % f/a G#m7b5").music.chords == "Am | Am | F/A | Abm7b5"
    assert BuildOptions.parse(density="none", kinds=("techno",)).music.chords is None


BAD = [
    ({"take_key": "Am", "kinds": ("techno",)}, "--take-key: 'Amin', techno has no takes (--kind piano has them)"),
    ({"take_key": "Am", "takes": "0"}, "--take-key: 'Amin', with --takes 0 there is no take that would be in it"),
    ({"density_curve": "0:0.2", "takes": "0"}, "--density-curve: '0:0.2', with --takes 0 there is no take that would"),
    ({"density": "0.2", "takes": "0"}, "--density: '0.2', with --takes 0 and no piano loops nothing would heed it"),
    ({"asked_key": "Am", "take_key": "Cm"}, "--key: 'Amin', cannot be combined with --take-key"),
    ({"asked_key": "H"}, "--key: 'H', must be a key like Am, F#, Bbmin or 8A"),
    ({"take_key": "H"}, "--take-key: 'H', must be a key like Am, F#, Bbmin or 8A"),
    ({"bpm": "59.9"}, "--bpm: 59.9, must be within 60..200"),
    ({"bpm": "201"}, "--bpm: 201, must be within 60..200"),
    ({"bpm": "160-120"}, "--bpm: '160-120', must run from low to high, within 60..200"),
    ({"bpm": "120-"}, "--bpm: '120-', must be like"),
    ({"bpm": "fast"}, "--bpm: 'fast', must be like"),
    ({"bpm": "1.2.3"}, "--bpm: '1.2.3', must be a number within 60..200"),
    ({"bpm_step": "0"}, "--bpm-step: 0, must be within 0.01..140"),
    ({"bars": "0"}, "--bars: 0, must be within 1..16"),
    ({"bars": "3"}, "--bars: 3, must be one of 1, 2, 4, 8, 16"),
    ({"bars": "x"}, "--bars: 'x', must be a whole number within 1..16"),
    ({"density": "2"}, "--density: 2, must be within 0..1"),
    ({"density": "0.9-0.1"}, "--density: '0.9-0.1', must run from low to high, within 0..1"),
    ({"density": "thick"}, "--density: 'thick', must be like"),
    ({"kinds": ("violin",)}, "--kind: 'violin', must be one of techno, piano"),
    ({"naming": "x"}, "--naming: 'x', must be one of default, splice"),
    ({"loops_per_bpm": "-1"}, "--loops-per-bpm: -1, must be within 0..100000"),
    ({"takes": "1e3"}, "--takes: '1e3', must be a whole number within 0..100000"),
    ({"take_seconds": "0.5"}, "--take-seconds: 0.5, must be within 1..600"),
    ({"seed": "-1"}, "--seed: -1, must be within 0..4294967295"),
    ({"sample_rate": "22050"}, "--sample-rate: 22050, must be within 44100..96000"),
    ({"sample_rate": "50000"}, "--sample-rate: 50000, must be one of 44100, 48000, 88200, 96000"),
    ({"label": "a b"}, "--label: 'a b', must be 1..32 of A-Z a-z 0-9 _ - #, not _ - # first (_ for a space)"),
    ({"jobs": "0"}, "--jobs: 0, must be within 1..256"),
    ({"out": " "}, "--out: '', must name a folder"),
    ({"loops_per_bpm": "0", "takes": "0"}, "at least one loop or take"),
    (
        {"loops_per_bpm": "0", "takes": "1", "kinds": ("techno",)},
        "--loops-per-bpm: 0, must be 1 or more, techno has loops and no takes",
    ),
    ({"takes": "0", "kinds": ("piano",)}, "--takes: 0, must be 1 or more, piano has takes and no loops"),
    ({"density": "0.5", "kinds": ("techno",)}, "--density: '0.5', techno has no takes (--kind piano has them)"),
    ({"density_curve": "0:0.2", "kinds": ("techno",)}, "--density-curve: '0:0.2', techno has no takes"),
    ({"voices": "kick"}, "--voices: 'kick', must be VOICE=SEED, like kick=12"),
    ({"voices": "kick=1", "kinds": ("piano",)}, "--voices: 'kick=1', piano has none (--kind techno has them)"),
    ({"take_seconds": "5", "kinds": ("techno",)}, "--take-seconds: '5', techno has no takes (--kind piano has them)"),
    ({"take_seconds": "5", "takes": "0"}, "--take-seconds: '5', with --takes 0 there is no take that would be so long"),
    ({"take_bars": "2", "take_bpm": "90", "takes": "0"}, "--take-bars: '2', with --takes 0 there is no take"),
    ({"take_bars": "2", "take_bpm": "90", "kinds": ("techno",)}, "--take-bars: '2', techno has no takes"),
    ({"chords": "Am | H"}, "--chords: 'H', in bar 2, must be a chord like Am, F#, Bbmaj7 or C/E"),
    ({"chords": ""}, "--chords: '', must have a chord at least"),
    ({"styles": "dub,foo"}, "--styles: 'foo', must be all, or some of acid, breaks, deep, dub, electro, garage, hard"),
    ({"styles": "dub,acid,dub"}, "--styles: 'dub,acid,dub', dub must be given once"),
    ({"styles": ""}, "--styles: '', must be all, or some of acid"),
    ({"styles": "dub", "kinds": ("piano",)}, "--styles: 'dub', piano has none (--kind techno has them)"),
    ({"styles": "dub", "bpm_step": "2"}, "--bpm-step: '2', with --styles needs --bpm"),
    ({"kinds": ("piano",), "kits": "2"}, "--kits: 2, piano has none, allowed is 0"),
    ({"kinds": ("piano",), "one_shots": "1"}, "--one-shots: 1, piano has none, allowed is 0"),
]


@pytest.mark.parametrize(("texts", "message"), BAD)
def test_values_out_of_range_are_named(texts: dict, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        BuildOptions.parse(**texts)


def test_defaults_are_eighteen_loops_and_nine_takes() -> None:
    options = BuildOptions.parse()
    assert Counter((job.kind, job.shape) for job in plan(options)) == {("techno", "loop"): 18, ("piano", "take"): 9}
    assert options.place.out == Path("MSK_-_First_-_WAV")
    assert sum(durations_s(options.music)) == pytest.approx(2 * sum(960 / bpm for bpm in range(120, 161, 5)) + 180)


def test_folder_jobs_and_resume_are_no_part_of_the_recipe() -> None:
    one = BuildOptions.parse(out="a", jobs="1", name="Same")
    two = BuildOptions.parse(out="b", jobs="2", resume=True, name="Same")
    assert recipe_of(one) == recipe_of(two)
    assert recipe_of(one) != recipe_of(BuildOptions.parse(seed="8"))


def test_a_date_comes_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert BuildOptions.parse().label.source_date is None
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert BuildOptions.parse().label.source_date == "1970-01-01"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    with pytest.raises(ValueError, match="SOURCE_DATE_EPOCH: 'soon'"):
        BuildOptions.parse()
