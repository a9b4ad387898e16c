"""Named starting points: each plays what it says, each loop of one is another piece, and other names are refused."""

from __future__ import annotations

import re

import pytest

from musika_daw.instrument.scores import check_asked
from musika_daw.score.controls import Controls
from musika_daw.score.parts import DRUMS, VOICES
from musika_daw.score.roll import ROLES
from musika_daw.score.techno.catalogue import START_NAMES, STARTS, Start, start_named
from musika_daw.score.techno.playing import piece_of, span_notes
from musika_daw.score.techno.timbres import TIMBRES
from musika_daw.score.tempo import TempoMap

SEEDS = range(12)


def played(style: str, seed: int) -> tuple[set[str], set[float]]:
    """Roles that play in four bars, and the steps of the kick in them."""
    start = start_named(style)
    bpm = start.bpm[0]
    notes = span_notes(0, 16 * 60 / bpm, TempoMap.constant(bpm), Controls(seed=seed, style=style))
    kicks = notes.onset[(notes.key == DRUMS["kick"]) & (notes.roles == ROLES.index("drums"))]
    steps = {round(second * bpm / 15, 2) % 16 for second in kicks.tolist()}
    return {ROLES[role] for role in notes.roles.tolist()}, steps


def test_there_are_at_least_twelve_and_each_is_named_once() -> None:
    assert len(set(START_NAMES)) == len(STARTS) >= 12
    assert len({start.genre for start in STARTS}) == len(STARTS)
    assert all(re.fullmatch("[a-z]+", name) for name in START_NAMES)  # they stand in file names


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.name)
def test_a_style_plays_its_layers_and_no_others(start: Start) -> None:
    for seed in SEEDS:
        piece = piece_of(Controls(seed=seed, style=start.name))
        assert piece.style == start.score
        for layer in ("acid", "stab", "pad", "lead"):
            assert (layer in piece.lines) == bool(getattr(start.score, layer))
        assert 60 <= min(start.bpm) <= max(start.bpm) <= 200


def test_kicks_are_straight_or_broken_as_the_style_says() -> None:
    for seed in SEEDS:
        assert played("dub", seed)[1] >= {0, 4, 8, 12}
        assert not {4, 12} & played("electro", seed)[1]


def test_acid_has_a_lead_and_no_chords_dub_chords_and_no_lead() -> None:
    heard = {style: [played(style, seed)[0] for seed in SEEDS] for style in ("acid", "dub")}
    assert all("lead" in roles and "chords" not in roles for roles in heard["acid"])
    assert not any("lead" in roles for roles in heard["dub"])
    assert sum("chords" in roles for roles in heard["dub"]) > len(SEEDS) / 2


def test_loops_of_one_style_are_different_pieces() -> None:
    keys = {piece_of(Controls(seed=seed, style="house")).harmony for seed in SEEDS}
    assert len(keys) > len(SEEDS) / 2


def test_a_style_brings_voices_where_none_are_asked() -> None:
    chords = TIMBRES["dub"]["chords"]
    assert {Controls(seed=seed, style="dub").voiced("chords") for seed in range(5)} == set(chords)
    assert Controls(seed=1, style_seed=2, style="dub").voiced("chords") == chords[2]
    assert Controls(style="dub", voices=(("drums", 9),)).voiced("kick", "drums") == 9
    assert Controls(style="dub").voiced("crash", "drums") is None
    assert Controls().voiced("chords") is None


def test_timbres_are_of_voices_that_there_are() -> None:
    assert set(TIMBRES) == set(START_NAMES)
    for name, voices in TIMBRES.items():
        assert set(voices) <= set(VOICES), name
        assert all(len(set(seeds)) == len(seeds) > 1 for seeds in voices.values())


def test_other_names_and_models_that_know_no_parts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^style: 'polka', must be one of acid, breaks, deep, dub, "):
        Controls(style="polka")
    with pytest.raises(ValueError, match=r"^style: dub, but piano plays no score of parts$"):
        check_asked(Controls(style="dub"), "piano", "piano")
