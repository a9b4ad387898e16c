"""MIDI ports by name over python-rtmidi, with the time stamps of the driver, not of the callback.

Ports of JACK are not among them, though rtmidi knows JACK too: it closes its clients without giving up Python's
lock, and the server waits meanwhile for a cycle of the program's other clients, which need that lock. `jack_midi`
serves those ports, with the frame of every message besides.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bridge.clock.source import SourceError, host_time

CLIENT_NAME = "musika-daw"
APIS = {"alsa": "API_LINUX_ALSA", "core": "API_MACOSX_CORE", "winmm": "API_WINDOWS_MM"}
ELSEWHERE = "a JACK port is named jack-midi:PORT"

_ADDRESS = re.compile(r"\s+\d{1,3}:\d{1,3}$")

OnMessage = Callable[[Sequence[int], float], None]


class Stamps:
    """Host times of messages from the driver's intervals.

    A callback is called late by an amount that varies; the driver's interval to the previous message does
    not. The sum of the intervals, set against the host clock so that the promptest callback of the last one
    or two windows was on time, is steadier than the host clock at the callback, and follows when the two
    clocks drift apart or the driver loses time.
    """

    def __init__(self, window_s: float = 1.0, slack_s: float = 0.05) -> None:
        self._window_s, self._slack_s = window_s, slack_s
        self._sum_s = 0.0
        self._window_end_s = 0.0
        self._lags: tuple[float, float] | None = None  # least lag of the window before, and of this one

    def stamp(self, interval_s: float, now_s: float) -> float:
        """Time of a message that the driver saw `interval_s` after the last and whose callback runs now."""
        self._sum_s += max(interval_s, 0.0)
        lag_s = now_s - self._sum_s
        # far off: messages we are not shown took time too, or the driver has started to count afresh
        if self._lags is None or abs(lag_s - min(self._lags)) > self._slack_s:
            self._lags = lag_s, lag_s
            self._window_end_s = self._sum_s + self._window_s
        elif self._sum_s >= self._window_end_s:
            self._lags = self._lags[1], lag_s
            self._window_end_s = self._sum_s + self._window_s
        else:
            self._lags = self._lags[0], min(self._lags[1], lag_s)
        return self._sum_s + min(self._lags)


class InputPort:
    """An open MIDI input that calls back for every message, system real time and exclusive included."""

    def __init__(self, device: Any, name: str, on_message: OnMessage) -> None:
        self.name = name
        self._device = device
        self._on_message = on_message
        self._stamps = Stamps()
        device.ignore_types(sysex=False, timing=False, active_sense=True)
        device.set_callback(self._callback)

    def _callback(self, event: tuple[list[int], float], _data: object = None) -> None:
        message, interval_s = event
        self._on_message(message, self._stamps.stamp(interval_s, host_time()))

    def close(self) -> None:
        """Stop calling back and give the port back."""
        self._device.cancel_callback()
        self._device.close_port()
        self._device.delete()


class OutputPort:
    """An open MIDI output."""

    def __init__(self, device: Any, name: str) -> None:
        self.name = name
        self._device = device

    def send(self, message: bytes) -> None:
        """Send one message now."""
        self._device.send_message(list(message))

    def close(self) -> None:
        """Give the port back."""
        self._device.close_port()
        self._device.delete()


def list_ports(output: bool = False, api: str | None = None) -> list[tuple[str, str]]:
    """(system, port name) of every MIDI port but JACK's. Raises SourceError if no MIDI system works."""
    found = []
    for system, device in _devices(output, api):
        found += [(system, name) for name in device.get_ports()]
        device.delete()
    return found


def open_input(
    port: str | None, on_message: OnMessage, virtual: str | None = None, api: str | None = None
) -> InputPort:
    """Open the input whose name is `port` or alone contains it, or make a virtual one. Raises SourceError."""
    device, name = _open(port, virtual, api, output=False)
    return InputPort(device, name, on_message)


def open_output(port: str | None, virtual: str | None = None, api: str | None = None) -> OutputPort:
    """Open the output named `port`, or alone containing it, or make a virtual one. Raises SourceError."""
    return OutputPort(*_open(port, virtual, api, output=True))


def choose(wanted: str, names: Sequence[str]) -> int | None:
    """Index of the name that is `wanted`, or else of the only one containing it, whatever the case.

    ALSA's numbers of client and port at the end (`24:0`) change with the order in which things are plugged in: the
    only port that is called the same but for them is meant too.
    """
    if wanted in names:
        return list(names).index(wanted)
    lower = [name.lower() for name in names]
    partly = [i for i, name in enumerate(lower) if wanted.lower() in name]
    if not partly and _ADDRESS.search(wanted):
        bare = _ADDRESS.sub("", wanted.lower())
        partly = [i for i, name in enumerate(lower) if _ADDRESS.sub("", name) == bare]
    return partly[0] if len(partly) == 1 else None


def _rtmidi() -> Any:
    try:
        return importlib.import_module("rtmidi")
    except ImportError as error:
        hint = "pip install 'musika-daw[midi]', which builds it on Python 3.13 and later"
        raise SourceError(f"MIDI ports need python-rtmidi: {hint} ({error}); {ELSEWHERE}") from error


def _devices(output: bool, api: str | None) -> Iterator[tuple[str, Any]]:
    """Every MIDI system that works, as (name, rtmidi object). Raises SourceError if there is none."""
    rtmidi = _rtmidi()
    if api is not None and api not in APIS:
        raise SourceError(f"MIDI system {api!r}, must be one of {', '.join(APIS)}")
    compiled = set(rtmidi.get_compiled_api())
    reasons = []
    working = 0
    for system in [api] if api else APIS:
        number = getattr(rtmidi, APIS[system])
        if number not in compiled:
            if api:
                reasons.append(f"{system}: not built into python-rtmidi here")
            continue
        try:
            device = (rtmidi.MidiOut if output else rtmidi.MidiIn)(number, name=CLIENT_NAME)
        except (rtmidi.RtMidiError, OSError) as error:
            reasons.append(f"{system}: {' '.join(str(error).split())}")
            continue
        working += 1
        yield system, device
    if not working:
        why = "; ".join(reasons) or "python-rtmidi has none built in"
        raise SourceError(f"no MIDI system works here ({why}); {ELSEWHERE}")


def _open(port: str | None, virtual: str | None, api: str | None, output: bool) -> tuple[Any, str]:
    rtmidi = _rtmidi()
    seen: list[str] = []
    for _system, device in _devices(output, api):
        try:
            if virtual is not None:
                device.open_virtual_port(virtual)
                return device, virtual
            names = device.get_ports()
            index = choose(port or "", names)
            if index is not None:
                device.open_port(index, "in" if not output else "out")
                return device, names[index]
            seen += names
        # rtmidi raises NotImplementedError where the system has no virtual ports (Windows)
        except (rtmidi.RtMidiError, NotImplementedError, OSError) as error:
            seen.append(f"({' '.join(str(error).split())})")
        device.delete()
    kind = "output" if output else "input"
    wanted = f"virtual {virtual!r}" if virtual is not None else repr(port)
    there = ", ".join(seen) or "none"
    raise SourceError(f"MIDI {kind} port {wanted} cannot be opened; there are: {there}; {ELSEWHERE}")
