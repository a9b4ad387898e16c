"""Exported models are found by name, begin new runs, and what does not fit is refused in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from musika_daw.instrument.checkpoint import (
    check_name,
    find_model,
    load_weights,
    save_weights,
    user_folder,
    user_models,
)
from musika_daw.instrument.engine import Engine
from musika_daw.instrument.models import TINY, Decoder
from musika_daw.instrument.models.config import TINY_PIANO
from musika_daw.instrument.models.generator import build_generator
from musika_daw.score.controls import Controls
from tests.training.run.conftest import Stages
from tests.training.run.tiny import QUICK, QUICK_GAN
from training.cli import main
from training.export import export_generator, export_named, made_with
from training.latents.encode import LatentCorpus, encoder_hash
from training.runs.recipes import AutoencoderSettings, apply_settings
from training.runs.run import load_checkpoint
from training.starts import autoencoder_start, generator_start
from training.weights import autoencoder_weights, encoder_of


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MUSIKA_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def test_a_named_model_is_loaded_by_its_name(stages: Stages, models: Path, tmp_path: Path) -> None:
    assert user_models() == []
    files = export_named(stages.gan, None, "mytechno", "CC-BY-4.0, by me")
    assert files[0] == models / "mytechno" / "mytechno.safetensors"
    assert user_models() == ["mytechno"]
    assert find_model("mytechno") == files[0]
    engine = Engine.load("mytechno")
    assert engine.name == "mytechno"
    assert engine.loop(130, 1, Controls(1)).shape[1] == 2
    facts = load_weights(files[0], "generator").facts
    assert facts["licence"] == "CC-BY-4.0, by me"
    assert facts["labels"] == ["phase", "tempo", "density", "energy"]
    with pytest.raises(ValueError, match="neither one of parts, piano, techno, mytechno nor"):
        find_model("other")


def test_a_folder_beside_does_not_hide_a_named_model(
    stages: Stages, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_named(stages.gan, None, "mine", "")
    (tmp_path / "here" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert find_model("mine") == models / "mine" / "mine.safetensors"


@pytest.mark.parametrize("name", ["techno", "decoder", "My Techno", "", "../x", "-x", "a" * 65])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name: "):
        check_name(name)


@pytest.mark.parametrize(
    ("platform", "variable", "place"),
    [
        ("linux", "XDG_DATA_HOME", "musika-daw/models"),
        ("win32", "LOCALAPPDATA", "musika-daw/models"),
        ("darwin", "HOME", "Library/Application Support/musika-daw/models"),
    ],
)
def test_models_live_where_the_system_keeps_data(
    platform: str, variable: str, place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MUSIKA_MODELS", raising=False)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert user_folder() == tmp_path / place


def test_exported_weights_are_a_source_like_the_run(stages: Stages, tmp_path: Path) -> None:
    export_generator(stages.gan, stages.autoencoder, tmp_path, "m", licence="")
    assert encoder_hash(encoder_of(tmp_path)) == LatentCorpus(stages.latents).encoder_hash
    again = export_generator(stages.gan, tmp_path, tmp_path / "again", "m", licence="")
    for file, role in zip(again, ("generator", "decoder", "encoder")):
        assert load_weights(file, role).hash == load_weights(tmp_path / file.name, role).hash


def test_both_stages_begin_from_exported_weights(stages: Stages, tmp_path: Path) -> None:
    export_generator(stages.gan, None, tmp_path / "m", "m", licence="")
    first = load_checkpoint(autoencoder_start(tmp_path / "m", TINY.autoencoder, QUICK, tmp_path / "a"))
    _, decoder = autoencoder_weights(stages.autoencoder).encoder, autoencoder_weights(stages.autoencoder).decoder
    for name, value in first["decoder"].items():
        torch.testing.assert_close(value, decoder[name], atol=1e-3, rtol=1e-3)
    second = load_checkpoint(generator_start(tmp_path / "m", TINY.generator, QUICK_GAN, tmp_path / "g"))
    trained = load_checkpoint(stages.gan)["ema"]
    for name, value in second["generator"].items():
        torch.testing.assert_close(value, trained[name], atol=1e-3, rtol=1e-3)
    assert (second["steps"], first["steps"]) == (0, 0)
    # of a run the other networks are taken along
    third = load_checkpoint(generator_start(stages.gan, TINY.generator, QUICK_GAN, tmp_path / "h"))
    assert torch.equal(
        third["discriminator"]["inward.conv.weight"], load_checkpoint(stages.gan)["discriminator"]["inward.conv.weight"]
    )


def test_a_generator_makes_the_same_latents_in_another_corpus_s_units(stages: Stages, tmp_path: Path) -> None:
    shutil.copytree(stages.latents, tmp_path / "z")
    index = json.loads((tmp_path / "z" / "latents.json").read_text())
    index["mean"] = [m + 0.3 for m in index["mean"]]
    index["deviation"] = [2 * d for d in index["deviation"]]
    (tmp_path / "z" / "latents.json").write_text(json.dumps(index))
    made = []
    torch.manual_seed(0)
    sizes = TINY.generator
    inputs = torch.randn(1, 40, sizes.coordinate), torch.randn(1, 16), torch.zeros(1, 40, sizes.told)
    for latents in (stages.latents, tmp_path / "z"):
        start = generator_start(stages.gan, TINY.generator, QUICK_GAN, tmp_path / "start", latents=latents)
        generator = build_generator(TINY.generator)
        generator.load_state_dict(load_checkpoint(start)["generator"])
        corpus = LatentCorpus(latents)
        with torch.inference_mode():
            made.append(generator(*inputs) * torch.from_numpy(corpus.deviation) + torch.from_numpy(corpus.mean))
    torch.testing.assert_close(made[0], made[1], atol=1e-4, rtol=1e-4)


def test_what_does_not_fit_is_one_line(stages: Stages, tmp_path: Path) -> None:
    import dataclasses

    wide = dataclasses.replace(TINY.generator, width=64)
    for call, words in (
        (lambda: generator_start(stages.gan, wide, QUICK_GAN, tmp_path / "a"), "another configuration"),
        (lambda: generator_start(stages.autoencoder, TINY.generator, QUICK_GAN, tmp_path), "need one of the generator"),
        (lambda: autoencoder_weights(stages.gan), "need one of the autoencoder"),
        (lambda: autoencoder_weights(stages.latents), "neither a checkpoint nor exported weights"),
        (lambda: autoencoder_start("techno", TINY.autoencoder, QUICK, tmp_path / "b"), "another configuration"),
        (lambda: made_with(stages.autoencoder), "give --autoencoder"),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_run_begins_from_a_decoder_with_other_frames_but_not_from_a_foreign_one(
    stages: Stages, tmp_path: Path
) -> None:
    start = autoencoder_start(stages.autoencoder, TINY_PIANO.autoencoder, QUICK, tmp_path / "start")
    decoder = Decoder(TINY_PIANO.autoencoder)
    decoder.load_state_dict(load_checkpoint(start)["decoder"])
    assert decoder(torch.zeros(1, 4, 16)).shape == (1, 2, 4 * TINY.autoencoder.r_time)
    foreign = load_checkpoint(stages.autoencoder)
    foreign["config"]["from_another_time"] = True
    torch.save(foreign, tmp_path / "foreign.pt")
    with pytest.raises(ValueError, match="another configuration") as caught:
        autoencoder_start(tmp_path / "foreign.pt", TINY.autoencoder, QUICK, tmp_path / "b")
    assert "\n" not in str(caught.value)


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"--set: 'swapped=1\.5', must be a share, 0\.\.1"):
        apply_settings(AutoencoderSettings(), ("swapped=1.5",))
    assert apply_settings(AutoencoderSettings(), ("swapped=0",)).swapped == 0


def test_a_generator_that_does_not_say_what_it_is_is_refused(tmp_path: Path) -> None:
    save_weights(tmp_path / "m.safetensors", "generator", {"a": torch.zeros(1)}, {}, {"name": "m"})
    with pytest.raises(ValueError, match="does not say its name, kind, decoder"):
        Engine.load(tmp_path / "m.safetensors")
    facts = {"name": "m", "kind": "techno", "decoder": "../d.safetensors", "decoder_hash": "", "labels": []}
    save_weights(tmp_path / "m.safetensors", "generator", {"a": torch.zeros(1)}, {}, facts)
    with pytest.raises(ValueError, match="in another folder"):
        Engine.load(tmp_path / "m.safetensors")


def test_weights_of_another_configuration_are_refused(stages: Stages, tmp_path: Path) -> None:
    files = export_generator(stages.gan, None, tmp_path, "m", licence="")
    weights = load_weights(files[0], "generator")
    save_weights(files[0], "generator", weights.tensors, {**weights.config, "width": 64}, weights.facts)
    with pytest.raises(ValueError, match="do not fit their configuration"):
        Engine.load(tmp_path)


def test_the_commands_fine_tune_and_export_by_name(stages: Stages, models: Path, tmp_path: Path) -> None:
    export_named(stages.gan, None, "first", "")
    (tmp_path / "licence.txt").write_text("free as the wind\n")
    quick = ["--config", "tiny", "--steps", "2", "--threads", "1", "--set", "batch=2", "--set", "discriminator_width=8"]
    for arguments in (
        ["autoencoder", str(stages.corpus), "--out", str(tmp_path / "ae"), "--init-from", "first", *quick],
        ["encode", str(stages.corpus), "--autoencoder", "first", "--out", str(tmp_path / "z"), "--threads", "1"],
        ["gan", str(tmp_path / "z"), "--out", str(tmp_path / "gan"), "--init-from", "first", *quick],
        ["export", str(tmp_path / "gan"), "--name", "second", "--licence-file", str(tmp_path / "licence.txt")],
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
    assert user_models() == ["first", "second"]
    assert load_weights(find_model("second"), "generator").facts["licence"] == "free as the wind\n"
    shutil.rmtree(models / "first")
    assert Engine.load("second").name == "second"


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("batch=0", "at least 1"),
        ("learning_rate=nan", "at least 0"),
        ("clip=-1", "at least 0"),
        ("batch=2.5", "of type int"),
        ("warm_start=1", "of type bool"),
        ("nothing=1", "is no setting"),
    ],
)
def test_settings_are_checked(pair: str, words: str, stages: Stages, tmp_path: Path) -> None:
    arguments = ["gan", str(stages.latents), "--out", str(tmp_path / "x"), "--config", "tiny", "--set", pair]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_networks_that_exported_weights_lack_learn_before_the_generator_moves(
    stages: Stages, models: Path, tmp_path: Path
) -> None:
    export_named(stages.gan, None, "first", "")
    start = load_checkpoint(generator_start("first", TINY.generator, QUICK_GAN, tmp_path / "s", latents=stages.latents))
    quick = [
        "--config",
        "tiny",
        "--threads",
        "1",
        "--set",
        "batch=2",
        "--set",
        "discriminator_width=8",
        "--set",
        "hold_until_step=2",
        "--resume",
    ]
    moved = []
    for steps in (2, 3):
        arguments = ["gan", str(stages.latents), "--out", str(tmp_path / "g"), "--init-from", "first", *quick]
        result = CliRunner().invoke(main, [*arguments, "--steps", str(steps)])
        assert result.exit_code == 0, result.output
        state = load_checkpoint(tmp_path / "g")
        moved.append(any(not torch.equal(v, state["generator"][k]) for k, v in start["generator"].items()))
        judged = start["discriminator"]
        assert any(not torch.equal(v, state["discriminator"][k]) for k, v in judged.items())
    assert moved == [False, True]
    assert json.loads((tmp_path / "g" / "run.json").read_text())["settings"]["adversary_from_step"] == 0


def test_the_mean_of_a_run_and_what_it_began_with(stages: Stages, tmp_path: Path) -> None:
    """Twice the same weights are those weights, in the run's own units; another encoder's are refused."""
    first = export_generator(stages.gan, None, tmp_path / "first", "m", licence="")[0]
    same = load_weights(
        export_generator(stages.gan, None, tmp_path / "same", "m", licence="", mean_with=first)[0], "generator"
    )
    weights = load_weights(first, "generator")
    for key, value in weights.tensors.items():
        torch.testing.assert_close(same.tensors[key], value, atol=5e-3, rtol=2e-3)  # means in half precision
    tensors = {k: v.float() for k, v in weights.tensors.items()}
    name = "inward.conv.weight"
    moved = {**tensors, name: tensors[name] + 1, "latent_deviation": 2 * tensors["latent_deviation"]}
    save_weights(tmp_path / "m2.safetensors", "generator", moved, weights.config, weights.facts)
    out = export_generator(
        stages.gan, None, tmp_path / "mean", "m", licence="", mean_with=tmp_path / "m2.safetensors", share=0.75
    )[0]
    mean = load_weights(out, "generator").tensors
    torch.testing.assert_close(mean[name].float(), tensors[name] + 0.25, atol=1e-3, rtol=1e-3)
    # the other's last layer is twice as large in the run's units
    last = "outward.conv.weight"
    torch.testing.assert_close(mean[last].float(), 1.25 * tensors[last], atol=1e-3, rtol=2e-3)
    torch.testing.assert_close(mean["latent_deviation"].float(), tensors["latent_deviation"], atol=1e-3, rtol=1e-3)
    strange = {**weights.facts, "encoder_hash": "0" * 64}
    save_weights(tmp_path / "m3.safetensors", "generator", tensors, weights.config, strange)
    with pytest.raises(ValueError, match=r"--mean-with: .*m3.*another autoencoder"):
        export_generator(stages.gan, None, tmp_path / "no", "m", licence="", mean_with=tmp_path / "m3.safetensors")
    assert not (tmp_path / "no").exists()
