"""What a style does to the sound of each voice: apart, from its strike on, and from what is near alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from musika_daw.instrument.models.timbre import KINDS, TIMES, VOICES, Timbre
from musika_daw.score.part_roll import PITCHED, part_roll
from musika_daw.score.part_roll import TIMES as EDGES
from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import ROLES, sorted_notes

FRAMES, STYLE = 120, 4
Row = tuple[float, float, int, float, int]


def since(*rows: Row) -> Tensor:
    """How far each voice is at each time, `[FRAMES, VOICES, TIMES]`, of notes of the score."""
    told = torch.from_numpy(part_roll(sorted_notes(list(rows)), FRAMES))
    return Timbre(STYLE, 3).since(told[None])[0].unflatten(-1, (VOICES, TIMES))


def hit(at: float, voice: str, velocity: float = 1.0) -> Row:
    return at, at, DRUMS[voice], velocity, ROLES.index("drums")


@pytest.mark.parametrize("velocity", [0.35, 1.0])
def test_a_drum_passes_through_all_times_and_ends(velocity: float) -> None:
    told = since(hit(20, "kick", velocity))
    kick = told[:, KINDS.index("kick")]
    assert not told[:20].any()
    for number, (edge, after) in enumerate(pairwise(EDGES)):
        assert torch.equal(kick[20 + edge : 20 + after], torch.eye(TIMES)[number].expand(after - edge, -1))
    assert not told[20 + EDGES[-1] :].any()
    assert not told[:, [i for i in range(VOICES) if i != KINDS.index("kick")]].any()


def test_of_a_kit_sounds_what_was_struck_last() -> None:
    told = since(hit(20, "open"), hit(25, "perc3"))
    assert told[24, KINDS.index("open"), 4] == 1
    assert not told[25:, KINDS.index("open")].any()
    assert told[25, KINDS.index("perc"), 0] == 1


def test_a_long_note_rests_for_as_long_as_it_sounds() -> None:
    told = since((10.5, 90.0, 40, 0.8, ROLES.index("bass")))
    bass = told[:, len(KINDS) + PITCHED.index("bass")]
    assert bass[10, 0] == 1
    assert torch.equal(bass[10 + EDGES[-1] : 90], torch.eye(TIMES)[-1].expand(80 - EDGES[-1], -1))
    assert not bass[90:].any()


@given(st.lists(st.tuples(st.floats(0, FRAMES - 1), st.floats(0.2, 60), st.integers(20, 100), st.floats(0.1, 1))))
def test_a_voice_is_at_no_more_than_one_time(notes: list[tuple[float, float, int, float]]) -> None:
    told = since(*((on, on + length, key, velocity, ROLES.index("chords")) for on, length, key, velocity in notes))
    assert told.min() >= 0
    assert told.sum(-1).max() <= 1 + 1e-5


def test_one_style_acts_as_the_same_at_every_latent() -> None:
    torch.manual_seed(1)
    timbre = Timbre(STYLE, 3)
    torch.nn.init.normal_(timbre.linear.weight)
    notes = [hit(3, "kick"), hit(30, "perc3"), (10.5, 90.0, 40, 0.8, ROLES.index("bass"))]
    told = torch.from_numpy(part_roll(sorted_notes(notes), FRAMES)).expand(2, -1, -1)
    style = torch.randn(2, STYLE)
    assert torch.allclose(timbre(told, style), timbre(told, style[:, None].expand(-1, FRAMES, -1)), atol=1e-5)


def test_what_a_style_does_depends_on_what_was_struck_lately_alone() -> None:
    torch.manual_seed(0)
    timbre = Timbre(STYLE, 3)
    torch.nn.init.normal_(timbre.linear.weight)
    rng = np.random.default_rng(0)
    rows = [
        hit(float(rng.uniform(0, FRAMES)), str(rng.choice(list(DRUMS))), float(rng.uniform(0.2, 1))) for _ in range(9)
    ]
    rows += [(float(on), float(on) + 7, 50, 0.9, ROLES.index("lead")) for on in rng.uniform(0, FRAMES, 9)]
    told = torch.from_numpy(part_roll(sorted_notes(rows), FRAMES))[None]
    style = torch.randn(1, FRAMES, STYLE)
    whole = timbre(told, style)
    cut = timbre(told[:, 40:], style[:, 40:])
    assert torch.allclose(whole[:, 40 + EDGES[-1] :], cut[:, EDGES[-1] :], atol=1e-5)
