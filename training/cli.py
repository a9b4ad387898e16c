"""`musika-train`: corpora, autoencoder, encoding, generator, export."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from musika_daw.console import OneLineGroup
from training.evaluate.commands import evaluate

T = TypeVar("T")


def apply_settings(settings: T, pairs: tuple[str, ...]) -> T:
    """Settings with `key=value` pairs put in, each checked against the field's type."""
    known = {f.name: f.type for f in dataclasses.fields(settings)}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        if key not in known:
            raise ValueError(f"set: {key!r} is no setting, must be one of {', '.join(known)}")
        kind = type(getattr(settings, key))
        try:
            changes[key] = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
        except (ValueError, KeyError):
            raise ValueError(f"set: {key}={text!r}, must be of type {kind.__name__}") from None
    return dataclasses.replace(settings, **changes)  # type: ignore[type-var]


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that both trainers share."""
    options = [
        click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run."),
        click.option("--config", "config_name", default="studio", show_default=True,
                     help="Sizes: paper, paper-piano, studio or tiny."),
        click.option("--minutes", default=60.0, show_default=True, type=click.FloatRange(0.01),
                     help="Time box of this session."),
        click.option("--steps", type=click.IntRange(1), help="Stop at this many steps."),
        click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint."),
        click.option("--init-from", type=click.Path(path_type=Path), help="Begin with another run's weights."),
        click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Override a setting; repeatable."),
        click.option("--threads", default=0, type=click.IntRange(0, 256), help="CPU threads (0: all)."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _set_threads(threads: int) -> None:
    import torch

    # near-silence is full of denormals, which a CPU computes many times slower; threads made later inherit this
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads or os.cpu_count() or 1)


def _report(step: int, seconds: float, losses: dict[str, float]) -> None:
    shown = " ".join(f"{k} {v:.3f}" for k, v in losses.items())
    click.echo(f"{seconds / 60:6.1f} min  step {step:6d}  {shown}")


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train the models of musika-daw.

    \b
    musika-train corpus techno --hours 3 --out corpora/techno
    musika-train autoencoder corpora/techno --out runs/ae --minutes 60
    musika-train autoencoder corpora/techno --out runs/ae2 --phase 2 --init-from runs/ae --minutes 60
    musika-train encode corpora/techno --autoencoder runs/ae --out latents/techno
    musika-train gan latents/techno --out runs/gan --minutes 60
    musika-train export --gan runs/gan --autoencoder runs/ae2 --name mytechno --out models
    """


@main.group(cls=OneLineGroup)
def corpus() -> None:
    """Make a training corpus with exact labels."""


def _progress(done: int, hours: float) -> None:
    click.echo(f"{done:5d} songs  {hours:6.2f} h")


def corpus_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that the corpus builders share."""

    @click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the corpus.")
    @click.option("--hours", default=1.0, show_default=True, type=click.FloatRange(0.001, 10_000))
    @click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
    @click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 256))
    @functools.wraps(command)
    def wrapped(**kwargs: Any) -> None:
        command(**kwargs)

    return wrapped


@corpus.command()
@corpus_options
@click.option("--oneshots", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder of drum one-shots to mix in.")  # fmt: skip
def techno(out: Path, hours: float, seed: int, jobs: int, oneshots: Path | None) -> None:
    """Synthesised techno at exact tempi; the same seed gives the same songs. Re-running goes on."""
    from training.corpus.techno import build_techno

    build_techno(out, hours, seed, jobs, oneshots, _progress)


@corpus.command()
@corpus_options
@click.option("--midi", multiple=True, required=True, type=click.Path(exists=True, path_type=Path),
              help="Folder of performed MIDI files; repeatable.")  # fmt: skip
@click.option("--samples", required=True, type=click.Path(exists=True, path_type=Path),
              help="Folder of a sampled piano with its SFZ.")  # fmt: skip
def piano(out: Path, hours: float, seed: int, jobs: int, midi: tuple[Path, ...], samples: Path) -> None:
    """Performed MIDI through a sampled grand. Re-running goes on."""
    from training.corpus.piano import build_piano

    build_piano(out, hours, midi, samples, seed, jobs, _progress)


@main.command()
@click.argument("corpora", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--weight", "weights", multiple=True, type=click.FloatRange(0),
              help="Share of each corpus in a batch, in their order.")  # fmt: skip
@click.option("--level", type=click.Choice(["1", "2", "both"]), default="both", show_default=True)
@click.option("--phase", type=click.IntRange(1, 2), default=1, show_default=True)
@training_options
def autoencoder(
    corpora: tuple[Path, ...], weights: tuple[float, ...], level: str, phase: int, out: Path,
    config_name: str, minutes: float, steps: int | None, resume: bool, init_from: Path | None,
    pairs: tuple[str, ...], threads: int,
) -> None:  # fmt: skip
    """Train the autoencoder on CORPORA: phase 1 reconstruction, phase 2 decoder with an adversary."""
    from musika_daw.models import config_named
    from training.autoencoder import PAPER_SETTINGS, AutoencoderSettings, train_autoencoder

    _set_threads(threads)
    config = config_named(config_name)
    base = PAPER_SETTINGS if config_name.startswith("paper") else AutoencoderSettings()
    train_autoencoder(
        corpora, out, config.autoencoder, weights=list(weights) or None, settings=apply_settings(base, pairs),
        level=level, phase=phase, minutes=minutes, max_steps=steps, resume=resume, init_from=init_from,
        report=_report,
    )  # fmt: skip


@main.command()
@click.argument("corpus_path", metavar="CORPUS", type=click.Path(path_type=Path))
@click.option("--autoencoder", "run", required=True, type=click.Path(path_type=Path), help="Autoencoder run.")
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--threads", default=0, type=click.IntRange(0, 256), help="CPU threads (0: all).")
def encode(corpus_path: Path, run: Path, out: Path, threads: int) -> None:
    """Encode CORPUS once, for the generator to train on."""
    from training.encode import encode_corpus, load_encoder

    _set_threads(threads)

    def progress(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            click.echo(f"{done:5d} of {total} songs")

    encode_corpus(corpus_path, load_encoder(run), out, progress)


@main.command()
@click.argument("latents", type=click.Path(path_type=Path))
@training_options
def gan(
    latents: Path, out: Path, config_name: str, minutes: float, steps: int | None, resume: bool,
    init_from: Path | None, pairs: tuple[str, ...], threads: int,
) -> None:  # fmt: skip
    """Train a generator on LATENTS made by `musika-train encode`."""
    from musika_daw.models import config_named
    from training.gan import PAPER_SETTINGS, GanSettings, train_gan

    _set_threads(threads)
    config = config_named(config_name)
    base = PAPER_SETTINGS if config_name.startswith("paper") else GanSettings()
    train_gan(
        latents, out, config.generator, settings=apply_settings(base, pairs), minutes=minutes, max_steps=steps,
        resume=resume, init_from=init_from, report=_report,
    )  # fmt: skip


@main.command()
@click.option("--gan", "run", required=True, type=click.Path(path_type=Path), help="Generator run.")
@click.option("--autoencoder", "autoencoder_run", required=True, type=click.Path(path_type=Path),
              help="Autoencoder run whose decoder is to be used.")  # fmt: skip
@click.option("--name", required=True, help="Short name of the model.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the weights.")
@click.option("--licence", default="all rights reserved", show_default=True, help="Licence text kept in the file.")
def export(run: Path, autoencoder_run: Path, name: str, out: Path, licence: str) -> None:
    """Write the weights of a run as a model that musika-pack and musika-daw load."""
    from training.export import export_generator

    for file in export_generator(run, autoencoder_run, out, name, licence):
        click.echo(f"{file}  {file.stat().st_size / 1e6:.1f} MB")


main.add_command(evaluate)


if __name__ == "__main__":
    main()
