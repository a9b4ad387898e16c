"""What a host could follow here: sources by name and label, and MIDI inputs."""

from __future__ import annotations

import importlib.util
from typing import Any

from bridge import SourceError, list_ports
from bridge.osc.dialects import DIALECTS

# DAWs that are not written as their name in an address, with a capital
_SPELLED = {"reaper": "REAPER"}


def devices() -> dict[str, Any]:
    """Sources that can be chosen here, as their names and labels, and the MIDI inputs."""
    try:
        inputs = [name for _, name in list_ports()]
    except SourceError:
        inputs = []
    found = [("internal", "own clock"), ("plugin", "plugin in the DAW"), ("jack", "JACK transport")]
    if importlib.util.find_spec("link") is not None:
        found.append(("link", "Ableton Link"))
    found += [(f"midi:{name}", f"MIDI clock from {name}") for name in inputs]
    found += [("midi", "MIDI clock into a port of our own")]
    found += [(f"mtc:{name}", f"MIDI time code from {name}") for name in inputs]
    found += [(f"osc:{name}", f"OSC from {_SPELLED.get(name, name.capitalize())}") for name in DIALECTS]
    found += [("udp", "bridge protocol, UDP"), ("tcp", "bridge protocol, TCP")]
    return {"sources": [{"name": name, "label": label} for name, label in found], "midi_inputs": inputs}
