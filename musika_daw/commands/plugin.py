"""`musika-daw plugin` and `musika-daw run plugin`: the plugin in a DAW, and the host that renders for it."""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from musika_daw.system.ending import ended_by_signals

VIEW_HZ = 5
IDLE_MINUTES = 10


def run_plugin(values: dict[str, Any]) -> None:
    """Render for plugins until the time is over, the user says quit, or there were none for long."""
    from bridge import SourceError
    from musika_daw.host.ahead.worker import WorkerError
    from musika_daw.host.control.live import WRITTEN, written_controls
    from musika_daw.host.plugin.session import PluginOptions, PluginSession

    idle = values["idle_minutes"]
    options = PluginOptions(
        values["model"],
        replace(written_controls(**{name: values[name] for name in WRITTEN}), truncation=values["truncation"]),
        tuple(values["effects"]),
        values["ahead"],
        values["listen_port"] or 0,
        None if idle is None else idle * 60,
    )
    try:
        with ended_by_signals() as ending:
            session = PluginSession(options)
            ending.quit_ = session.end
            try:
                session.start()
                _show(session, values["seconds"], view=not values["no_view"])
            finally:
                session.stop()
    except (SourceError, WorkerError) as error:
        raise ValueError(str(error)) from error


def _show(session: Any, seconds: float | None, view: bool) -> None:
    end_s = time.monotonic() + seconds if seconds is not None else float("inf")
    if view:
        from rich.live import Live

        from musika_daw.commands.view import plugin_table

        with Live(refresh_per_second=VIEW_HZ, transient=True) as live:
            while not session.is_over() and time.monotonic() < end_s:
                live.update(plugin_table(session.source.instances, session.host, session.source.counts))
                time.sleep(1 / VIEW_HZ)
    else:
        while not session.is_over() and time.monotonic() < end_s:
            time.sleep(1 / VIEW_HZ)
    host, counts = session.host, session.source.counts
    click.echo(f"{host.rendered_s:.1f} s rendered, {host.deaths} renderers lost, {counts.malformed} bad messages")


@click.group()
def plugin() -> None:
    """Install the plugin for your DAW (CLAP, VST3, LV2), see how it is, remove it."""


@plugin.command()
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(("clap", "vst3", "lv2")),
    help="Only this format; may be repeated.",
)
@click.option(
    "--from",
    "built",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of built bundles.  [default: those of this program]",
)
@click.option("--start-command", help="Command with which the plugin starts a host where none runs.")
@click.option("--no-start", is_flag=True, help="The plugin never starts a host.")
def install(formats: tuple[str, ...], built: Path | None, start_command: str | None, no_start: bool) -> None:
    """Copy the plugin into your plugin folders, and tell it how to start a host."""
    from bridge.plugin_link.rendezvous import write_command
    from musika_daw.system.plugin_bundles import bundles
    from musika_daw.system.plugin_bundles import install as install_bundle

    if no_start and start_command is not None:
        raise ValueError("start_command: given together with no_start, must be one of them")
    wanted = [bundle for bundle in bundles(built) if not formats or bundle.format in formats]
    missing = [bundle for bundle in wanted if not bundle.is_built]
    if missing:
        raise ValueError(
            f"from: no {missing[0].format} at {missing[0].built}; wheels have it, a clone builds it with make plugin"
        )
    words = default_command() if start_command is None else split_words(start_command)
    write_command([] if no_start else words)
    for bundle in wanted:
        install_bundle(bundle)
        click.echo(f"{bundle.format:5s} {bundle.target}")
    click.echo(f"start {'off' if no_start else shlex.join(words)}")


@plugin.command()
def status() -> None:
    """Say what is installed, whether a host runs, and how the plugin would start one."""
    from bridge.plugin_link.rendezvous import find_host, read_command
    from musika_daw.system.plugin_bundles import bundles

    for bundle in bundles():
        if not bundle.is_installed:
            text = f"not installed{'' if bundle.is_built else ', not built'}"
        else:
            text = f"{bundle.target}{'' if not bundle.is_built or bundle.is_current else ' (another build)'}"
        click.echo(f"{bundle.format:5s} {text}")
    found = find_host()
    click.echo(f"host  {'none runs' if found is None else f'process {found.pid}, port {found.port}'}")
    click.echo(f"start {shlex.join(read_command()) or 'off'}")


@plugin.command()
def uninstall() -> None:
    """Remove the plugin from your plugin folders, and the command with which it starts a host."""
    from bridge.plugin_link.rendezvous import COMMAND_FILE, STARTING_FILE, rendezvous_folder
    from musika_daw.system.plugin_bundles import bundles, remove

    for bundle in bundles():
        click.echo(f"{bundle.format:5s} {'removed' if remove(bundle.target) else 'was not installed'}")
    for name in (COMMAND_FILE, STARTING_FILE):
        (rendezvous_folder() / name).unlink(missing_ok=True)


def default_command() -> list[str]:
    """This program, rendering for plugins until none is there any more."""
    return [sys.executable, "-m", "musika_daw", "run", "plugin", "--no-view", "--idle-minutes", str(IDLE_MINUTES)]


def split_words(text: str) -> list[str]:
    """The words of a command line. Raises ValueError."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"start_command: {text!r:.60}: {error}") from None
