"""The panel: a window beside the DAW, a client of the host's control socket. It needs the extra `gui`.

It plays and renders nothing: sound, models and timing are the host's, packs are made by `musika-pack`. The names are
loaded at first use, so the package can be imported without Qt.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musika_daw.panel.link.client import HostClient
    from musika_daw.panel.shelf.library import Sound, scan
    from musika_daw.panel.window.app import PanelOptions, open_panel
    from musika_daw.panel.window.window import PanelWindow

_HOME = {
    "HostClient": "link.client",
    "PanelOptions": "window.app",
    "PanelWindow": "window.window",
    "Sound": "shelf.library",
    "open_panel": "window.app",
    "scan": "shelf.library",
}
__all__ = ["HostClient", "PanelOptions", "PanelWindow", "Sound", "open_panel", "scan"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'musika_daw.panel' has no attribute {name!r}")
    return getattr(import_module(f"musika_daw.panel.{_HOME[name]}"), name)
