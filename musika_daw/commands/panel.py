"""`musika-daw panel`: a window beside the DAW."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option(
    "--port", default=9141, show_default=True, type=click.IntRange(1, 65535), help="Control port of the host."
)
@click.option("--no-start", is_flag=True, help="Start no host where none answers.")
@click.option("--source", default="internal", show_default=True, help="Source of a host that is started here.")
@click.option("--sink", help="Its sink.  [default: the run command's]")
@click.option("--model", default="parts", show_default=True, help="Its model.")
@click.option("--effect", "effects", multiple=True, help="Its effects, repeatable.")
@click.option(
    "--keep-to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Its folder for captures.  [default: Musika/Kept in your music]",
)
@click.option(
    "--folder",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of loops or packs for the shelf, repeatable.",
)
@click.option("--theme", type=click.Choice(["system", "dark", "light"]), help="Colours.  [default: as last time]")
@click.option("--settings", type=click.Path(dir_okay=False, path_type=Path), help="File to remember the window in.")
def panel(port: int, no_start: bool, **values: Any) -> None:
    """Open a window to see the host, steer it, and drag loops into the DAW.

    \b
    musika-daw panel
    musika-daw panel --source jack --sink jack
    musika-daw panel --source midi:Ableton --folder packs/first
    """
    if importlib.util.find_spec("PySide6") is None:
        raise ValueError("the panel needs an extra: pip install 'musika-daw[gui]'")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, _SCREENS)):
        raise ValueError("there is no screen to open a window on: neither DISPLAY nor WAYLAND_DISPLAY is set")
    from musika_daw.panel.window.app import PanelOptions, open_panel

    host: list[str] = [values["source"], "--model", values["model"]]
    for effect in values["effects"]:
        host += ["--effect", effect]
    for name in ("sink", "keep_to"):
        if values[name] is not None:
            host += [f"--{name.replace('_', '-')}", str(values[name])]
    options = PanelOptions(
        port, None if no_start else tuple(host), values["folders"], values["theme"], values["settings"]
    )
    sys.exit(open_panel(options))


_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
