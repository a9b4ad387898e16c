"""`OscControl`: controls and actions over OSC, `/musika/control/density f`, `/musika/action/keep_4`."""

from __future__ import annotations

import dataclasses
import socket

from bridge import Counts
from bridge.osc.codec import decode
from bridge.sockets.listen import Address, Listens, UdpListener, bind
from musika_daw.host.control.live import ACTIONS, PARAMETERS, LiveControls

PORT = 9140
CONTROL, ACTION = "/musika/control/", "/musika/action/"


class OscControl(Listens[UdpListener]):
    """Listens on loopback, or elsewhere if `allow_remote`; what is malformed, too long or too much is counted.

    A control takes a number, or nil for off; an action takes anything or nothing, except a 0 (a button let go).
    Raises ValueError for a host or port that is none.
    """

    def __init__(
        self, live: LiveControls, port: int = PORT, host: str = "127.0.0.1", allow_remote: bool = False
    ) -> None:
        self._live = live
        self._listen_on(host, port, allow_remote)
        self.counts = Counts()

    def _listen(self) -> UdpListener:
        return UdpListener(
            bind(socket.SOCK_DGRAM, self.host, self._wanted_port, "OSC controls"), self._packet, self._problem
        )

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
