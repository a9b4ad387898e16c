"""`OscControl`: `/musika/control/density f`, `/musika/action/keep_4`, `/musika/score/chords s` and so on over OSC."""

from __future__ import annotations

import dataclasses
import socket

from bridge import Counts
from bridge.osc.codec import Message, decode_whole
from bridge.sockets.listen import Address, Listens, UdpListener, bind
from musika_daw.host.control.live import ACTIONS, PARAMETERS, WRITTEN, LiveControls
from musika_daw.host.control.part_mix import MUTE, SOLO
from musika_daw.score.parts import PARTS

PORT = 9140
CONTROL, ACTION, SCORE = "/musika/control/", "/musika/action/", "/musika/score/"
PART = {f"/musika/{kind}/{part}": (kind, part) for kind in (MUTE, SOLO) for part in PARTS}


class OscControl(Listens[UdpListener]):
    """Listens on loopback, or elsewhere if `allow_remote`; what is malformed, too long or too much is counted.

    A control takes a number, or nil for off; an action takes anything or nothing, except a 0 (a button let go); what a
    score is written in takes a text, or nil for its own; mute and solo of a part take 1 or 0.
    Raises ValueError for a host or port that is not valid.
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
        messages, problem = decode_whole(data)
        for message in messages:  # one that makes no sense does not cost its neighbours
            try:
                self._take(message)
                self._problem("received")
            except ValueError as error:
                problem = problem or str(error)
        if problem is not None:
            raise ValueError(problem)

    def _take(self, message: Message) -> None:
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
        elif address.startswith(SCORE) and address[len(SCORE) :] in WRITTEN:
            name = address[len(SCORE) :]
            if len(arguments) != 1 or not isinstance(arguments[0], str | None):
                raise ValueError(f"{name}: {arguments!r:.60}, must be one text, or nil")
            self._live.write({name: arguments[0]})
        elif address in PART:
            if len(arguments) != 1 or arguments[0] not in (0, 1):
                raise ValueError(f"{address}: {arguments!r:.40}, must be 1 or 0")
            self._live.mix(*PART[address], bool(arguments[0]))
        else:
            raise ValueError(f"address: {address!r:.60}, must be a control, an action or what a score is written in")

    def _problem(self, kind: str) -> None:
        self.counts = dataclasses.replace(self.counts, **{kind: getattr(self.counts, kind) + 1})
