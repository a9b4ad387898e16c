"""Whole evaluations of models with a known behaviour and of the untrained one, with trackers put in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.instrument.engine import Engine
from musika_daw.instrument.played import Stretch
from musika_daw.score.controls import Controls, sample_curve
from musika_daw.score.density import rate_of_density
from tests.training.songs import click_song, write_corpus
from training.cli import main
from training.evaluate import pictures
from training.evaluate.codec import Codec
from training.evaluate.loops import tiled
from training.evaluate.material import Material
from training.evaluate.measures.beats import drum_track
from training.evaluate.piano import PianoPlan, correlation, drift, evaluate_piano, monotone_share, random_walk
from training.evaluate.report import Row, plain, table, write_report
from training.evaluate.techno import TechnoPlan, evaluate_techno
from training.export import export_autoencoder

RATE_HZ = 44_100


def first_loud(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Beats or notes: where the level passes a fifth of its maximum after 60 ms below."""
    loud = np.flatnonzero(np.abs(audio) > 0.2 * np.abs(audio).max(initial=1e-9))
    return loud[np.diff(loud, prepend=-sample_rate_hz) > 0.06 * sample_rate_hz] / sample_rate_hz


class Drummer:
    """An engine that plays kicks at `factor` times the asked tempo, the clap's seed aside always the same."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def loop(
        self, bpm: float, bars: int, controls: Controls | None = None, sample_rate_hz: int = RATE_HZ
    ) -> np.ndarray:
        frames = round(bars * 240 / bpm * sample_rate_hz)
        audio = drum_track(bpm * self.factor, bars * 240 / bpm + 1, "lone kicks")[:frames]
        rng = np.random.default_rng(controls.seed if controls else 0)
        noise = rng.normal(0, 1e-3, (frames, 2)) * rng.uniform(0.2, 1)
        return (np.pad(audio, (0, frames - len(audio)))[:, None] + noise).astype(np.float32)

    def played(self, stretch: Stretch, controls: Controls | None = None) -> None:
        return None


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("evaluate") / "techno", songs=12, seconds=9.0)


PLAN = TechnoPlan((120.0, 140.0), (0, 1), (4, 2), spread_seeds=2, reference_songs=8, train_songs=8)


def values(rows: list[Row]) -> dict[str, float | None]:
    return {f"{r.name} {r.note}".strip(): r.measured for r in rows}


def test_a_drummer_in_time_meets_the_rows_of_time(songs: Path) -> None:
    result = evaluate_techno(Drummer(), PLAN, Material([songs]), first_loud)
    found = values(result.rows)
    assert found["tempo within 0.1 %"] == 100
    assert found["tempo error, worst"] is not None
    assert found["tempo error, worst"] < 0.1
    assert found["beat grid, anchored error, worst file"] is not None
    assert found["beat grid, anchored error, worst file"] < 3
    assert found["silent"] == 0
    assert len(result.details["loops"]) == 4
    assert result.profiles is not None


def test_a_drummer_out_of_time_misses_them(songs: Path) -> None:
    # one round of 16 bars: what is tiled repeats exactly, and would hide it
    plan = TechnoPlan((160.0,), (0,), (16,), spread_seeds=2)
    result = evaluate_techno(Drummer(1.01), plan, Material([songs]), first_loud)
    met = {f"{r.name} {r.note}".strip(): r.met for r in result.rows}
    assert met["tempo within 0.1 %"] is False
    assert met["beat grid, anchored error, worst file"] is False
    assert met["tempo error, worst"] is False


def test_the_untrained_model_is_measured_to_the_end(songs: Path, tiny_model: Path) -> None:
    said: list[str] = []
    other = [("kicks", np.repeat(drum_track(120, 6, "kicks")[:, None], 2, 1))] * 2
    result = evaluate_techno(
        Engine.load(tiny_model), PLAN, Material([songs]), first_loud, compare=other, report=said.append
    )
    found = values(result.rows)
    assert said[-1] == "spread measured by log-mel"
    assert found["diversity of 2 seeds against songs, log-mel"] is not None
    assert "Frechet distance of the compared audio, log-mel" in found
    assert json.dumps(plain(result.details))


def test_tiling_keeps_rounds_whole() -> None:
    loop = np.arange(8.0).reshape(4, 2)
    assert np.array_equal(tiled(loop, 1, 9), np.concatenate([loop] * 3))
    assert len(tiled(loop, 1, 1)) == 4


def test_plans_without_anything_to_render_are_refused() -> None:
    with pytest.raises(ValueError, match="bpms"):
        TechnoPlan(bpms=())
    with pytest.raises(ValueError, match="spread_seeds"):
        TechnoPlan(spread_seeds=1)
    with pytest.raises(ValueError, match="two densities"):
        PianoPlan(densities=(0.5,))


def test_material_cuts_at_bars_and_keeps_splits_apart(songs: Path) -> None:
    material = Material([songs])
    cuts = list(material.bars("train", bars=4, limit=5, seed=1))
    assert len(cuts) == 5
    assert [c.name for c in cuts] == [c.name for c in material.bars("train", bars=4, limit=5, seed=1)]
    for cut in cuts:
        assert len(cut.audio) == round(4 * 240 / cut.bpm * RATE_HZ)
        assert np.abs(cut.audio[:400]).max() > 0.02
    held = {s.name for _, s in material.songs("test")}
    assert held.isdisjoint({s.name for _, s in material.songs("train", "valid")})
    assert not list(material.bars("train", bars=64))
    assert all(len(a) == 3 * RATE_HZ for _, a in material.seconds("test", seconds=3))


class Plucker:
    """An engine that plucks strings at the asked density, or always at the same."""

    def __init__(self, obeys: bool = True) -> None:
        self.obeys = obeys

    def take(self, seconds: float, controls: Controls | None = None, sample_rate_hz: int = RATE_HZ) -> np.ndarray:
        controls = controls or Controls()
        rng = np.random.default_rng(controls.seed)
        out = np.zeros(int(seconds * sample_rate_hz))
        time = np.arange(int(0.03 * sample_rate_hz)) / sample_rate_hz
        at = 0.1
        while at < seconds - 0.1:
            part = out[int(at * sample_rate_hz) :][: len(time)]
            part += (np.sin(2 * np.pi * rng.uniform(300, 900) * time) * np.exp(-time / 0.005))[: len(part)]
            density = sample_curve(controls.density, np.array([at])) if self.obeys else np.array([0.5])
            assert density is not None
            at += max(0.1, float(rng.uniform(0.8, 1.2) / rate_of_density(float(density[0]))))
        return np.repeat(0.5 * out[:, None], 2, 1).astype(np.float32)


SMALL = PianoPlan((0.1, 0.3, 0.5, 0.7), (0, 1), 8.0, curves=2, curve_s=20.0, long_s=20.0)


def test_a_player_who_obeys_meets_the_rows_of_density(songs: Path, tmp_path: Path) -> None:
    result = evaluate_piano(Plucker(), SMALL, Material([songs]), first_loud)
    found = values(result.rows)
    assert found["density, constant: r every take"] == pytest.approx(1, abs=0.03)
    assert found["density, constant: rising steps"] == 100
    assert found["density, curves: r, lowest"] is not None
    assert found["density, curves: r, lowest"] > 0.8
    assert json.dumps(plain(result.details))
    pictures.density_figure(tmp_path / "curves.png", result.figures)
    pictures.density_sweep(tmp_path / "sweep.png", *result.sweep)
    assert all((tmp_path / n).read_bytes().startswith(b"\x89PNG") for n in ("curves.png", "sweep.png"))


def test_a_player_who_does_not_obey_misses_them(songs: Path) -> None:
    result = evaluate_piano(Plucker(False), SMALL, Material([songs]), first_loud)
    met = {r.name: r.met for r in result.rows}
    assert met["density, constant: r"] is False
    assert met["density, curves: r, median"] is False


@given(st.integers(0, 500))
@settings(max_examples=30)
def test_random_walks_stay_in_bounds_are_smooth_and_repeat(seed: int) -> None:
    times, walk = random_walk(30, seed)
    assert len(times) == len(walk) == 301
    assert walk.min() >= 0.1 - 1e-9
    assert walk.max() <= 0.9 + 1e-9
    assert np.abs(np.diff(walk)).max() < 0.1
    assert np.array_equal(walk, random_walk(30, seed)[1])


def test_random_walks_walk() -> None:
    assert np.mean([np.ptp(random_walk(40, s)[1]) for s in range(10)]) > 0.35


def test_correlation_and_monotony_of_known_values() -> None:
    x = np.arange(5.0)
    assert correlation(x, 3 * x + 1) == pytest.approx(1)
    assert correlation(x, -x) == pytest.approx(-1)
    assert correlation(x, np.ones(5)) == 0
    assert monotone_share(np.array([1, 1, 2, 3.0]), np.array([0, 2, 3, 2.0])) == 0.5


@pytest.mark.parametrize("gain_db", [0.0, -6.0])
def test_drift_sees_a_level_that_falls(gain_db: float) -> None:
    audio = Plucker().take(30, Controls(density=0.5))
    made = np.concatenate([audio, audio * np.float32(10 ** (gain_db / 20)), np.zeros((3 * RATE_HZ, 2), np.float32)])
    found = drift(made, first_loud)
    assert found.level_db == pytest.approx(gain_db, abs=0.5)
    assert found.spectrum_db == pytest.approx(-gain_db, abs=0.8)


def test_clicks_at_patch_borders_rank_high() -> None:
    audio = np.random.default_rng(0).normal(0, 0.01, (30 * RATE_HZ, 2)).astype(np.float32)
    assert 0.05 < drift(audio, first_loud, 40_000).border_share < 0.95
    audio[40_000::40_000] += 0.9
    assert drift(audio, first_loud, 40_000).border_share > 0.95


def test_rows_and_report(tmp_path: Path) -> None:
    rows = [
        Row("a", 3.0, "ms", 2.0, ("<=", 4)),
        Row("b", 5.0, "", None, (">=", 10), "why"),
        Row("c", None, "%", None, ("<", 1)),
        Row("d", 1.0),
    ]
    assert [r.met for r in rows] == [True, False, False, None]
    assert "| b (why) | 5 | - | >= 10 | **no** |" in table(rows)
    write_report(tmp_path / "x", "title", rows, {"weights_hash": "abc"}, {"values": np.array([1.0, np.nan])})
    found = json.loads((tmp_path / "x" / "results.json").read_text())
    assert found["weights_hash"] == "abc"
    assert found["values"] == [1.0, None]
    assert found["rows"][0]["met"] is True
    assert {"python", "numpy"} <= found["versions"].keys()
    assert (tmp_path / "x" / "table.md").read_text().startswith("# title")
    assert not list((tmp_path / "x").glob("*.part"))


def test_commands_name_the_extra_that_is_missing(
    songs: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for name in [n for n in sys.modules if n == "madmom" or n.startswith("madmom.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "madmom", None)
    for command in ("techno", "piano", "autoencoder"):
        words = ["evaluate", command, str(tiny_model), "--out", str(tmp_path), "--corpus", str(songs)]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 2
        assert "musika-daw[evaluate]" in result.output
        assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize(("option", "text"), [("--bpm", "fast"), ("--bpm", "1:2:0"), ("--bars", "a,b")])
def test_numbers_that_are_none_are_refused(songs: Path, option: str, text: str) -> None:
    words = ["evaluate", "techno", "x", "--out", "y", "--corpus", str(songs), option, text]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert text in result.output


def test_commands_leave_results_tables_and_pictures(
    songs: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.evaluate.measures import tools

    monkeypatch.setattr(tools, "beat_tracker", lambda: first_loud)
    monkeypatch.setattr(tools, "onset_detector", lambda: first_loud)
    extra = {
        "techno": [
            "--bpm",
            "120:130:10",
            "--seeds",
            "1",
            "--bars",
            "2",
            "--threads",
            "1",
            "--spread-seeds",
            "2",
            "--songs",
            "4",
        ],
        "piano": ["--densities", "0.2,0.8", "--seeds", "1", "--curves", "1", "--seconds", "6", "--minutes", "0.2"],
    }
    for command, words in extra.items():
        out = tmp_path / command
        result = CliRunner().invoke(
            main, ["evaluate", command, str(tiny_model), "--out", str(out), "--corpus", str(songs), *words]
        )
        assert result.exit_code == 0, result.output
        found = json.loads((out / "results.json").read_text())
        assert found["weights_hash"] == Engine.load(tiny_model).weights_hash
        assert (out / "table.md").exists()
        assert len(list(out.glob("*.png"))) == 3
        assert list((out / "examples").glob("*.flac"))


def test_autoencoder_command_measures_runs_and_exports_alike(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from musika_daw.instrument.models import TINY
    from musika_daw.instrument.models.config import to_dict
    from training.autoencoder.trainer import AutoencoderTrainer
    from training.evaluate.measures import tools
    from training.runs.recipes import AutoencoderSettings

    trainer = AutoencoderTrainer(TINY.autoencoder, AutoencoderSettings(), "both", 1)
    state = {
        "config": to_dict(TINY.autoencoder),
        "level": "both",
        "phase": 1,
        "steps": 0,
        "seconds": 0.0,
        "encoder": trainer.encoder.state_dict(),
        "decoder": trainer.decoder.state_dict(),
        "ema": trainer.trained.state_dict(),
    }
    (tmp_path / "run").mkdir()
    torch.save(state, tmp_path / "run" / "checkpoint.pt")
    export_autoencoder(tmp_path / "run", tmp_path / "weights")
    run, exported = Codec.load(tmp_path / "run"), Codec.load(tmp_path / "weights")
    assert run.hash == exported.hash
    audio = click_song(120, 3, 0)[0]
    assert np.abs(run.roundtrip(audio) - exported.roundtrip(audio)).max() < 0.05
    monkeypatch.setattr(tools, "onset_detector", lambda: first_loud)
    words = ["evaluate", "autoencoder", str(tmp_path / "weights"), "--out", str(tmp_path / "out")]
    words += ["--corpus", str(songs), "--songs", "1", "--seconds", "4", "--threads", "1"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["weights_hash"] == exported.hash
    assert found["reference"] == "MP3 48 kbit/s"


def test_a_codec_s_length_is_whole_latent_frames(tiny_model: Path, songs: Path, tmp_path: Path) -> None:
    from musika_daw.instrument.models import TINY, Decoder, Encoder

    codec = Codec(Encoder(TINY.autoencoder).eval(), Decoder(TINY.autoencoder).eval(), "")
    r_time = TINY.autoencoder.r_time
    made = codec.roundtrip(click_song(120, 2, 0)[0])
    assert made.shape == (2 * RATE_HZ // r_time * r_time, 2)
