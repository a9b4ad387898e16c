"""Weights files: what is written is read, and anything else is refused in one line."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musika_daw.instrument.checkpoint import find_model, load_weights, save_weights, shipped_models
from musika_daw.instrument.engine import Engine


def test_weights_survive_the_file(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(3, 4), "b": torch.arange(5.0)}
    digest = save_weights(tmp_path / "m.safetensors", "decoder", tensors, {"x": 1}, {"name": "m"})
    read = load_weights(tmp_path / "m.safetensors", "decoder")
    assert (read.config, read.facts, read.hash) == ({"x": 1}, {"name": "m"}, digest)
    torch.testing.assert_close(read.tensors["a"], tensors["a"].half().float())
    assert not list(tmp_path.glob("*.part"))


def test_not_finite_weights_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not finite"):
        save_weights(tmp_path / "m.safetensors", "decoder", {"a": torch.tensor([1e9])}, {}, {})
    assert not list(tmp_path.iterdir())


def test_another_role_is_refused(tmp_path: Path) -> None:
    save_weights(tmp_path / "m.safetensors", "decoder", {"a": torch.zeros(2)}, {}, {})
    with pytest.raises(ValueError, match="holds a decoder, need a generator"):
        load_weights(tmp_path / "m.safetensors", "generator")


def test_pickles_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ValueError, match="is a pickle"):
        load_weights(path, "generator")
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="is a pickle or zip checkpoint"):
        load_weights(path, "generator")


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_always_refused_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "m.safetensors"
    save_weights(path, "generator", {"a": torch.arange(64.0)}, {}, {})
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        # the values of the tensor: the header's padding may change without harm
        place = data.draw(st.integers(len(content) - 128, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"^model: ") as caught:
        load_weights(path, "generator")
    assert "\n" not in str(caught.value)


def test_a_generator_for_another_decoder_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    from training.export import random_run

    shutil.copytree(tiny_model, tmp_path / "m")
    random_run(tmp_path / "other", "tiny", "techno", seed=1)
    shutil.copy(tmp_path / "other" / "decoder.safetensors", tmp_path / "m" / "decoder.safetensors")
    with pytest.raises(ValueError, match="made for another decoder"):
        Engine.load(tmp_path / "m")


def test_models_are_found_by_folder_and_file(tiny_model: Path, tmp_path: Path) -> None:
    assert find_model(tiny_model) == find_model(tiny_model / "tiny.safetensors") == tiny_model / "tiny.safetensors"
    with pytest.raises(ValueError, match="is neither one of"):
        find_model("no-such-model")
    with pytest.raises(ValueError, match="model: '', is neither one of"):
        find_model("")
    with pytest.raises(ValueError, match="holds 0 generator weights"):
        find_model(tmp_path)


def test_the_package_ships_its_models() -> None:
    kinds = {"parts": "techno", "piano": "piano", "techno": "techno"}
    assert shipped_models() == list(kinds)
    assert {name: Engine.load(name).kind for name in shipped_models()} == kinds
