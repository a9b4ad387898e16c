"""`musika-train`: corpora, autoencoder, encoding, generator, export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from musika_daw.commands.console import Number, OneLineGroup, version_option
from musika_daw.system.cores import usable_cores
from training.corpus.commands import corpus
from training.evaluate.commands import evaluate

precision_option = click.option(
    "--precision",
    type=click.Choice(["auto", "32", "bf16"]),
    default="auto",
    show_default=True,
    help="Of the networks; spectra and losses are in 32 bits. auto: what is faster on this CPU, 32 on a GPU.",
)


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that both trainers share."""
    options = [
        click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run."),
        click.option(
            "--config",
            "config_name",
            default="studio",
            show_default=True,
            help="Sizes: paper, paper-piano, studio, ears or tiny.",
        ),
        click.option("--minutes", default=60.0, show_default=True, type=Number(0.01), help="Time box of this session."),
        click.option("--steps", type=click.IntRange(1), help="Stop at this many steps."),
        click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint."),
        click.option("--init-from", help="Begin with the weights of a run, or of a model by name, folder or file."),
        click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Override a setting; repeatable."),
        click.option("--threads", default=0, type=click.IntRange(0, 256), help="CPU threads a process (0: all)."),
        click.option(
            "--devices",
            default=1,
            show_default=True,
            type=click.IntRange(1, 64),
            help="GPUs, or processes on a CPU, that train as one.",
        ),
        click.option("--accelerator", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True),
        precision_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _forget(start: Path | None, out: Path) -> None:
    """Remove a starting checkpoint that was written for this run; the run has its own by now."""
    if start is not None and start.parent == out:
        start.unlink(missing_ok=True)


def _set_threads(threads: int) -> None:
    import torch

    # near-silence is full of denormals, which a CPU computes many times slower; threads made later inherit this
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads or usable_cores())


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@version_option("musika-train")
def main() -> None:
    """Train the models of musika-daw.

    \b
    musika-train corpus folder ~/Music/mine --out corpora/mine
    musika-train corpus techno --hours 3 --out corpora/techno
    musika-train autoencoder corpora/techno --out runs/ae --minutes 60
    musika-train autoencoder corpora/techno --out runs/ae2 --phase 2 --init-from runs/ae --minutes 60
    musika-train encode corpora/techno --autoencoder runs/ae --out latents/techno
    musika-train gan latents/techno --out runs/gan --minutes 60
    musika-train export runs/gan --autoencoder runs/ae2 --name mytechno
    """


@main.command()
@click.argument("corpora", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--weight", "weights", multiple=True, type=Number(0), help="Share of each corpus in a batch, in their order."
)
@click.option("--level", type=click.Choice(["1", "2", "both"]), default="both", show_default=True)
@click.option("--phase", type=click.IntRange(1, 2), default=1, show_default=True)
@training_options
def autoencoder(
    corpora: tuple[Path, ...],
    weights: tuple[float, ...],
    level: str,
    phase: int,
    out: Path,
    config_name: str,
    minutes: float,
    steps: int | None,
    resume: bool,
    init_from: str | None,
    pairs: tuple[str, ...],
    threads: int,
    devices: int,
    accelerator: str,
    precision: str,
) -> None:
    """Train the autoencoder on CORPORA: phase 1 reconstruction, phase 2 decoder with an adversary."""
    from musika_daw.instrument.models import config_named
    from training.autoencoder.trainer import train_autoencoder
    from training.runs.parallel import launch
    from training.runs.recipes import EARS_AUTOENCODER, PAPER_AUTOENCODER, AutoencoderSettings, apply_settings
    from training.runs.watch import watching
    from training.starts import autoencoder_start

    _set_threads(threads)
    config = config_named(config_name)
    base = PAPER_AUTOENCODER if config_name.startswith("paper") else AutoencoderSettings()
    if config.autoencoder.ears is not None:
        base = EARS_AUTOENCODER
    settings = apply_settings(base, pairs)
    together = launch(devices, accelerator, precision)
    start = None
    if init_from is not None and not (out / "checkpoint.pt").exists():
        start = autoencoder_start(init_from, config.autoencoder, settings, out / f"start-{together.rank}")
    with watching(out, minutes, steps, quiet=together.rank > 0) as report:
        train_autoencoder(
            corpora,
            out,
            config.autoencoder,
            weights=list(weights) or None,
            settings=settings,
            level=level,
            phase=phase,
            minutes=minutes,
            max_steps=steps,
            resume=resume,
            init_from=start,
            report=report,
        )
    _forget(start, out)


@main.command()
@click.argument("corpus_path", metavar="CORPUS", type=click.Path(path_type=Path))
@click.option("--autoencoder", "source", required=True, help="Autoencoder run, or a model's name, folder or file.")
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--threads", default=0, type=click.IntRange(0, 256), help="CPU threads (0: all).")
@precision_option
def encode(corpus_path: Path, source: str, out: Path, threads: int, precision: str) -> None:
    """Encode CORPUS once, for the generator to train on. Re-running goes on where it was."""
    from musika_daw.instrument.models.precision import set_precision
    from musika_daw.instrument.probe import chosen
    from training.latents.audible import weigh_latents
    from training.latents.encode import encode_corpus
    from training.weights import decoder_of, encoder_of

    _set_threads(threads)
    encoder = encoder_of(source)
    set_precision([encoder], chosen(precision))

    def progress(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            click.echo(f"{done:5d} of {total} songs")

    made_with = str(Path(source).resolve()) if Path(source).exists() else source
    encode_corpus(corpus_path, encoder, out, progress, made_with=made_with)
    weigh_latents(out, decoder_of(source))


@main.command()
@click.argument("latents", type=click.Path(path_type=Path))
@training_options
def gan(
    latents: Path,
    out: Path,
    config_name: str,
    minutes: float,
    steps: int | None,
    resume: bool,
    init_from: str | None,
    pairs: tuple[str, ...],
    threads: int,
    devices: int,
    accelerator: str,
    precision: str,
) -> None:
    """Train a generator on LATENTS made by `musika-train encode`."""
    from musika_daw.instrument.models.config import config_of_latents
    from training.generator.gan import train_gan
    from training.latents.encode import LatentCorpus
    from training.runs.parallel import launch
    from training.runs.recipes import FINE_TUNE_GAN, PAPER_GAN, GanSettings, apply_settings
    from training.runs.watch import watching
    from training.starts import generator_start
    from training.weights import is_run

    _set_threads(threads)
    corpus = LatentCorpus(latents)
    config = config_of_latents(config_name, corpus.config, corpus.score)
    base = PAPER_GAN if config_name.startswith("paper") else GanSettings()
    if base == GanSettings() and init_from is not None and not is_run(init_from):
        base = FINE_TUNE_GAN
    settings = apply_settings(base, pairs)
    together = launch(devices, accelerator, precision)
    start = None
    if init_from is not None and not (out / "checkpoint.pt").exists():
        start = generator_start(init_from, config.generator, settings, out / f"start-{together.rank}", latents=latents)
    with watching(out, minutes, steps, quiet=together.rank > 0) as report:
        train_gan(
            latents,
            out,
            config.generator,
            settings=settings,
            minutes=minutes,
            max_steps=steps,
            resume=resume,
            init_from=start,
            report=report,
        )
    _forget(start, out)


@main.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--gan", "gan_run", type=click.Path(path_type=Path), help="Generator run, as RUN.")
@click.option("--autoencoder", help="Autoencoder whose decoder is to be used: run or model.  [default: its latents']")
@click.option("--name", required=True, help="Short name of the model.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the weights.  [default: your models, where the name is enough]",
)
@click.option("--licence", default="all rights reserved", show_default=True, help="Licence text kept in the file.")
@click.option(
    "--licence-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that holds the licence text.",
)
@click.option(
    "--mean-with",
    metavar="MODEL",
    help="Write the mean of the run's weights and of this model's, which the run began with.",
)
@click.option(
    "--share", default=0.5, show_default=True, type=Number(0, 1), help="Share of the run's weights in that mean."
)
def export(
    run: Path | None,
    gan_run: Path | None,
    autoencoder: str | None,
    name: str,
    out: Path | None,
    licence: str,
    licence_file: Path | None,
    mean_with: str | None,
    share: float,
) -> None:
    """Write the weights of the generator RUN as a model that musika-pack and musika-daw load by its name.

    Of an autoencoder's RUN, encoder and decoder are written into the folder --out, to train and evaluate with.
    """
    if (run is None) == (gan_run is None):
        raise click.UsageError("run: give the folder of one generator run")
    from training.export import export_autoencoder, export_generator, export_named
    from training.runs.run import load_checkpoint
    from training.weights import is_run, stage_of

    made = run or gan_run
    assert made is not None
    if licence_file is not None:
        licence = licence_file.read_text(encoding="utf-8")
    if is_run(made) and stage_of(load_checkpoint(made)) == "autoencoder":
        if out is None:
            raise click.UsageError("out: an autoencoder is no model yet, name the folder of its encoder and decoder")
        export_autoencoder(made, out)
        return
    if out is None:
        files = export_named(made, autoencoder, name, licence, mean_with=mean_with, share=share)
    else:
        files = export_generator(made, autoencoder, out, name, licence=licence, mean_with=mean_with, share=share)
    for file in files:
        click.echo(f"{file}  {file.stat().st_size / 1e6:.1f} MB")
    click.echo(f"musika-daw render loop.wav --loop --model {name if out is None else out}")


main.add_command(corpus)
main.add_command(evaluate)


if __name__ == "__main__":
    main()
