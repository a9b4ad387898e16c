"""Which of the models that ship a pack is made with: the newest, but the one it was made with where it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pack_builder.again import options_again, options_extended
from pack_builder.plan.options import BuildOptions, place_from
from pack_builder.record.manifest import read_manifest
from pack_builder.render.source import EngineSource
from pack_builder.run.build import build
from tests.pack_builder.pack_helpers import Silent, audio_bytes
from tests.pack_builder.pack_stand_in import StandIn, StandInControls
from tests.pack_builder.pack_stand_in import load as stand_in

Small = Callable[..., BuildOptions]


def load(model: str, precision: str = "32") -> StandIn:
    """The stand-ins, of which `parts` is another model than `techno`."""
    engine = stand_in(model, precision)
    if model == "parts":
        engine.name, engine.weights_hash = "parts", "f" * 64
    return engine


SOURCE = EngineSource(load, StandInControls)  # type: ignore[arg-type]


def models_of(folder: Path) -> list[str]:
    return [model.name for model in read_manifest(folder).models]


@pytest.fixture
def earlier(small: Small, tmp_path: Path) -> Path:
    """A pack of loops from when `techno` made them."""
    options = small(kinds=("techno",), models=("techno",), out=str(tmp_path / "earlier"))
    build(options, Silent(), SOURCE)
    return options.place.out


def test_a_new_pack_is_made_with_the_newest(small: Small) -> None:
    options = small(kinds=("techno",))
    build(options, Silent(), SOURCE)
    assert models_of(options.place.out) == ["parts"]


def test_a_pack_is_made_again_with_what_it_was_made_with(earlier: Path, tmp_path: Path) -> None:
    options, _ = options_again(str(earlier), (), place_from({"out": str(tmp_path / "again"), "jobs": "1"}))
    build(options, Silent(), SOURCE)
    assert models_of(tmp_path / "again") == ["techno"]
    assert audio_bytes(tmp_path / "again") == audio_bytes(earlier)


def test_a_pack_is_extended_and_gone_on_with_as_it_began(small: Small, earlier: Path) -> None:
    build(options_extended(1, 0, place_from({"out": str(earlier), "jobs": "1"})), Silent(), SOURCE)
    assert models_of(earlier) == ["techno"]
    again = small(kinds=("techno",), out=str(earlier.parent / "other"), models=("techno",))
    build(again, Silent(), SOURCE)
    result = build(small(kinds=("techno",), out=str(again.place.out), resume=True), Silent(), SOURCE)
    assert result.rendered == 0
    assert models_of(again.place.out) == ["techno"]


def test_files_begin_with_the_model_that_was_loaded_last(small: Small) -> None:
    loaded: list[str] = []

    def listed(model: str, precision: str = "32") -> StandIn:
        loaded.append(model)
        return load(model, precision)

    source = EngineSource(listed, StandInControls)  # type: ignore[arg-type]
    options = small(kinds=("techno", "piano"), takes="1", jobs="1")
    build(options, Silent(), source)
    assert loaded == ["piano", "parts", "piano"]
    assert models_of(options.place.out) == ["parts", "piano"]
