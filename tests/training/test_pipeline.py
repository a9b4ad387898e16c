"""The whole pipeline at a tiny size: losses fall, runs resume, and what comes out is a model that renders."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from musika_daw.instrument.engine import Engine
from musika_daw.instrument.models import PAPER, TINY
from musika_daw.instrument.models.precision import set_precision
from musika_daw.score.controls import Controls
from musika_daw.score.tempo import TempoMap
from tests.training.songs import write_corpus
from training.autoencoder.trainer import AutoencoderTrainer, train_autoencoder
from training.cli import main
from training.export import export_generator
from training.generator.excerpts import LatentExcerpts, anchor_weights
from training.generator.gan import GanTrainer, train_gan
from training.latents.encode import LatentCorpus, encode_audio, encode_corpus, energy_curve
from training.runs.recipes import PAPER_AUTOENCODER, PAPER_GAN, AutoencoderSettings, GanSettings, apply_settings
from training.runs.run import load_checkpoint
from training.weights import encoder_of

FAST = AutoencoderSettings(
    batch=4,
    latents=12,
    warmup_steps=10,
    anneal=0.0,
    log_every=5,
    learning_rate=2e-3,
    components_from=0,
    shortcut_rate=1.0,
)
FAST_GAN = GanSettings(
    batch=8,
    warmup_steps=5,
    anneal=0.0,
    log_every=10,
    adversary_from_step=10,
    discriminator_width=32,
    learning_rate=1e-3,
)


@pytest.fixture(scope="module")
def runs(corpus_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both phases, latents, and a generator, trained for a few steps each."""
    folder = tmp_path_factory.mktemp("runs")
    train_autoencoder([corpus_path], folder / "ae1", TINY.autoencoder, settings=FAST, max_steps=60)
    train_autoencoder(
        [corpus_path], folder / "ae2", TINY.autoencoder, settings=FAST, phase=2, max_steps=10, init_from=folder / "ae1"
    )
    encode_corpus(corpus_path, encoder_of(folder / "ae1"), folder / "latents")
    train_gan(folder / "latents", folder / "gan", TINY.generator, settings=FAST_GAN, max_steps=60)
    return folder


def column(run: Path, name: str) -> list[float]:
    with (run / "log.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def test_autoencoder_losses_fall(runs: Path) -> None:
    for name in ("rec",):
        values = column(runs / "ae1", name)
        assert np.mean(values[-3:]) < 0.75 * values[0], name


def test_phase_two_leaves_the_encoder_alone(runs: Path) -> None:
    from training.weights import averaged_weights

    first, _ = averaged_weights(load_checkpoint(runs / "ae1"))
    second, _ = averaged_weights(load_checkpoint(runs / "ae2"))
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert column(runs / "ae2", "discriminator")


def test_generator_losses_fall(runs: Path) -> None:
    values = column(runs / "gan", "rec")
    assert np.mean(values[-2:]) < 0.95 * values[0]
    assert len(column(runs / "gan", "r1")) > 0


def test_the_exported_model_renders(runs: Path, tmp_path: Path) -> None:
    files = export_generator(runs / "gan", runs / "ae2", tmp_path, "clicks", licence="CC0-1.0")
    assert [f.name for f in files] == ["clicks.safetensors", "decoder.safetensors", "encoder.safetensors"]
    engine = Engine.load(tmp_path)
    assert (engine.name, engine.kind, engine.labels) == ("clicks", "techno", ("phase", "tempo", "density", "energy"))
    assert engine.loop(130, 1, Controls(1)).std() > 1e-4


def test_a_generator_is_not_exported_with_another_encoder(runs: Path, corpus_path: Path, tmp_path: Path) -> None:
    other = AutoencoderSettings(batch=1, latents=4, seed=5)
    train_autoencoder([corpus_path], tmp_path / "ae", TINY.autoencoder, settings=other, max_steps=1)
    with pytest.raises(ValueError, match="latents of another encoder"):
        export_generator(runs / "gan", tmp_path / "ae", tmp_path / "out", "x", licence="")


@pytest.mark.parametrize("level", ["1", "2"])
def test_levels_train_by_themselves(level: str, corpus_path: Path, tmp_path: Path) -> None:
    train_autoencoder([corpus_path], tmp_path, TINY.autoencoder, settings=FAST, level=level, max_steps=2)
    state = load_checkpoint(tmp_path)
    fresh = AutoencoderTrainer(TINY.autoencoder, FAST, level, 1)
    changed = {
        k.split(".")[0] for k, v in fresh.decoder.state_dict().items() if not torch.equal(v, state["decoder"][k])
    }
    assert changed == {f"level{level}"}


def test_the_paper_s_stages_run_at_a_small_width(tmp_path: Path) -> None:
    """Mono excerpts, hinge loss at hop 256, spectral distance, and two patches judged side by side."""
    corpus = write_corpus(tmp_path / "corpus", "techno", 2, 60)
    small = dataclasses.replace(PAPER.autoencoder.level1, width=32, encoder_blocks=1, decoder_blocks=1)
    sizes = dataclasses.replace(PAPER.autoencoder, level1=small, level2=dataclasses.replace(small, stride=8, latent=64))
    settings = dataclasses.replace(PAPER_AUTOENCODER, batch=1, latents=4, discriminator_width=4)
    train_autoencoder([corpus], tmp_path / "a", sizes, settings=settings, max_steps=1)
    train_autoencoder(
        [corpus], tmp_path / "b", sizes, settings=settings, phase=2, init_from=tmp_path / "a", max_steps=1
    )
    encode_corpus(corpus, encoder_of(tmp_path / "a"), tmp_path / "latents")
    latents = LatentCorpus(tmp_path / "latents")
    assert latents.latents.shape[1] == 128

    generator = dataclasses.replace(PAPER.generator, width=32)
    gan = dataclasses.replace(PAPER_GAN, batch=2, discriminator_width=16)
    assert LatentExcerpts(latents, generator, gan).frames == 256
    train_gan(tmp_path / "latents", tmp_path / "gan", generator, settings=gan, max_steps=2)
    files = export_generator(tmp_path / "gan", tmp_path / "b", tmp_path / "out", "p", licence="")
    assert Engine.load(files[0]).render(0, 4, TempoMap.constant(120)).shape[1] == 2


def test_a_resumed_run_equals_an_uninterrupted_one(runs: Path, corpus_path: Path, tmp_path: Path) -> None:
    for folder, stops in (("whole", (6,)), ("resumed", (3, 6))):
        for number, stop in enumerate(stops):
            train_autoencoder(
                [corpus_path], tmp_path / folder, TINY.autoencoder, settings=FAST, max_steps=stop, resume=number > 0
            )
            train_gan(
                runs / "latents",
                tmp_path / (folder + "gan"),
                TINY.generator,
                settings=FAST_GAN,
                max_steps=stop,
                resume=number > 0,
            )
    for part, keys in (("", ("decoder", "ema")), ("gan", ("generator", "discriminator"))):
        whole, resumed = (load_checkpoint(tmp_path / (f + part)) for f in ("whole", "resumed"))
        for key in keys:
            for name, value in whole[key].items():
                torch.testing.assert_close(value, resumed[key][name], msg=f"{key}.{name}")


def test_a_run_is_not_overwritten(runs: Path, corpus_path: Path) -> None:
    with pytest.raises(ValueError, match="--resume or another folder"):
        train_autoencoder([corpus_path], runs / "ae1", TINY.autoencoder, settings=FAST, max_steps=1)


def test_losses_that_are_not_finite_roll_back(
    corpus_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_autoencoder([corpus_path], tmp_path, TINY.autoencoder, settings=FAST, max_steps=2)
    good = load_checkpoint(tmp_path)["decoder"]
    real = AutoencoderTrainer.step

    def broken(self: AutoencoderTrainer, wave: torch.Tensor, factor: float) -> dict[str, torch.Tensor]:
        if self.steps < 6:
            with torch.no_grad():
                next(iter(self.trained.parameters())).mul_(float("nan"))
        return real(self, wave, factor)

    monkeypatch.setattr(AutoencoderTrainer, "step", broken)
    train_autoencoder([corpus_path], tmp_path, TINY.autoencoder, settings=FAST, max_steps=6, resume=True)
    after = load_checkpoint(tmp_path)["decoder"]
    assert all(torch.isfinite(v).all() for v in after.values())
    assert after.keys() == good.keys()


def test_latents_do_not_depend_on_how_a_song_is_cut(runs: Path) -> None:
    encoder = encoder_of(runs / "ae1")
    audio = np.random.default_rng(0).normal(0, 0.1, (600 * 2048, 2)).astype(np.float32)
    whole = encode_audio(encoder, audio)
    assert whole.shape == (600, 16)
    later = encode_audio(encoder, audio[500 * 2048 :])
    np.testing.assert_allclose(later[20:], whole[520:], atol=1e-4)


def test_latents_made_in_another_precision_are_made_anew(runs: Path, corpus_path: Path, tmp_path: Path) -> None:
    folder, made = tmp_path / "latents", {}
    for name, precision in (("32", None), ("bf16", torch.bfloat16)):
        encoder = encoder_of(runs / "ae1")
        set_precision([encoder], precision)
        encode_corpus(corpus_path, encoder, folder)
        assert json.loads((folder / "latents.json").read_text())["precision"] == name
        made[name] = np.array(LatentCorpus(folder).latents, np.float32)
    error = np.sqrt(np.mean((made["bf16"] - made["32"]) ** 2) / np.var(made["32"]))
    assert 1e-4 < error < 0.03


def test_latent_labels_follow_the_corpus(runs: Path) -> None:
    latents = LatentCorpus(runs / "latents")
    assert latents.labels.shape == (len(latents.latents), 2)
    assert latents.labels.min() >= 0
    assert latents.labels.max() <= 1
    # two onsets a second: log(2/0.5) / log(16/0.5)
    song = latents.songs[0]
    density = latents.labels[song.start + 40 : song.start + song.frames - 40, 0]
    assert density.mean() == pytest.approx(np.log(4) / np.log(32), abs=0.05)


def test_batches_carry_the_beat_of_their_latents(runs: Path) -> None:
    data = LatentExcerpts(LatentCorpus(runs / "latents"), TINY.generator, FAST_GAN)
    song = data.songs[2]
    beats = data.beats(song, 10)
    assert beats[0] == pytest.approx(10.5 * 2048 / 44_100 * song.bpm / 60)
    batch = data.batch(3, 4)
    np.testing.assert_array_equal(batch.latents, data.batch(3, 4).latents)
    torch.testing.assert_close(batch.weights.sum(-1), torch.ones(4, data.frames))


def test_anchor_weights_are_linear_between_anchors() -> None:
    weights = anchor_weights(np.array([7.25, 7.75, 8.5]))
    np.testing.assert_allclose(weights, [[0.75, 0.25, 0, 0], [0.25, 0.75, 0, 0], [0, 0.5, 0.5, 0]], atol=1e-6)


def test_energy_follows_the_level() -> None:
    audio = np.concatenate([np.full((441_000, 2), 0.5), np.full((441_000, 2), 0.005)])
    curve = energy_curve(audio, 2048, 44_100)
    assert curve[50] == 1
    assert curve[-50] == 0


def test_settings_are_checked_by_type() -> None:
    got = apply_settings(GanSettings(), ("batch=4", "warm_start=false", "r1=0.5"))
    assert (got.batch, got.warm_start, got.r1) == (4, False, 0.5)
    for bad in ("batch=many", "warm_start=maybe", "no=1"):
        with pytest.raises(ValueError, match="--set: "):
            apply_settings(GanSettings(), (bad,))


def test_the_trainer_names_a_bad_stage() -> None:
    with pytest.raises(ValueError, match="level: '3'"):
        AutoencoderTrainer(TINY.autoencoder, FAST, "3", 1)
    with pytest.raises(ValueError, match="phase: 3"):
        AutoencoderTrainer(TINY.autoencoder, FAST, "1", 3)


def test_the_gan_needs_songs_long_enough(runs: Path) -> None:
    long = dataclasses.replace(TINY.generator, seq_len=4096)
    with pytest.raises(ValueError, match="longer than 4096 latents"):
        LatentExcerpts(LatentCorpus(runs / "latents"), long, FAST_GAN)
    with pytest.raises(ValueError, match="16 channels, the generator makes 8"):
        train_gan(runs / "latents", runs / "x", dataclasses.replace(TINY.generator, latent=8))


def test_cross_channel_mixing_reaches_the_discriminator() -> None:
    paper = dataclasses.replace(PAPER.generator, width=32, seq_len=16)
    trainer = GanTrainer(paper, dataclasses.replace(FAST_GAN, warm_start=False))
    x = torch.randn(2, 32, 128)
    mixed = trainer.mixing(x, torch.tensor([0.0, 0.5]))
    torch.testing.assert_close(mixed[0], x[0])
    torch.testing.assert_close(mixed[1, :, :64], mixed[1, :, 64:])


def test_the_command_line_trains_and_exports(corpus_path: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    steps = [
        [
            "autoencoder",
            str(corpus_path),
            "--out",
            str(tmp_path / "ae"),
            "--config",
            "tiny",
            "--steps",
            "2",
            "--set",
            "batch=2",
            "--set",
            "latents=6",
            "--set",
            "log_every=1",
            "--threads",
            "1",
        ],
        [
            "encode",
            str(corpus_path),
            "--autoencoder",
            str(tmp_path / "ae"),
            "--out",
            str(tmp_path / "z"),
            "--threads",
            "1",
        ],
        [
            "gan",
            str(tmp_path / "z"),
            "--out",
            str(tmp_path / "gan"),
            "--config",
            "tiny",
            "--steps",
            "2",
            "--set",
            "batch=2",
            "--set",
            "log_every=1",
            "--threads",
            "1",
        ],
        [
            "export",
            "--gan",
            str(tmp_path / "gan"),
            "--autoencoder",
            str(tmp_path / "ae"),
            "--name",
            "mine",
            "--out",
            str(tmp_path / "model"),
        ],
    ]
    for arguments in steps:
        result = runner.invoke(main, arguments)
        assert result.exit_code == 0, result.output
    assert Engine.load(tmp_path / "model").name == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gan", "nowhere", "--out", "x"], "latents: 'nowhere', no latents.json there"),
        (["autoencoder", "nowhere", "--out", "x", "--config", "huge"], "config: 'huge', must be one of"),
        (["autoencoder", "nowhere", "--out", "x", "--minutes", "0"], "error: --minutes: 0.0 is not in the range"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
