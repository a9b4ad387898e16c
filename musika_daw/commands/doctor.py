"""`musika-daw doctor`: what works on this machine, how fast, and what would bring the rest."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import time
from collections.abc import Iterator

import click

from musika_daw.commands.console import pace
from musika_daw.commands.ports import jack_rows
from musika_daw.system.cores import usable_cores
from musika_daw.system.libraries import advice, family, missing
from musika_daw.system.quiet import quiet_libraries

HERE = "`musika-daw doctor` names its package"  # as others say of a system library that is missing


@click.command()
def doctor() -> None:
    """Say what works on this machine and how fast it renders."""
    import platform

    import torch

    from musika_daw.instrument.checkpoint import shipped_models
    from musika_daw.instrument.engine import Engine
    from musika_daw.instrument.probe import probed
    from musika_daw.score.controls import Controls

    click.echo(
        f"python     {platform.python_version()} on {platform.system()} {platform.machine()}, {usable_cores()} cores"
    )
    click.echo(f"torch      {torch.__version__}, {torch.get_num_threads()} threads")
    click.echo(f"processor  {probed()}")
    for name in shipped_models():
        start = time.perf_counter()
        engine = Engine.load(name)
        load_s = time.perf_counter() - start
        engine.loop(128, 1, Controls(0))
        start = time.perf_counter()
        audio = engine.loop(128, 8, Controls(1))
        speed = pace(len(audio) / engine.sample_rate_hz, time.perf_counter() - start)
        click.echo(f"{name:10s} loads in {load_s:.2f} s, renders {speed}")
    for title, works in parts_that_work():
        click.echo(f"{title:10s} {works.replace(HERE, 'its package is named below')}")
    with quiet_libraries():
        lacking = missing()
    for part, what in advice(lacking, family()):
        click.echo(f"{'library':10s} {part}: {what}")


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
    try:
        import pedalboard  # noqa: F401
    except ImportError as error:
        yield "effects", f"pedalboard cannot be loaded: {' '.join(str(error).split())}"
    else:
        yield "effects", f"pedalboard {importlib.metadata.version('pedalboard')}"
    yield "sockets", "OSC, UDP and TCP on loopback"
