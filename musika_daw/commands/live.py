"""`musika-daw run`, `ports` and `monitor`: playing in time with a DAW, and finding out what it sends."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from musika_daw.commands.plugin import run_plugin
from musika_daw.score.controls import DEFAULT_GAIN_DB
from musika_daw.system.ending import ended_by_signals

SOURCE_HELP = "internal, jack, link, midi[:PORT], jack-midi[:PORT], mtc[:PORT], osc:DAW, udp, tcp, plugin, joined by +"
VIEW_HZ = 5


def source_options(command: Any) -> Any:
    """The options that `run` and `monitor` share."""
    for option in (
        click.option(
            "--bpm",
            default=120.0,
            show_default=True,
            type=click.FloatRange(1, 1000),
            help="Tempo where the source tells none.",
        ),
        click.option("--jack-server", help="Name of the JACK server.  [default: JACK's own]"),
        click.option("--listen-port", type=click.IntRange(0, 65535), help="Port for OSC, UDP or TCP."),
        click.option("--send-port", type=click.IntRange(0, 65535), help="Port where the DAW listens for OSC."),
        click.option("--listen-host", default="127.0.0.1", show_default=True, help="Address to listen on."),
        click.option("--allow-remote", is_flag=True, help="Let --listen-host be other than loopback; no password."),
        click.option(
            "--source-latency-ms",
            default=0.0,
            show_default=True,
            type=click.FloatRange(-500, 2000),
            help="How old the source's news is.",
        ),
        click.option(
            "--jitter-ms",
            default=6.0,
            show_default=True,
            type=click.FloatRange(0.05, 100),
            help="Jitter of MIDI clock to expect: 22 for audio periods of 1024 frames.",
        ),
        click.option(
            "--song-position-divisor",
            default=1,
            show_default=True,
            type=click.IntRange(1, 96),
            help="Corrects song positions that are too large: 6 for Ardour before 7.4.",
        ),
    ):
        command = option(command)
    return command


def _options_of(values: dict[str, Any]) -> Any:
    from musika_daw.host.follow.sources import SourceOptions

    return SourceOptions(
        values["bpm"],
        values["jack_server"],
        values["listen_port"],
        values["send_port"],
        values["listen_host"],
        values["allow_remote"],
        values["source_latency_ms"] / 1000,
        values["jitter_ms"] / 1000,
        values["song_position_divisor"],
    )


@click.command()
@click.argument("source", default="internal")
@click.option("--model", default="techno", show_default=True, help="Short name, folder or file; click is a metronome.")
@click.option("--sink", default="portaudio", show_default=True, help="jack, portaudio[:DEVICE] or file:PATH.")
@click.option("--connect", default="system:playback", show_default=True, help="JACK ports to play to; '' for none.")
@click.option("--block", default=512, show_default=True, type=click.IntRange(64, 8192), help="Frames a block.")
@click.option("--ahead", default=6.0, show_default=True, type=click.FloatRange(1, 30), help="Seconds to render ahead.")
@click.option(
    "--latency-ms",
    default=0.0,
    show_default=True,
    type=click.FloatRange(-500, 2000),
    help="Delay after the device that it does not report.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--style-seed", type=click.IntRange(0), help="Style of its own.  [default: the seed's]")
@click.option("--morph-seed", type=click.IntRange(0), help="Style to morph to, by --morph or while playing.")
@click.option("--morph", default=0.0, show_default=True, type=click.FloatRange(0, 1))
@click.option("--density", type=click.FloatRange(0, 1), help="Note density.  [default: left to the model]")
@click.option("--energy", type=click.FloatRange(0, 1), help="Energy.  [default: left to the model]")
@click.option("--truncation", default=1.0, show_default=True, type=click.FloatRange(0, 1))
@click.option("--gain-db", default=DEFAULT_GAIN_DB, show_default=True, type=click.FloatRange(-60, 12))
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
@click.option("--play", is_flag=True, help="Start the source at once, where it can be told to.")
@click.option("--seconds", type=click.FloatRange(0.1), help="Stop by itself after this long.")
@click.option(
    "--idle-minutes", type=click.FloatRange(0.01, 10_000), help="With plugin: stop when there was none for this long."
)
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
    """
    if source == "plugin":
        run_plugin(values)
        return
    from bridge import SourceError
    from musika_daw.host.ahead.worker import WorkerError
    from musika_daw.host.session import Session, SessionOptions
    from musika_daw.host.sinks.sink import SinkError

    names = ("seed", "style_seed", "morph_seed", "morph", "density", "energy", "truncation", "gain_db")
    options = SessionOptions(
        source,
        values["sink"],
        values["model"],
        _options_of(values),
        {name: values[name] for name in names},
        tuple(values["effects"]),
        values["ahead"],
        values["block"],
        values["latency_ms"] / 1000,
        values["connect"] or None,
        values["keep_to"],
        values["midi_control"],
        values["map_file"],
        values["osc_port"],
        values["clock_out"],
        values["play"] or source == "internal",
        None if values["no_control"] else values["control_port"],
        click.get_current_context().get_parameter_source("control_port") is click.core.ParameterSource.COMMANDLINE,
    )
    try:
        with ended_by_signals() as ending:
            session = Session(options)
            ending.quit_ = session.end
            try:
                if values["learn"]:
                    session.midi_map.learn(values["learn"])
                session.start()
                _show(session, values["seconds"], view=not values["no_view"])
            finally:
                session.stop()
    except (SourceError, SinkError, WorkerError) as error:
        raise ValueError(str(error)) from error
    for kept in session.keeper.results:
        click.echo(kept)


def _show(session: Any, seconds: float | None, view: bool) -> None:
    """The live view until the time is over, or the user says quit."""
    from musika_daw.host.control.keys import Keys

    end_s = time.monotonic() + seconds if seconds is not None else float("inf")
    keys = Keys(session.live)
    keys.start()
    try:
        if view:
            _show_live(session, end_s)
        else:
            while not session.quit and time.monotonic() < end_s:
                time.sleep(0.05)
    finally:
        keys.stop()
    meter = session.host.player.meter()
    click.echo(f"{meter.blocks} blocks, {meter.underruns} underruns, {session.sink.xruns} late blocks")


def _show_live(session: Any, end_s: float) -> None:
    from rich.live import Live

    from musika_daw.commands.view import run_table

    with Live(refresh_per_second=VIEW_HZ, transient=True) as live:
        while not session.quit and time.monotonic() < end_s:
            session.keeper.poll()
            notes = [*session.notes, *session.source.warnings, *session.keeper.results[-2:]]
            if session.midi_map.learning:
                notes.append(f"move the controller for {session.midi_map.learning}")
            status, sink = session.host.status(), session.sink
            live.update(run_table(status, session.source_name, sink.name, sink.xruns, session.live, notes))
            time.sleep(1 / VIEW_HZ)


@click.command()
def ports() -> None:
    """List MIDI ports and audio outputs."""
    from bridge import SourceError, list_ports
    from musika_daw.host.sinks.sink import SinkError, list_devices

    for title, output in (("MIDI in", False), ("MIDI out", True)):
        try:
            with quiet_libraries():
                found = list_ports(output)
            rows = [f"{name}  ({system})" for system, name in found] or ["none"]
        except SourceError as error:
            rows = [_told(error)]
        _list(title, rows)
    try:
        rows = [f"{name}  ({system})" for system, name in list_devices()] or ["none"]
    except SinkError as error:
        rows = [_told(error)]
    _list("audio out", rows)
    _list("JACK", jack_rows())


def jack_rows() -> list[str]:
    """A line on the JACK server and one a port of others, or one on why there is none."""
    from bridge import SourceError
    from bridge.jack.source import open_client

    try:
        with quiet_libraries():
            client = open_client("musika-daw ports", None)
    except SourceError as error:
        return [_told(error)]
    rows = [f"{client.samplerate} Hz, {client.blocksize} frames a period"]
    rows += [port.name for port in client.get_ports(is_audio=True, is_input=True)]
    rows += [f"jack-midi:{port.name}" for port in client.get_ports(is_midi=True, is_output=True)]
    rows += [f"--clock-out jack-midi:{port.name}" for port in client.get_ports(is_midi=True, is_input=True)]
    client.close()
    return rows


def _told(error: Exception) -> str:
    return " ".join(str(error).split())


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """The C libraries under MIDI and JACK write their complaints to stderr themselves; ours say it in one line."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _list(title: str, rows: list[str]) -> None:
    for index, row in enumerate(rows):
        click.echo(f"{title if not index else '':10s} {row}")


@click.command()
@click.argument("source")
@click.option("--seconds", type=click.FloatRange(0.1), help="Stop by itself after this long.")
@click.option("--plain", is_flag=True, help="One line a second instead of the live view.")
@source_options
def monitor(source: str, seconds: float | None, plain: bool, **values: Any) -> None:
    """Show what SOURCE sends: every field, how old it is, and what was dropped. SOURCE is as for run."""
    from rich.live import Live

    from bridge import SourceError, Valid, host_time
    from musika_daw.commands.view import monitor_table
    from musika_daw.host.follow.sources import make_source

    watched = make_source(source, _options_of(values))
    end_s = time.monotonic() + seconds if seconds is not None else float("inf")

    def age_s(record: Any) -> float | None:
        known = record.knows(Valid.HOST_TIME_S) and len(record.known()) > 1
        return max(0.0, host_time() - record.host_time_s) if known else None

    try:
        with watched:
            if plain:
                while time.monotonic() < end_s:
                    click.echo(plain_line(watched.latest(), watched.counts, watched.warnings))
                    time.sleep(max(0.0, min(1.0, end_s - time.monotonic())))
                return
            with Live(refresh_per_second=10) as live:
                while time.monotonic() < end_s:
                    record = watched.latest()
                    live.update(monitor_table(record, watched.counts, watched.warnings, age_s(record)))
                    time.sleep(0.1)
    except KeyboardInterrupt:
        return
    except SourceError as error:
        raise ValueError(str(error)) from error


def plain_line(record: Any, counts: Any, warnings: tuple[str, ...]) -> str:
    """A record on one line: only what is known."""
    known = {name: value for name, value in record.known().items() if name != "host_time_s"}
    parts = [f"{n}={v:.4f}" if isinstance(v, float) else f"{n}={v}" for n, v in known.items()]
    bad = counts.malformed + counts.oversized + counts.dropped
    parts += [f"messages={counts.received}", f"bad={bad}", *(f"warning: {w}" for w in warnings)]
    return re.sub(r"\s+", " ", " ".join(parts))
