"""`musika-daw ports`: MIDI ports, audio outputs and JACK, each with its problem where there is one."""

from __future__ import annotations

import click

from musika_daw.system.quiet import quiet_libraries


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
    from bridge.jack.client import open_client

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


def _list(title: str, rows: list[str]) -> None:
    for index, row in enumerate(rows):
        click.echo(f"{title if not index else '':10s} {row}")
