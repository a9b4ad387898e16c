"""`musika-daw`: play in time with a DAW, render a stretch of the timeline, see what works on this machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import time
from collections.abc import Iterator
from pathlib import Path

import click

from musika_daw.commands.console import OneLineGroup, version_option
from musika_daw.commands.live import run
from musika_daw.commands.monitor import monitor
from musika_daw.commands.panel import panel
from musika_daw.commands.plugin import plugin
from musika_daw.commands.ports import jack_rows, ports, quiet_libraries

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


@main.command()
def models() -> None:
    """List the models that come with the program."""
    from musika_daw.instrument.checkpoint import shipped_models
    from musika_daw.instrument.engine import Engine

    for name in shipped_models():
        engine = Engine.load(name)
        knows = ", ".join(engine.labels)
        click.echo(f"{name:10s} {engine.sample_rate_hz} Hz  knows {knows}  weights {engine.weights_hash[:12]}")


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
    controls = Controls(seed, style_seed, density=density, energy=energy, truncation=truncation)
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


@main.command()
def doctor() -> None:
    """Say what works on this machine and how fast it renders."""
    import platform

    import torch

    from musika_daw.instrument.checkpoint import shipped_models
    from musika_daw.instrument.engine import Engine
    from musika_daw.score.controls import Controls

    click.echo(
        f"python     {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )
    click.echo(f"torch      {torch.__version__}, {torch.get_num_threads()} threads")
    for name in shipped_models():
        start = time.perf_counter()
        engine = Engine.load(name)
        load_s = time.perf_counter() - start
        engine.loop(128, 1, Controls(0))
        start = time.perf_counter()
        audio = engine.loop(128, 8, Controls(1))
        speed = len(audio) / engine.sample_rate_hz / (time.perf_counter() - start)
        click.echo(f"{name:10s} loads in {load_s:.2f} s, renders {speed:.0f} times faster than real time")
    for title, works in parts_that_work():
        click.echo(f"{title:10s} {works}")


def parts_that_work() -> Iterator[tuple[str, str]]:
    """(source, sink or library; what can be said of it) for everything that needs more than this package."""
    from bridge import SourceError, list_ports
    from musika_daw.host.sinks.sink import SinkError, list_devices

    try:
        with quiet_libraries():
            names = [name for _, name in list_ports()]
        yield "MIDI", f"{len(names)} inputs" if names else "works, but there is no input"
    except SourceError as error:
        yield "MIDI", " ".join(str(error).split())
    yield "JACK", jack_rows()[0]
    try:
        yield "PortAudio", f"{len(list_devices())} outputs"
    except SinkError as error:
        yield "PortAudio", " ".join(str(error).split())
    found = importlib.util.find_spec("link") is not None
    yield "Link", "works" if found else "Ableton Link needs an extra: pip install 'musika-daw[link]'"
    yield "effects", f"pedalboard {importlib.metadata.version('pedalboard')}"
    yield "sockets", "OSC, UDP and TCP on loopback"


if __name__ == "__main__":
    main()
