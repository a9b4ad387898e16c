"""A client of a JACK server: how it joins (`open_client`), whether cycles come (`CycleWatch`), and how it leaves.

Needs the extra `jack` (JACK-Client) and a running server, which is never started from here.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

from bridge.clock.source import SourceError, host_time

STALLED_S = 2.0
WAKE_S = 0.3


class CycleWatch:
    """Whether a server still runs cycles: PipeWire's clients are told nothing when it ends."""

    def __init__(self, clock: Callable[[], float] = host_time) -> None:
        self._clock = clock
        self._seen, self._since_s = 0, clock()
        self.cycles = 0  # counted by the callback

    def is_stalled(self) -> bool:
        """Whether none was run for two seconds, as far as who asks about once a second can tell."""
        now_s = self._clock()
        if self.cycles != self._seen:
            self._seen, self._since_s = self.cycles, now_s
        return now_s - self._since_s > STALLED_S


def open_client(name: str, server: str | None) -> Any:
    """A JACK client. Raises SourceError without the extra, the library or a server."""
    try:
        jack = importlib.import_module("jack")
    except ImportError as error:
        raise SourceError(f"JACK needs an extra: pip install 'musika-daw[jack]' ({error})") from error
    except OSError as error:
        raise SourceError(f"JACK's library is missing, `musika-daw doctor` names its package ({error})") from error
    hear_errors = getattr(jack, "set_error_function", lambda *_: None)
    hear_errors(lambda _: None)  # libjack writes some lines of its own before it fails, which ours says in one
    try:
        return jack.Client(name, no_start_server=True, servername=server)
    except jack.JackError as error:
        raise SourceError(f"JACK server {server or 'default'!r} does not answer: {error}") from error
    finally:
        hear_errors()


def has_woken(client: Any, name: str, server: str | None) -> bool:
    """Whether a server that had stalled runs cycles for this client again; else another has taken its place.

    Waits as long as the server is held up. Raises SourceError while none answers.
    """
    open_client(f"{name} look", server).close()
    stood, end_s = client.last_frame_time, time.monotonic() + WAKE_S
    while client.last_frame_time == stood:
        if time.monotonic() > end_s:
            return False
        time.sleep(0.01)
    return True


_LOST: list[Any] = []
_WOKEN: list[Any] = []


def leave(client: Any, lost: bool) -> None:
    """Close a client. One whose server is gone is only laid aside: libjack crashes when it is closed after
    another client has met the next server, and its memory is gone with the old one anyway."""
    if lost:
        _LOST.append(client)  # its callbacks must stay where libjack's threads may still look for them
    else:
        client.close()


def wake(client: Any) -> None:
    """A client that was laid aside is called, so its server was only held up: it plays nothing. For its callback."""
    for port in client.outports:
        port.get_array().fill(0)
    for port in client.midi_outports:
        port.clear_buffer()
    if client not in _WOKEN:
        _WOKEN.append(client)


def close_woken() -> None:
    """Close those clients, which else stay in the server, connected as they were."""
    while _WOKEN:
        client = _WOKEN[0]
        if client in _LOST:
            _LOST.remove(client)
            client.close()
        _WOKEN.remove(client)
