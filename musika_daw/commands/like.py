"""`musika-daw like`: the styles that sound like a recording, as options for `render`, `run` and packs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from musika_daw.commands.console import Number

if TYPE_CHECKING:
    from musika_daw.instrument.engine import Engine
    from musika_daw.instrument.likeness import Likeness
    from musika_daw.score.controls import Controls

TRIES = 24
LONGEST_S = 60.0
BPM = (60.0, 200.0)
_SLOWEST_BEAT_S = 1.0


@dataclass(frozen=True)
class Heard:
    """What a recording is: its tempo and (where it is clear) key, each with how it is known, and its styles."""

    bpm: float
    by_label: bool
    key: str | None
    key_by_label: bool
    likeness: Likeness


def heard_like(
    path: Path,
    engine: Engine,
    controls: Controls,
    *,
    bpm: float | None = None,
    tries: int = TRIES,
    report: Callable[[int], None] | None = None,
) -> Heard:
    """Styles that sound like a file, in a tempo that is given or its own. ValueError where it has no beat or no sound.

    `report` is told how many of the tries are done; without one a terminal is.
    """
    from musika_daw.hearing.grid import grid_of
    from musika_daw.hearing.key import key_of
    from musika_daw.instrument.likeness import like
    from musika_daw.sound.labels import read_labels
    from musika_daw.sound.sounds import read_samples

    if not path.is_file():
        raise ValueError(f"like: {path}: {'is no plain file' if path.exists() else 'no such file'}")
    try:
        labels = read_labels(path)
    except ValueError as error:  # which names the file
        raise ValueError(f"like: {error}") from None
    try:
        samples, _ = read_samples(path, round((LONGEST_S + _SLOWEST_BEAT_S) * labels.sample_rate_hz))
    except ValueError as error:
        raise ValueError(f"like: {path.name}: {error}") from None
    rate_hz, first_s, by_label = labels.sample_rate_hz, 0.0, labels.bpm is not None
    tempo = bpm if bpm is not None else labels.bpm
    if tempo is None:
        grid = grid_of(samples, rate_hz)
        if grid is None:
            raise ValueError(f"like: {path.name}: no steady beat is heard, must have one of 60 to 200 bpm, or --bpm")
        tempo, first_s = grid.bpm, grid.first_s
    if not BPM[0] <= tempo <= BPM[1]:
        raise ValueError(f"like: {path.name}: {tempo:g} bpm, must be within 60..200, or say --bpm")
    begin = round(first_s * rate_hz)
    part = samples[begin : begin + round(LONGEST_S * rate_hz)]
    key = labels.key if labels.key is not None else key_of(part, rate_hz)[0]
    found = like(engine, part, rate_hz, tempo, controls, tries=tries, report=report or _told(path.name, tries))
    return Heard(tempo, by_label, key, labels.key is not None, found)


def _told(name: str, tries: int) -> Callable[[int], None] | None:
    if not sys.stderr.isatty():
        return None

    def told(done: int) -> None:
        line = f"looking for styles like {name}: {done} of {tries}"
        click.echo(f"\r{line}" if done < tries else "\r" + " " * (len(line) + 4) + "\r", nl=False, err=True)

    return told


@click.command()
@click.argument("recording", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--model", default="parts", show_default=True, help="Short name, folder or file.")
@click.option("--bpm", type=Number(*BPM), help="Tempo of the recording.  [default: its label, else as heard]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed from which styles are drawn.")
@click.option("--tries", default=TRIES, show_default=True, type=click.IntRange(1, 512), help="Styles to compare.")
@click.option("--json", "as_json", is_flag=True, help="For other programs.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "json"]),
    default="auto",
    show_default=True,
    help="json: an object on a line after each try, for programs.",
)
def like(recording: Path, model: str, bpm: float | None, seed: int, tries: int, as_json: bool, progress: str) -> None:
    """Find the styles that sound like RECORDING, a loop or a song with a steady beat.

    Prints what `render`, `run` and `musika-pack build` can be given to play in them, tempo and key of RECORDING
    included. Of a model of parts the drums, the bass, the lead and the chords are chosen each by itself.

    \b
    musika-daw like drop.wav
    musika-daw render more.wav --loop --like drop.wav
    """
    from musika_daw.instrument.engine import Engine
    from musika_daw.score.controls import Controls
    from musika_daw.score.parts import voices_text

    engine = Engine.load(model)

    def tell(done: int) -> None:
        click.echo(json.dumps({"done": done, "tries": tries}))

    report = tell if progress == "json" else None
    heard = heard_like(recording, engine, Controls(seed), bpm=bpm, tries=tries, report=report)
    found = heard.likeness
    controls = found.controls
    if as_json:
        facts = {
            "bpm": heard.bpm,
            "key": heard.key,
            "voices": voices_text(controls.voices) or None,
            "style_seed": controls.style_seed,
            "distance": round(found.distance, 4),
            "typical": round(found.typical, 4),
        }
        click.echo(json.dumps(facts))
        return
    how = "given" if bpm is not None else "labelled" if heard.by_label else "heard"
    key = "no clear key" if heard.key is None else f"{heard.key} ({'labelled' if heard.key_by_label else 'heard'})"
    click.echo(f"{recording}  {heard.bpm:.2f} bpm ({how}), {key}")
    click.echo(
        f"nearest of {tries} styles of {engine.name}: distance {found.distance:.2f}, of the median {found.typical:.2f}"
    )
    click.echo(" ".join(options_of(heard, engine)))


def options_of(heard: Heard, engine: Engine) -> list[str]:
    """What to give to other commands to play like it."""
    from musika_daw.score.parts import voices_text

    controls = heard.likeness.controls
    options = ["--bpm", f"{heard.bpm:g}"]
    if heard.key is not None and engine.score is not None:
        options += ["--key", heard.key]
    if controls.voices:
        return [*options, "--voices", voices_text(controls.voices)]
    return [*options, "--style-seed", str(controls.style_seed)]
