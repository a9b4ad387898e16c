"""`--diverse`: of four draws each loop is one, chosen so that loops are far from each other; and how far is said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pack_builder.again import differences, options_again, options_extended
from pack_builder.console import JsonLines, PlainLines
from pack_builder.plan.jobs import DRAWS, Job, jobs_of
from pack_builder.plan.options import BuildOptions, place_from
from pack_builder.render.draw import RenderError
from pack_builder.run.build import BuildError, build
from pack_builder.run.diverse import chosen_apart
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Silent, audio_bytes
from tests.pack_builder.pack_stand_in import SOURCE

LOOPS = {"kinds": ("techno",), "bpm": "120,124", "loops_per_bpm": "3", "diverse": True}


@given(st.integers(0, 1000), st.integers(2, 12), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_chosen_draws_are_never_nearer_than_the_first(seed: int, loops: int, size: int) -> None:
    places = np.random.default_rng(seed).normal(size=(loops, DRAWS, size))
    draws, before, after = chosen_apart(places)
    assert np.mean(after) >= np.mean(before) - 1e-9
    assert len(draws) == len(before) == len(after) == loops
    assert set(draws) <= set(range(DRAWS))
    flat = places.reshape(-1, size) / places.reshape(-1, size).std(0)
    stand = flat.reshape(places.shape)[np.arange(loops), draws]
    apart = np.linalg.norm(stand[:, None] - stand, axis=-1) + np.diag(np.full(loops, np.inf))
    np.testing.assert_allclose(apart.min(1), after, atol=1e-5)


def test_a_twin_is_left() -> None:
    places = np.zeros((3, DRAWS, 2))
    places[1, 2], places[2, 3], places[0, 1] = (9, 0), (0, 9), (9, 9)
    _, before, after = chosen_apart(places)
    assert before == [0, 0, 0]
    assert min(after) > 1


def test_a_diverse_pack_says_how_far_and_is_made_again(small: Callable[..., BuildOptions], tmp_path: Path) -> None:
    options = small(**LOOPS)
    built = build(options, Silent(), SOURCE)
    recipe = built.manifest.recipe
    spread = recipe["spread"]
    assert spread["after"] > spread["before"] > 0
    assert set(spread["draws"].values()) - {0}
    assert set(spread["draws"]) == {row.job for row in built.manifest.rows}
    assert re.search(
        r"loops chosen far from each other: \d+\.\d to the nearest", (built.folder / "README.txt").read_text()
    )
    plain = build(small(**LOOPS | {"diverse": False, "out": str(tmp_path / "plain")}), Silent(), SOURCE).manifest
    for row, other in zip(built.manifest.rows, plain.rows, strict=True):
        assert (row.source.seed == other.source.seed) == (spread["draws"][row.job] == 0)
    assert verify(built.folder, deep=True).differences == ()
    two = build(small(**LOOPS | {"jobs": "2", "out": str(tmp_path / "two"), "name": "Pack"}), Silent(), SOURCE)
    assert two.manifest.recipe["spread"] == spread
    again, folder = options_again(str(built.folder), (), place_from({"out": str(tmp_path / "again")}))
    build(again, Silent(), SOURCE)
    assert differences(folder, tmp_path / "again") == []


def test_a_stopped_one_is_gone_on_with_and_extended(small: Callable[..., BuildOptions], tmp_path: Path) -> None:
    whole = build(small(**LOOPS | {"out": str(tmp_path / "whole")}), Silent(), SOURCE).folder
    options = small(**LOOPS)
    with pytest.raises(KeyboardInterrupt):
        build(options, Silent(stop_after=2), SOURCE)
    resumed = build(small(**LOOPS | {"resume": True}), Silent(), SOURCE)
    assert [path.split("_")[-1] for path in audio_bytes(resumed.folder)] == [
        path.split("_")[-1] for path in audio_bytes(whole)
    ]
    assert list(audio_bytes(resumed.folder).values()) == list(audio_bytes(whole).values())
    before = audio_bytes(resumed.folder)
    more = build(options_extended(2, 0, place_from({"out": str(resumed.folder)})), Silent(), SOURCE)
    assert more.files == 8
    assert before.items() <= audio_bytes(more.folder).items()
    readme = (more.folder / "README.txt").read_text()
    assert "  6 loops chosen far from each other" in readme
    assert "; the 2 that were added later are as they were drawn" in readme


def test_draws_are_heard_of_while_they_are_made(
    small: Callable[..., BuildOptions], capsys: pytest.CaptureFixture
) -> None:
    silent = Silent()
    build(small(**LOOPS), silent, SOURCE)
    assert silent.drawn == [(done, 6) for done in range(7)]
    lines, events = PlainLines(), JsonLines()
    for done in range(31):
        lines.drew(done, 30)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "drawing 4 of each of 30 loops, to choose those that are far from each other"
    assert told[1:] == [f"drawn {done} of 30 loops" for done in range(3, 31, 3)]
    events.drew(2, 6)
    assert json.loads(capsys.readouterr().out) == {"event": "drew", "done": 2, "loops": 6}


def test_after_a_chosen_draw_come_those_that_nobody_has_looked_at(small: Callable[..., BuildOptions]) -> None:
    [first, *_] = jobs_of(small(kinds=("techno",), bpm="120").music)
    seeds = [first.seed(attempt) for attempt in range(2 * DRAWS)]
    for drawn in range(DRAWS):
        job = Job(**vars(first) | {"drawn": drawn})
        assert [job.seed(attempt) for attempt in range(3)] == [seeds[drawn], seeds[DRAWS], seeds[DRAWS + 1]]
        assert job.style(0) == first.style(drawn)


@pytest.mark.parametrize("texts", [{"bpm": "120", "loops_per_bpm": "1"}, {"kinds": ("piano",)}])
def test_one_loop_is_not_far_from_others(texts: dict) -> None:
    with pytest.raises(ValueError, match=r"^--diverse: needs at least two loops of a kind \(--loops-per-bpm, --bpm\)$"):
        BuildOptions.parse(diverse=True, **texts)


def test_a_draw_that_fails_ends_the_build_as_any_render_does(
    small: Callable[..., BuildOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RenderError("the engine gave what is no number")

    monkeypatch.setattr("pack_builder.run.build.spread_of", fails)
    with pytest.raises(BuildError, match="no number"):
        build(small(**LOOPS | {"out": str(tmp_path / "pack")}), Silent(), SOURCE)
