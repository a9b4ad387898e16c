"""`OscControl`: controls and actions over OSC, `/musika/control/density f`, `/musika/action/keep_4`."""

from __future__ import annotations

import dataclasses
import socket

from bridge import Counts
from bridge.osc_codec import decode
from bridge.sockets import Address, UdpListener, bind, check_host, check_port
from musika_daw.host.live import ACTIONS, PARAMETERS, LiveControls

PORT = 9140
CONTROL, ACTION = "/musika/control/", "/musika/action/"


class OscControl:
    """Listens on loopback, or elsewhere if `allow_remote`; what is malformed, too long or too much is counted.

    A control takes a number, or nil for off; an action takes anything or nothing, except a 0 (a button let go).
    Raises ValueError for a host or port that is none.
    """

    def __init__(
        self, live: LiveControls, port: int = PORT, host: str = "127.0.0.1", allow_remote: bool = False
    ) -> None:
        self._live = live
        self._host = check_host("host", host, allow_remote)
        self._port = check_port("port", port)
        self._listening: UdpListener | None = None
        self.counts = Counts()

    def start(self) -> None:
        """Open the port. Raises bridge.SourceError if it is taken."""
        if self._listening is None:
            bound = bind(socket.SOCK_DGRAM, self._host, self._port, "OSC controls")
            self._listening = UdpListener(bound, self._packet, self._problem)
            self._listening.start()

    def stop(self) -> None:
        """Close the port."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        return self._port if self._listening is None else self._listening.port

    def _packet(self, data: bytes, _sender: Address, _now_s: float) -> None:
        for message in decode(data):
            address, arguments = message.address, list(message.arguments)
            if address.startswith(CONTROL) and address[len(CONTROL) :] in PARAMETERS:
                name = address[len(CONTROL) :]
                if len(arguments) != 1:
                    raise ValueError(f"{name}: {len(arguments)} arguments, must be one")
                value = arguments[0]
                if PARAMETERS[name].whole and isinstance(value, float) and value.is_integer():
                    value = int(value)
                self._live.set(name, value)
            elif address.startswith(ACTION) and address[len(ACTION) :] in ACTIONS:
                if not arguments or arguments[0] not in (0, False):
                    self._live.act(address[len(ACTION) :])
            else:
                raise ValueError(f"address: {address!r:.60}, must be a control or an action")
            self._problem("received")

    def _problem(self, kind: str) -> None:
        self.counts = dataclasses.replace(self.counts, **{kind: getattr(self.counts, kind) + 1})
