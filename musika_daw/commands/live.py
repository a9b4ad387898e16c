"""`musika-daw run`: playing in time with a DAW."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from musika_daw.commands.console import Number
from musika_daw.commands.options.score import score_options
from musika_daw.commands.options.source import source_options, source_options_of
from musika_daw.commands.plugin import run_plugin
from musika_daw.system.ending import ended_by_signals
from musika_daw.system.refusal import refused

if TYPE_CHECKING:
    from musika_daw.host.control.server import ControlServer
    from musika_daw.host.control.steered import Steered

SOURCE_HELP = "internal, jack, link, midi[:PORT], jack-midi[:PORT], mtc[:PORT], osc:DAW, udp, tcp, plugin, joined by +"
VIEW_HZ = 5
NOT_WITH_PLUGIN = {
    "--chords-in": "chords_in",
    "--midi-control": "midi_control",
    "--osc-control": "osc_port",
    "--clock-out": "clock_out",
    "--notes-out": "notes_out",
}
UNITS, WHEN_LET_GO = ("bar", "beat"), ("keep", "free")


@click.command()
@click.argument("source", default="internal")
@click.option("--model", default="parts", show_default=True, help="Short name, folder or file; click is a metronome.")
@click.option("--sink", default="portaudio", show_default=True, help="jack, portaudio[:DEVICE] or file:PATH.")
@click.option("--connect", default="system:playback", show_default=True, help="JACK ports to play to; '' for none.")
@click.option("--block", default=512, show_default=True, type=click.IntRange(64, 8192), help="Frames a block.")
@click.option("--ahead", default=6.0, show_default=True, type=Number(1, 30), help="Seconds to render ahead.")
@click.option(
    "--latency-ms",
    default=0.0,
    show_default=True,
    type=Number(-500, 2000),
    help="Delay after the device that it does not report.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--style-seed", type=click.IntRange(0), help="Style of its own.  [default: the seed's]")
@click.option("--morph-seed", type=click.IntRange(0), help="Style to morph to, by --morph or while playing.")
@click.option("--morph", default=0.0, show_default=True, type=Number(0, 1))
@score_options
@click.option("--truncation", default=1.0, show_default=True, type=Number(0, 1))
@click.option("--gain-db", type=Number(-60, 12), help="Level.  [default: -6 where a model plays a score, else -15]")
@click.option("--effect", "effects", multiple=True, help="Such as 'reverb wet_level=0.2' or 'plugin FILE.vst3'.")
@click.option(
    "--keep-to",
    default="kept",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for bars that are kept.",
)
@click.option(
    "--midi-control", metavar="PORT", help="MIDI input whose controllers move the controls; jack-midi[:PORT] over JACK."
)
@click.option(
    "--chords-in",
    metavar="PORT",
    help="MIDI input whose held keys are the harmony, of a model with a score; jack-midi[:PORT] over JACK.",
)
@click.option(
    "--chords-at",
    type=click.Choice(UNITS),
    default="bar",
    show_default=True,
    help="Where a chord that is struck begins.",
)
@click.option(
    "--chords-held",
    type=click.Choice(WHEN_LET_GO),
    default="keep",
    show_default=True,
    help="With no key down: keep the last chord, or free the piece to play its own.",
)
@click.option(
    "--map",
    "map_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default="musika-midi.toml",
    show_default=True,
    help="Which controller moves what.",
)
@click.option("--learn", metavar="NAME", help="Bind the next controller that moves to this control or action.")
@click.option("--osc-control", "osc_port", type=click.IntRange(0, 65535), help="UDP port for OSC controls.")
@click.option(
    "--control-port",
    default=9141,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="TCP port for the panel and other programs, see docs/control-protocol.md.",
)
@click.option("--no-control", is_flag=True, help="Open no such port.")
@click.option(
    "--clock-out",
    metavar="PORT",
    help="MIDI output to send clock to, so that others follow; jack-midi[:PORT] over JACK.",
)
@click.option(
    "--notes-out",
    metavar="PORT",
    help="MIDI output to send the notes of a model with a score to, one channel a role; jack-midi[:PORT] over JACK.",
)
@click.option("--play", is_flag=True, help="Start the source at once, where it can be told to.")
@click.option("--seconds", type=Number(0.1), help="Stop by itself after this long.")
@click.option("--idle-minutes", type=Number(0.01, 10_000), help="With plugin: stop when there was none for this long.")
@click.option("--no-view", is_flag=True, help="Print one line at the end instead of the live view.")
@source_options
def run(source: str, **values: Any) -> None:
    """Play in time with SOURCE: start, stop, locate, loop and tempo are followed.

    \b
    SOURCE is one of
      internal                 a clock of its own
      jack                     JACK transport, exact to the sample (with --sink jack)
      link                     Ableton Link
      midi[:PORT]              MIDI clock; without PORT a virtual port to send to
      jack-midi[:PORT]         MIDI clock over JACK, with exact stamps
      mtc[:PORT]               MIDI time code
      osc:ableton|reaper|ardour|bitwig|musika
      udp, tcp                 the bridge protocol, see docs/bridge-protocol.md
      plugin                   the plugins in a DAW: they play, no --sink is needed; see docs/plugin.md
    or several joined by +, such as link+osc:ableton.

    \b
    A keyboard leads the harmony of a model that plays a score:
      musika-daw run jack --sink jack --chords-in PORT
    """
    given = click.get_current_context().get_parameter_source
    names = ("seed", "style_seed", "morph_seed", "morph", "density", "energy", "truncation", "gain_db")
    if source == "plugin":
        for name in names:
            if name != "truncation" and given(name) is click.core.ParameterSource.COMMANDLINE:
                option = f"--{name.replace('_', '-')}"
                raise refused(option, values[name], "not allowed with plugin, each plugin has its own")
        for option, name in NOT_WITH_PLUGIN.items():
            if values[name] is not None:
                raise refused(option, values[name], "not allowed with plugin, which deals with its DAW alone")
        run_plugin(values)
        return
    from bridge import SourceError
    from musika_daw.host.ahead.worker import WorkerError
    from musika_daw.host.control.chords_in import ChordOptions
    from musika_daw.host.control.live import WRITTEN
    from musika_daw.host.session import Session, SessionOptions
    from musika_daw.host.sinks.sink import SinkError

    options = SessionOptions(
        source=source,
        sink=values["sink"],
        model=values["model"],
        source_options=source_options_of(values),
        values={name: values[name] for name in names},
        written={name: values[name] for name in WRITTEN},
        effects=tuple(values["effects"]),
        ahead_s=values["ahead"],
        block_frames=values["block"],
        latency_s=values["latency_ms"] / 1000,
        connect=values["connect"] or None,
        keep_to=values["keep_to"],
        midi_control=values["midi_control"],
        chords=ChordOptions(values["chords_in"], values["chords_at"], values["chords_held"]),
        map_file=values["map_file"],
        osc_port=values["osc_port"],
        clock_out=values["clock_out"],
        notes_out=values["notes_out"],
        play=values["play"] or source == "internal",
    )
    control, notes = None, list[str]()
    try:
        with ended_by_signals() as ending, ExitStack() as stack:
            session = Session(options)
            stack.callback(session.stop)
            ending.quit_ = session.end
            if values["learn"]:
                session.midi_map.learn(values["learn"])
            if not values["no_control"]:
                must = given("control_port") is click.core.ParameterSource.COMMANDLINE
                control, problem = open_control(session, values["control_port"], must)
                if control is not None:
                    stack.callback(control.stop)
                notes += [problem] if problem else []
            session.start()
            if control is not None:
                control.start()  # a host that answers is one that plays
            _show(session, values["seconds"], notes, view=not values["no_view"])
    except (SourceError, SinkError, WorkerError) as error:
        raise ValueError(str(error)) from error
    for kept in session.keeper.results:
        click.echo(str(kept))
    if session.sink.told:
        click.echo(session.sink.told)
    if session.sink.ended_early:
        raise ValueError(str(session.sink.problem))


def open_control(session: Steered, port: int, must: bool) -> tuple[ControlServer | None, str | None]:
    """The control socket of a session, its port taken, or why there is none.

    Raises SourceError instead where it `must` be this port.
    """
    from bridge import SourceError
    from musika_daw.host.control.server import ControlServer

    control = ControlServer(session, port)
    try:
        control.open()
    except SourceError as error:
        if must:
            raise
        return None, f"no panel for this host: {error}"
    return control, None


def _show(session: Any, seconds: float | None, notes: list[str], view: bool) -> None:
    """The live view until the time is over, or the user says quit."""
    from musika_daw.host.control.keys import Keys

    end_s = time.monotonic() + seconds if seconds is not None else float("inf")
    keys = Keys(session.live)
    keys.start()
    try:
        if view:
            _show_live(session, end_s, notes)
        else:
            while not session.quit and time.monotonic() < end_s:
                time.sleep(0.05)
    finally:
        keys.stop()
    meter = session.host.player.meter()
    click.echo(f"{meter.blocks} blocks, {meter.underruns} underruns, {session.sink.xruns} late blocks")


def _show_live(session: Any, end_s: float, told: list[str]) -> None:
    from rich.live import Live
    from rich.markup import escape

    from musika_daw.commands.view import run_table

    with Live(refresh_per_second=VIEW_HZ, transient=True) as live:
        while not session.quit and time.monotonic() < end_s:
            session.keeper.poll()
            lost = [f"[bold red]{escape(session.sink.problem)}[/]"] if session.sink.problem else []
            named = [escape(session.sink.told)] if session.sink.told else []
            notes = [*lost, *named, *told, *session.source.warnings, *map(str, session.keeper.results[-2:])]
            if session.midi_map.problem:
                notes.append(escape(session.midi_map.problem))
            if session.midi_map.learning:
                notes.append(f"move the controller for {session.midi_map.learning}")
            status, sink = session.host.status(), session.sink
            chords = session.chords.status()
            live.update(
                run_table(
                    status, session.source_name, sink.name, sink.xruns, live=session.live, notes=notes, chords=chords
                )
            )
            time.sleep(1 / VIEW_HZ)
