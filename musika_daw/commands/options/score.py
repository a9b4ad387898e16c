"""The options of `run` and `render` that say what is played."""

from __future__ import annotations

from typing import Any

import click

from musika_daw.commands.console import Number


def score_options(command: Any) -> Any:
    """The options that `run` and `render` share, in the order of their help."""
    for option in reversed(
        (
            click.option("--density", type=Number(0, 1), help="Note density.  [default: left to the model]"),
            click.option("--energy", type=Number(0, 1), help="Energy.  [default: left to the model]"),
            click.option(
                "--key", help="Key of a model that plays a score: Am, F#, Bbmin, 8A.  [default: one of the seed's]"
            ),
            click.option(
                "--chords", help="Chords of a model with a score, one a bar: 'Am | F | C | G7'.  [default: its own]"
            ),
            click.option(
                "--parts",
                metavar="PART,...",
                help="Some of drums, bass, lead, chords; of a piano chords, melody, bass.  [default: all]",
            ),
            click.option(
                "--voices",
                metavar="VOICE=SEED,...",
                help="Styles of single voices of a model of parts: kick=12,bass=7.  [default: the piece's]",
            ),
        )
    ):
        command = option(command)
    return command
