"""`musika-daw`: play in time with a DAW, render a stretch of the timeline, see what works on this machine."""

from __future__ import annotations

import click

from musika_daw.commands.console import OneLineGroup, version_option
from musika_daw.commands.doctor import doctor
from musika_daw.commands.like import like
from musika_daw.commands.live import run
from musika_daw.commands.monitor import monitor
from musika_daw.commands.panel import panel
from musika_daw.commands.plugin import plugin
from musika_daw.commands.ports import ports
from musika_daw.commands.render import render


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@version_option("musika-daw")
def main() -> None:
    """Generated music as a function of the position on your timeline.

    \b
    musika-daw run jack --sink jack
    musika-daw run midi:Ableton
    musika-daw monitor osc:reaper
    musika-daw panel
    musika-daw models
    musika-daw render drop.wav --bpm 128 --start-bar 17 --bars 8 --seed 4
    musika-daw render loop.wav --bpm 174 --bars 4 --loop
    musika-daw render more.wav --loop --like drop.wav
    musika-daw render take.wav --model piano --seconds 30 --density 0.4
    musika-daw doctor
    """


main.add_command(run)
main.add_command(ports)
main.add_command(monitor)
main.add_command(plugin)
main.add_command(panel)
main.add_command(doctor)
main.add_command(render)
main.add_command(like)


@main.command()
def models() -> None:
    """List the models that come with the program, with what each can be told."""
    from musika_daw.instrument.checkpoint import shipped_models
    from musika_daw.instrument.engine import Engine

    for name in shipped_models():
        engine = Engine.load(name)
        scores = {"": "no score", "parts": "a score of parts (--key, --chords, --parts, --voices, --style)"}
        plays = scores.get(engine.config.score, "a score (--key, --chords, --parts)")
        knows = ", ".join(engine.knows)
        facts = f"{engine.sample_rate_hz} Hz  knows {knows}  plays {plays}  weights {engine.weights_hash[:12]}"
        click.echo(f"{name:10s} {facts}")


if __name__ == "__main__":
    main()
