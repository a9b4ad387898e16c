"""`musika-train corpus techno|piano|lmms|folder|example`; apart from the package, so that help is there at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from musika_daw.commands.console import Number, OneLineGroup


@click.group(cls=OneLineGroup)
def corpus() -> None:
    """Make a training corpus, with exact labels or of your own music."""


def _progress(done: int, hours: float) -> None:
    click.echo(f"{done:5d} songs  {hours:6.2f} h")


def corpus_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that the corpus builders share."""

    @click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the corpus.")
    @click.option("--hours", default=1.0, show_default=True, type=Number(0.001, 10_000))
    @click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
    @click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 256))
    @functools.wraps(command)
    def wrapped(**kwargs: Any) -> None:
        command(**kwargs)

    return wrapped


@corpus.command()
@corpus_options
@click.option(
    "--oneshots",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of drum one-shots to mix in.",
)
@click.option(
    "--bars",
    default=32,
    show_default=True,
    type=click.IntRange(4, 256),
    help="Bars of a song; short songs are more songs an hour.",
)
@click.option(
    "--parts",
    type=click.Choice(["mixed", "apart"]),
    help="mixed: often some of drums, bass, lead, chords only. apart: one of them a song, as before it is mixed.",
)
def techno(out: Path, hours: float, seed: int, jobs: int, oneshots: Path | None, bars: int, parts: Any) -> None:
    """Synthesised techno at exact tempi; the same seed gives the same songs. Re-running goes on."""
    from training.corpus.techno import build_techno

    build_techno(out, hours, seed, jobs, oneshots=oneshots, bars=bars, parts=parts, progress=_progress)


@corpus.command()
@corpus_options
@click.option(
    "--midi",
    multiple=True,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Folder of performed MIDI files; repeatable.",
)
@click.option(
    "--samples",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Folder of a sampled piano with its SFZ.",
)
@click.option(
    "--composed",
    default=0.3,
    show_default=True,
    type=Number(0, 1),
    help="Share of songs of the instrument's own score, in which every density is found.",
)
def piano(
    out: Path, hours: float, seed: int, jobs: int, midi: tuple[Path, ...], samples: Path, composed: float
) -> None:
    """Performed MIDI through a sampled grand. Re-running goes on."""
    from training.corpus.piano import build_piano

    build_piano(out, hours, midi, samples, seed=seed, jobs=jobs, composed=composed, progress=_progress)


@corpus.command()
@click.option(
    "--projects",
    default="/usr/share/lmms/projects",
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of LMMS projects.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the corpus.")
@click.option(
    "--tempi",
    default=3,
    show_default=True,
    type=click.IntRange(1, 32),
    help="Tempi of each song: its own, then others near it.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--licence", default="", help="Licence text of the songs.  [default: that it is the author's]")
def lmms(projects: Path, out: Path, tempi: int, seed: int, licence: str) -> None:
    """Songs of LMMS, rendered by the installed program at exact tempi. Re-running goes on."""
    from training.corpus.lmms import build_lmms

    build_lmms(
        projects,
        out,
        tempi=tempi,
        seed=seed,
        licence=licence,
        progress=_progress,
        skipped=lambda line: click.echo(f"left out: {line}", err=True),
    )


@corpus.command()
@click.argument("source", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the corpus.")
@click.option(
    "--kind",
    type=click.Choice(["techno", "piano"]),
    default="techno",
    show_default=True,
    help="What a model of it makes: techno loops on a grid, or piano takes.",
)
@click.option("--licence", default="all rights reserved", show_default=True, help="Licence text of the music.")
@click.option("--shortest", default=10.0, show_default=True, type=Number(1), help="Shortest file in seconds.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 256))
def folder(source: Path, out: Path, kind: str, licence: str, shortest: float, jobs: int) -> None:
    """Your own music: any format, tempo and beats estimated. Re-running reads only what is new.

    Files that cannot be used are named with the reason and skipped; files without a steady beat are kept for
    the autoencoder and left out of tempo conditioning.
    """
    from training.corpus.folder import build_folder
    from training.corpus.folder.console import show_report, show_row

    report = build_folder(
        source, out, kind=kind, licence=licence, shortest_s=shortest, jobs=jobs, apart=True, progress=show_row
    )
    show_report(report, out)


@corpus.command()
@click.argument("out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--minutes", default=10.0, show_default=True, type=Number(0.1, 600))
@click.option("--style", help="Music of one style only, such as 'dub techno'; a wrong one lists all.  [default: mixed]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
def example(out: Path, minutes: float, style: str | None, seed: int) -> None:
    """Write a folder of music in the public domain, to try `corpus folder` and what follows with."""
    from training.corpus.folder.example import write_example

    write_example(out, minutes, seed, style, progress=lambda path: click.echo(str(path)))
