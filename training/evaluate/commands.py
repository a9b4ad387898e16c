"""`musika-train evaluate techno|parts|piano|autoencoder`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from musika_daw.commands.console import Number
from musika_daw.system.cores import usable_cores


def _numbers(_: click.Context, parameter: click.Parameter, text: str) -> tuple[float, ...]:
    """`120,125` or `120:160:5` (both ends included)."""
    try:
        if ":" in text:
            start, stop, step = (float(part) for part in text.split(":"))
            count = int((stop - start) / step + 1e-9) + 1
            return tuple(start + i * step for i in range(count))
        return tuple(float(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{text!r}, must be numbers as 120,125 or 120:160:5", param=parameter) from None


def _shared(command: Callable[..., None]) -> Callable[..., None]:
    options = [
        click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the results."),
        click.option(
            "--corpus",
            "corpora",
            multiple=True,
            required=True,
            type=click.Path(path_type=Path),
            help="Corpus with held-out songs to compare with; repeatable.",
        ),
        click.option("--threads", default=0, type=click.IntRange(0, 256), help="CPU threads (0: all)."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads or usable_cores())


@click.group()
def evaluate() -> None:
    """Measure a model with third-party tools: `results.json`, `table.md` and pictures.

    The beat tracker and the onset detector come with `pip install 'musika-daw[evaluate]'`; their models are for
    non-commercial use, so they measure and are never shipped.
    """


@evaluate.command("techno")
@click.argument("model")
@_shared
@click.option("--bpm", "bpms", default="120:160:5", show_default=True, callback=_numbers)
@click.option("--seeds", default=8, show_default=True, type=click.IntRange(1), help="Seeds a tempo.")
@click.option("--bars", default="16,4", show_default=True, callback=_numbers, help="Lengths, taken in turn.")
@click.option("--truncation", default=1.0, show_default=True, type=Number(0, 1))
@click.option("--spread-seeds", default=16, show_default=True, type=click.IntRange(2), help="Seeds for diversity.")
@click.option("--songs", default=40, show_default=True, type=click.IntRange(4), help="Held-out songs a length.")
@click.option(
    "--musicnn",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Wheel of musicnn 0.1.0: adds its embedding.",
)
@click.option(
    "--compare",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of other audio to judge by the same Frechet distance.",
)
def techno(
    model: str,
    out: Path,
    corpora: tuple[Path, ...],
    threads: int,
    bpms: tuple[float, ...],
    seeds: int,
    bars: tuple[float, ...],
    truncation: float,
    spread_seeds: int,
    songs: int,
    musicnn: Path | None,
    compare: Path | None,
) -> None:
    """Tempo, beat grid, bar, seam, level, diversity and copies of MODEL's raw loops."""
    from training.evaluate.measures.tools import beat_tracker

    track = beat_tracker()
    from musika_daw.instrument.engine import Engine
    from training.evaluate import pictures
    from training.evaluate.audio import read_folder, write_examples
    from training.evaluate.material import Material
    from training.evaluate.report import table, write_report
    from training.evaluate.techno import TechnoPlan, evaluate_techno

    _threads(threads)
    engine = Engine.load(model)
    plan = TechnoPlan(
        bpms,
        tuple(range(seeds)),
        tuple(int(b) for b in bars),
        spread_seeds,
        reference_songs=songs,
        truncation=truncation,
    )
    others = [(name, audio) for name, audio in read_folder(compare, 60.0)] if compare else []
    result = evaluate_techno(engine, plan, Material(corpora), track, musicnn=musicnn, compare=others, report=click.echo)
    facts = {"model": engine.name, "weights_hash": engine.weights_hash, "corpora": [c.name for c in corpora]}
    write_report(out, "techno", result.rows, facts, result.details)
    pictures.spectrogram_pairs(out / "spectrograms.png", result.loops, result.songs, ("generated", "held out"))
    if result.profiles:
        pictures.bar_profiles(out / "bar-profiles.png", *result.profiles)
    fits = [f for f in result.details["loops"] if f.beats]
    pictures.tempo_scatter(
        out / "tempo.png",
        [f.bpm for f in fits],
        [f.beats.tempo_error_pct for f in fits],
        [f.beats.anchored_mae_ms for f in fits],
    )
    write_examples(out / "examples", result.loops)
    click.echo(table(result.rows))


@evaluate.command("parts")
@click.argument("model")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the results.")
@click.option("--threads", default=0, type=click.IntRange(0, 256), help="CPU threads (0: all).")
@click.option("--bpm", "bpms", default="124,128,132,140", show_default=True, callback=_numbers, help="Taken in turn.")
@click.option("--seeds", default=16, show_default=True, type=click.IntRange(1), help="Loops.")
@click.option("--first-seed", default=3000, show_default=True, type=click.IntRange(0), help="Seed of the first loop.")
@click.option("--bars", default=8, show_default=True, type=click.IntRange(1, 16), help="Length of each.")
@click.option("--energy", default=0.95, show_default=True, type=Number(0, 1), help="How many layers play.")
@click.option("--essentia", is_flag=True, help="Keys by it as well (pip install essentia; AGPL, never shipped).")
def parts(
    model: str,
    out: Path,
    threads: int,
    bpms: tuple[float, ...],
    seeds: int,
    first_seed: int,
    bars: int,
    energy: float,
    essentia: bool,
) -> None:
    """Key, harmony, kicks, peaks and stems of MODEL's raw loops against the score that they play."""
    from musika_daw.instrument.engine import Engine
    from training.evaluate import pictures
    from training.evaluate.audio import write_examples
    from training.evaluate.measures.keys import essentia_keys
    from training.evaluate.parts import REFERENCE, PartsPlan, evaluate_parts
    from training.evaluate.report import table, write_report

    _threads(threads)
    engine = Engine.load(model)
    plan = PartsPlan(bpms, tuple(range(first_seed, first_seed + seeds)), bars, energy)
    rows, details, loops = evaluate_parts(engine, plan, click.echo, essentia_keys() if essentia else None)
    facts = {"model": engine.name, "weights_hash": engine.weights_hash}
    write_report(out, "parts", rows, facts, details, REFERENCE)
    half = len(loops) // 2
    pictures.spectrogram_pairs(out / "spectrograms.png", loops[:half], loops[half:], ("loop", "loop"))
    write_examples(out / "examples", loops)
    click.echo(table(rows, REFERENCE))


@evaluate.command("piano")
@click.argument("model")
@_shared
@click.option("--densities", default="0.1:0.9:0.1", show_default=True, callback=_numbers)
@click.option("--seeds", default=4, show_default=True, type=click.IntRange(1), help="Takes a density.")
@click.option("--curves", default=8, show_default=True, type=click.IntRange(1), help="Takes along random walks.")
@click.option("--seconds", default=24.0, show_default=True, type=Number(6), help="Length of a take.")
@click.option("--minutes", default=10.0, show_default=True, type=Number(0.2), help="Length of the long take.")
@click.option(
    "--musicnn",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Wheel of musicnn 0.1.0: adds its embedding.",
)
def piano(
    model: str,
    out: Path,
    corpora: tuple[Path, ...],
    threads: int,
    densities: tuple[float, ...],
    seeds: int,
    curves: int,
    seconds: float,
    minutes: float,
    musicnn: Path | None,
) -> None:
    """Density, curves and steadiness of MODEL's raw takes."""
    from training.evaluate.measures.tools import onset_detector

    detect = onset_detector()
    from musika_daw.instrument.engine import Engine
    from training.evaluate import pictures
    from training.evaluate.audio import write_examples
    from training.evaluate.material import Material
    from training.evaluate.piano import PianoPlan, evaluate_piano
    from training.evaluate.report import table, write_report

    _threads(threads)
    engine = Engine.load(model)
    plan = PianoPlan(densities, tuple(range(seeds)), seconds, curves, long_s=minutes * 60)
    result = evaluate_piano(engine, plan, Material(corpora), detect, musicnn=musicnn, report=click.echo)
    facts = {"model": engine.name, "weights_hash": engine.weights_hash, "corpora": [c.name for c in corpora]}
    write_report(out, "piano", result.rows, facts, result.details)
    pictures.density_figure(out / "density-curves.png", result.figures)
    pictures.density_sweep(out / "density-sweep.png", *result.sweep)
    pictures.spectrogram_pairs(
        out / "spectrograms.png", result.takes, result.songs, ("generated", "held out"), seconds=12.0
    )
    write_examples(out / "examples", result.takes)
    click.echo(table(result.rows))


@evaluate.command("autoencoder")
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@_shared
@click.option(
    "--folder",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of audio files, out of domain; repeatable.",
)
@click.option("--songs", default=16, show_default=True, type=click.IntRange(1), help="Held-out songs a corpus.")
@click.option("--seconds", default=20.0, show_default=True, type=Number(4), help="Length of an excerpt.")
def autoencoder(
    run: Path, out: Path, corpora: tuple[Path, ...], threads: int, folders: tuple[Path, ...], songs: int, seconds: float
) -> None:
    """Fidelity of the autoencoder in RUN (a training run or a folder of exported weights) against MP3."""
    from training.evaluate.measures.tools import onset_detector

    detect = onset_detector()
    from training.evaluate import pictures
    from training.evaluate.audio import read_folder, write_examples
    from training.evaluate.codec import Codec
    from training.evaluate.material import Material
    from training.evaluate.reconstruction import evaluate_reconstruction
    from training.evaluate.report import table, write_report

    _threads(threads)
    codec = Codec.load(run)
    materials = {c.name: Material([c]) for c in corpora}
    drumless = [name for name, m in materials.items() if m.corpora[0].kind == "piano"]
    sets = {name: m.seconds("test", seconds=seconds, limit=songs) for name, m in materials.items()}
    sets |= {f.name: list(read_folder(f, seconds, songs)) for f in folders}
    result = evaluate_reconstruction(codec.roundtrip, sets, detect, drumless, report=click.echo)
    reference = "MP3 48 kbit/s"
    facts = {"run": run.name, "weights_hash": codec.hash}
    write_report(out, "autoencoder", result.rows, facts, result.details, reference)
    pictures.spectrogram_pairs(out / "spectrograms.png", result.inputs, result.outputs, ("input", "output"))
    write_examples(out / "examples", result.outputs)
    click.echo(table(result.rows, reference))
