"""`musika-daw`: play in time with a DAW, render a stretch of the timeline, see what works on this machine."""

from __future__ import annotations

import time
from pathlib import Path

import click

from musika_daw.commands.console import OneLineGroup, version_option
from musika_daw.commands.doctor import doctor
from musika_daw.commands.live import run
from musika_daw.commands.monitor import monitor
from musika_daw.commands.panel import panel
from musika_daw.commands.plugin import plugin
from musika_daw.commands.ports import ports

FORMATS = (".wav", ".flac", ".aiff", ".aif", ".ogg")


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
    musika-daw render take.wav --model piano --seconds 30 --density 0.4
    musika-daw doctor
    """


main.add_command(run)
main.add_command(ports)
main.add_command(monitor)
main.add_command(plugin)
main.add_command(panel)
main.add_command(doctor)


@main.command()
def models() -> None:
    """List the models that come with the program, with what each can be told."""
    from musika_daw.instrument.checkpoint import shipped_models
    from musika_daw.instrument.engine import Engine

    for name in shipped_models():
        engine = Engine.load(name)
        knows = ", ".join(engine.labels)
        scores = {"": "no score", "parts": "a score of parts (--key, --parts)"}
        plays = scores.get(engine.config.score, "a score (--key)")
        facts = f"{engine.sample_rate_hz} Hz  knows {knows}  plays {plays}  weights {engine.weights_hash[:12]}"
        click.echo(f"{name:10s} {facts}")


@main.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--model", default="techno", show_default=True, help="Short name, folder or file.")
@click.option("--bpm", default=128.0, show_default=True, type=click.FloatRange(60, 200))
@click.option("--start-bar", default=1, show_default=True, type=click.IntRange(1), help="Bars count from 1.")
@click.option("--bars", default=8, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--loop", is_flag=True, help="A seamless loop of exactly these bars.")
@click.option("--seconds", type=click.FloatRange(1, 36_000), help="A take of this length, without a grid.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--style-seed", type=click.IntRange(0), help="Style of its own.  [default: the seed's]")
@click.option("--density", type=click.FloatRange(0, 1), help="Note density.  [default: left to the model]")
@click.option("--energy", type=click.FloatRange(0, 1), help="Energy.  [default: left to the model]")
@click.option("--key", help="Key of a model that plays a score: Am, F#, Bbmin, 8A.  [default: one of the seed's]")
@click.option(
    "--parts",
    metavar="PART,...",
    help="Some of drums, bass, lead, chords, of a model that knows parts.  [default: all]",
)
@click.option(
    "--truncation",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Less is more typical, 1 is most varied.",
)
@click.option(
    "--gain-db", type=click.FloatRange(-60, 24), help="Level, the same for every stretch.  [default: -15, piano 0]"
)
def render(
    out: Path,
    model: str,
    bpm: float,
    start_bar: int,
    bars: int,
    loop: bool,
    seconds: float | None,
    seed: int,
    style_seed: int | None,
    density: float | None,
    energy: float | None,
    key: str | None,
    parts: str | None,
    truncation: float,
    gain_db: float | None,
) -> None:
    """Render bars of the timeline, a loop or a take into OUT (WAV 24 bit, FLAC, AIFF or OGG).

    No file clips: one whose loudest sample would pass -1 dBFS is turned down as a whole, which is said.
    """
    if out.suffix.lower() not in FORMATS:
        raise ValueError(f"out: {out.name!r}, must end in {', '.join(FORMATS)}")
    if loop and seconds is not None:
        raise ValueError("loop: give --loop or --seconds, not both")
    from musika_daw.instrument.engine import Engine
    from musika_daw.score.controls import Controls, headroom_db
    from musika_daw.score.tempo import TempoMap
    from musika_daw.sound.files import write_blocks

    engine = Engine.load(model)
    heard = None if parts is None else tuple(part.strip() for part in parts.split(",") if part.strip())
    controls = Controls(seed, style_seed, density=density, energy=energy, truncation=truncation, parts=heard, key=key)
    begin = time.perf_counter()
    if seconds is not None:
        blocks = engine.take_blocks(seconds, controls)
    elif loop:
        blocks = iter([engine.loop(bpm, bars, controls, engine.sample_rate_hz, (start_bar - 1) * 4)])
    else:
        blocks = engine.blocks((start_bar - 1) * 4, bars * 4, TempoMap.constant(bpm), controls)
    gain_db = headroom_db(engine.kind) if gain_db is None else gain_db
    written = write_blocks(out, blocks, engine.sample_rate_hz, gain_db)
    length_s = written.frames / engine.sample_rate_hz
    speed = length_s / (time.perf_counter() - begin)
    click.echo(f"{out}  {length_s:.2f} s  {speed:.0f} times faster than real time")
    if written.turned_down_db:
        level_db = gain_db - written.turned_down_db
        click.echo(f"turned down to {level_db:.1f} dB: at {gain_db:g} dB it would clip", err=True)


if __name__ == "__main__":
    main()
